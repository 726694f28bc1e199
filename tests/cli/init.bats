#!/usr/bin/env bats
# init: a folder that can provision, from nothing; again and again.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
}

teardown() {
    end
}

init() { # init DIR: without -C, without a terminal
    run --separate-stderr timeout -s KILL 60 setsid "$BUILD/fuseline" --json init "$@" </dev/null
}

@test "from nothing: configuration, registry, a token for each role, PINs in files of mode 0400" {
    init "$T/line"
    succeeds
    prints '"config":"made"' '"registry":"made"' '{"role":"vault","embedded":true,"made":true}' '{"label":"kek","kcv":"' \
        '{"label":"kek-secret","kcv":"'
    local role
    for role in line server log vault; do
        [ "$(stat -c %a "$T/line/pins/$role.pin")" = 400 ]
        [ "$(stat -c %a "$T/line/pins/$role.so-pin")" = 400 ]
        grep -q "^\[hsm $role\]" "$T/line/fuseline.conf"
    done
    [ "$(stat -c %a "$T/line")" = 700 ]
    [ "$(for p in "$T"/line/pins/*; do cat "$p"; echo; done | sort -u | wc -l)" = 8 ]
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" audit list
    prints keys.made
}

@test "again: everything is kept, byte by byte" {
    init "$T/line"
    succeeds
    local kcv before
    kcv=$(json kcv)
    before=$(cat "$T"/line/fuseline.conf "$T"/line/pins/* | sha256sum)
    init "$T/line"
    succeeds
    prints '"config":"kept"' '"registry":"kept"' '{"role":"line","embedded":true,"made":false}'
    [ "$(json kcv)" = "$kcv" ]
    [ "$(cat "$T"/line/fuseline.conf "$T"/line/pins/* | sha256sum)" = "$before" ]
    run "$BUILD/fuseline" -C "$T/line" audit list
    [ "$(grep -c keys.made <<<"$output")" = 1 ]
}

@test "what an interrupted run left is completed: no configuration, no registry, no copied keys" {
    init "$T/line"
    local kcv
    kcv=$(json kcv)
    rm "$T/line/fuseline.conf" "$T"/line/registry.db*
    init "$T/line"
    succeeds
    prints '"config":"made"' '"registry":"made"' '{"role":"line","embedded":true,"made":false}'
    [ "$(json kcv)" = "$kcv" ]
    rm "$T/line/pins/log.so-pin" # of a token that is there: not needed any more
    init "$T/line"
    succeeds
}

@test "killed at any moment, the next run completes it" {
    local ms
    for ms in 02 05 08 12 16 20 25 30 40; do
        timeout -s KILL "0.$ms" "$BUILD/fuseline" init "$T/line" >/dev/null 2>&1 || true
    done
    init "$T/line"
    succeeds
    init "$T/line"
    succeeds
    prints '"config":"kept"' '{"role":"server","embedded":true,"made":false}'
    fl --json product list
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" --json doctor
    prints '"check":"keks","slot":null,"status":"ok"'
}

@test "two folders have different PINs and keys" {
    init "$T/one"
    local kcv
    kcv=$(json kcv)
    init "$T/two"
    [ "$(json kcv)" != "$kcv" ]
    ! cmp -s "$T/one/pins/line.pin" "$T/two/pins/line.pin"
}

@test "a configuration that is there is kept, and extended by what it lacks" {
    config '# mine\n[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    chmod 644 "$T/fuseline.conf"
    init "$T"
    succeeds
    prints '"config":"extended"'
    [ "$(head -n 4 "$T/fuseline.conf")" = "$(printf '# mine\n[slot a]\nchip = stm32l476\nadapter = a.cfg')" ]
    grep -q '^\[hsm vault\]' "$T/fuseline.conf"
    [ ! -e "$T/fuseline.conf.new" ]
}

@test "a role with another token is left alone" {
    config '[hsm line]\nuri = pkcs11:token=mine?module-path=/usr/lib/mine.so\n'
    init "$T"
    succeeds
    prints '{"role":"line","embedded":false,"made":false}' '{"role":"server","embedded":true,"made":true}' '"keys":[]'
    [ ! -e "$T/pins/line.pin" ]
}

@test "a wrong configuration is told, and nothing is made" {
    config '[slto a]\n'
    init "$T"
    refuses 78 config-section "slto"
    [ ! -e "$T/tokens" ] && [ ! -e "$T/registry.db" ]
}

@test "a folder that can't be made" {
    init "$T/no/line"
    refuses 73 init-folder "$T/no/line"
    : >"$T/file"
    init "$T/file"
    refuses 73 init-folder "no folder"
    init
    refuses 64 missing-option "DIR"
    fl --json init "$T/line"
    refuses 64 doubled-option "'-C' and"
    init one two
    refuses 64 unexpected-operand "'two'"
}

@test "paths longer than a line of the configuration" {
    local deep
    deep=$T/$(printf 'd%.0s' {1..200})/$(printf 'e f%.0s' {1..60})
    mkdir -p "$(dirname "$deep")"
    init "$deep"
    succeeds
    init "$deep/"
    succeeds
    prints '"config":"kept"' '{"label":"kek","kcv":"'
    (cd "$deep" && "$BUILD/fuseline" init . >/dev/null)
    (cd "$deep" && "$BUILD/fuseline" doctor >"$T/doctor" || true)
    grep -q "^ok    token server" "$T/doctor"
}

@test "a folder that was moved works after another init" {
    init "$T/line"
    mv "$T/line" "$T/moved"
    init "$T/moved"
    succeeds
    prints '"config":"kept"' '{"role":"line","embedded":true,"made":false}'
}
