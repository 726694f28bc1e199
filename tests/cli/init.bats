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
    run --separate-stderr timeout -s KILL 300 setsid "$BUILD/fuseline" --json init "$@" </dev/null
}

signer() { # the log's, as init told it
    grep -o '"public":"[^"]*' <<<"$output" | cut -d '"' -f 4
}

objects() { # objects ROLE: how many keys its token holds, halves of pairs counted; the kept copy must hold as many
    local dir n=
    for dir in $(dirname $(grep -la "$1  " "$T"/line/tokens/*/token.object "$T"/line/keep/*/token.object)); do
        n="$n $(ls "$dir"/*.object | grep -vc /token.object)"
    done
    [ "${n% *}" = " ${n##* }" ] && echo "${n##* }"
}

former() { # former [ROLE...]: as a version left it that made KEKs only: no master, which is made last, and no signer
    local dir role
    for role in ${@:-line server log}; do
        for dir in "$T"/line/tokens/*/ "$T"/line/keep/*/; do
            grep -qa "$role  " "$dir/token.object" || continue
            ls -t "$dir"*.object | grep -v /token.object | head -n $([ $role = log ] && echo 2 || echo 1) | xargs rm
        done
    done
}

@test "from nothing: configuration, registry, a token for each role, PINs in files of mode 0400" {
    init "$T/line"
    succeeds
    prints '"config":"made"' '"registry":"made"' '{"role":"vault","embedded":true,"made":true}' '{"label":"kek","kcv":"' \
        '{"label":"kek-secret","kcv":"' '{"label":"master/1","kcv":"' '{"label":"checkpoint","kcv":"'
    local role signer
    signer=$(signer)
    [[ $signer =~ ^[0-9a-f]{64}$ ]]
    for role in line server log vault; do
        [ "$(stat -c %a "$T/line/pins/$role.pin")" = 400 ]
        [ "$(stat -c %a "$T/line/pins/$role.so-pin")" = 400 ]
        grep -q "^\[hsm $role\]" "$T/line/fuseline.conf"
    done
    [ "$(stat -c %a "$T/line")" = 700 ]
    [ "$(for p in "$T"/line/pins/*; do cat "$p"; echo; done | sort -u | wc -l)" = 8 ]
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" audit list
    prints keys.made "checkpoint=$signer" "kek=" "kek-secret=" "master/1="
    [ "$(objects line)" = 3 ] && [ "$(objects server)" = 3 ] && [ "$(objects log)" = 2 ] && [ "$(objects vault)" = 0 ]
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
    rm "$T/line/fuseline.conf" "$T"/line/registry.*
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

@test "a folder of a former version gets the keys that it lacks, and the log tells of them" {
    init "$T/line"
    local keks
    keks=$(grep -o '"label":"kek[^}]*' <<<"$output" | sed 's/,"made.*//')
    former
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" --json doctor
    prints '"check":"keks","slot":null,"status":"ok"' '"check":"master","slot":null,"status":"none"' \
        '"check":"log signer","slot":null,"status":"none"' "no key 'master/1'; \`fuseline init\` makes it"
    init "$T/line"
    succeeds
    [ "$(grep -o '"label":"kek[^}]*' <<<"$output" | sed 's/,"made.*//')" = "$keks" ]
    [[ $output =~ '"label":"checkpoint","kcv":"'[0-9a-f]{6}'","made":true' ]]
    [[ $output =~ '"label":"master/1","kcv":"'[0-9a-f]{6}'","made":true' ]]
    [[ $output =~ '"label":"kek","kcv":"'[0-9a-f]{6}'","made":false' ]]
    local signer
    signer=$(signer)
    [ -n "$signer" ]
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" --json doctor
    prints '"check":"master","slot":null,"status":"ok"' '"check":"log signer","slot":null,"status":"ok"' "$signer"
    run "$BUILD/fuseline" -C "$T/line" audit list
    [ "$(grep -c keys.made <<<"$output")" = 2 ]
    grep "checkpoint=$signer" <<<"$output" | grep master/1= | grep -v kek=
}

@test "killed at any moment of that, the next run completes it" {
    init "$T/line"
    local ms
    for ms in 008 011 014 017 020 023 010+ 100+ 300+; do
        former $([[ $ms = *+ ]] || echo log) # the signer alone, which is quick; or all, with an RSA key before the copy
        timeout -s KILL "0.${ms%+}" "$BUILD/fuseline" init "$T/line" >/dev/null 2>&1 || true
        init "$T/line"
        succeeds
        run --separate-stderr "$BUILD/fuseline" -C "$T/line" --json doctor
        prints '"check":"keks","slot":null,"status":"ok"' '"check":"master","slot":null,"status":"ok"' \
            '"check":"log signer","slot":null,"status":"ok"'
    done
}

@test "a server without the line's master is told: nobody could read what is derived from it" {
    init "$T/line"
    local dir
    for dir in "$T"/line/tokens/*/; do
        ! grep -qa "server  " "$dir/token.object" || ls -t "$dir"*.object | grep -v /token.object | head -n 1 | xargs rm
    done
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" --json doctor
    prints '"check":"keks","slot":null,"status":"ok"' '"check":"master","slot":null,"status":"fail"' "'server': no key 'master/1'"
    init "$T/line"
    run --separate-stderr "$BUILD/fuseline" -C "$T/line" --json doctor
    prints '"check":"master","slot":null,"status":"ok"'
}

@test "the master is named by the station's id" {
    config '[station]\nid = 65535\n'
    init "$T"
    succeeds
    prints '{"label":"master/65535","kcv":"'
    run --separate-stderr "$BUILD/fuseline" -C "$T" --json doctor
    prints '"check":"master","slot":null,"status":"ok","detail":"master/65535 '
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
    prints '{"role":"line","embedded":false,"made":false}' '{"role":"server","embedded":true,"made":true}' '"keys":[{"label":"checkpoint"'
    [[ $output != *'"label":"kek'* && $output != *'"label":"master'* ]]
    [ ! -e "$T/pins/line.pin" ]
}

@test "a log token of another make is left alone" {
    config '[hsm log]\nuri = pkcs11:token=mine?module-path=/usr/lib/mine.so\n'
    init "$T"
    succeeds
    prints '{"role":"log","embedded":false,"made":false}' '{"label":"kek","kcv":"'
    [[ $output != *checkpoint* ]]
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

@test "the kept copy of a token is on the disk before it takes its name" {
    # LeakSanitizer can't look for leaks in a traced process
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" run --separate-stderr \
        timeout -s KILL 100 strace -f -y -o "$T/trace" -e trace=fsync,renameat "$BUILD/fuseline" init "$T/line"
    succeeds
    local moves synced
    moves=$(grep -c 'renameat(.*\.fuseline-new.* = 0' "$T/trace")
    [ "$moves" -ge 8 ] # the files of four tokens
    # each move stands behind a sync of what is moved
    synced=$(grep -E 'fsync\(.*\.fuseline-new.* = 0|renameat\(.*\.fuseline-new' "$T/trace" | grep -B 1 renameat | grep -c fsync)
    [ "$moves" = "$synced" ]
}
