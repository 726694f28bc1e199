#!/usr/bin/env bats
# Tokens that are missing, PINs that are wrong, modules that are none: one message each, and no board is touched.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
}

teardown() {
    end
}

set_key() { # set_key ROLE KEY VALUE
    sed -i "/^\[hsm $1\]/,/^\$/s|^$2 = .*|$2 = $3|" "$T/fuseline.conf"
}

refused() { # refused CODE EXIT [TEXT...]: provision --burn is, before the board is touched
    provision --burn
    verdict REFUSED "$1" "$2"
    tells "${@:3}"
    untouched
    fl --json device list
    [ -z "$output" ]
}

@test "a token that is missing: 69" {
    line stm32l476
    set_key line token nobody
    refused hsm-token-missing 69 "'nobody'"
    set_key line token line
    set_key server token nobody # the proof's token too, before the burn
    refused hsm-token-missing 69 "'nobody'"
    : >"$T/none"
    fl_in "$T/none" --json open
    refuses 69 hsm-token-missing
}

@test "a wrong PIN: 77, and it is tried once" {
    line stm32l476
    chmod 600 "$T/pins/line.pin"
    echo 000000 >"$T/pins/line.pin"
    refused pin-wrong 77 "line"
    [[ $output != *000000* && $stderr != *000000* ]]
}

@test "a PIN file that is missing, empty, or open to others: 77" {
    line stm32l476
    chmod 444 "$T/pins/line.pin"
    refused pin-source-open 77 "$T/pins/line.pin" chmod
    rm "$T/pins/line.pin"
    refused pin-source 77 "$T/pins/line.pin"
    (umask 077 && : >"$T/pins/line.pin")
    refused pin-source 77 "empty"
}

@test "no PIN and nobody to ask: 77, without a prompt" {
    line stm32l476
    sed -i '/^pin-source = file:pins\/line.pin/d' "$T/fuseline.conf"
    refused no-pin 77 "line" "--pin-source"
    run --separate-stderr setsid "$BUILD/fuseline" -C "$T" provision --product p --slot a --burn </dev/null
    [ "$status" = 77 ]
    tells "--pin-source"
}

@test "--pin-source file: and fd:, for the command's own token" {
    line stm32l476
    sed -i '/^pin-source = file:pins\/server.pin/d' "$T/fuseline.conf"
    : >"$T/none"
    fl_in "$T/none" --json open
    refuses 77 no-pin server
    fl_in "$T/none" --json open --pin-source "file:$T/pins/server.pin"
    succeeds
    (cd "$T/pins" && timeout 20 "$BUILD/fuseline" -C "$T" open --pin-source file:server.pin </dev/null)
    timeout 20 "$BUILD/fuseline" -C "$T" open --pin-source fd:7 7<"$T/pins/server.pin" </dev/null
    fl_in "$T/none" --json open --pin-source "file:$T/pins/line.pin"
    refuses 77 pin-wrong
    fl_in "$T/none" --json open --pin-source fd:33
    refuses 77 pin-source "descriptor 33"
}

@test "--pin-source that is none: 64, and not repeated, for it may be a PIN" {
    line
    local s
    for s in 123456 file: fd: fd:x fd:-1 fd:7x env:PIN pin:123456; do
        fl --json open --pin-source "$s"
        refuses 64 bad-pin-source
        [[ $stderr$output != *123456* ]]
    done
}

@test "a PIN in the configuration is refused, and not repeated" {
    line
    set_key line pin-source 123456
    fl --json product list
    refuses 78 config-value "pin-source is not file:PATH"
    [[ $stderr$output != *123456* ]]
    sed -i '/^\[hsm line\]/,/^$/{/^token\|^module\|^pin-source/d}' "$T/fuseline.conf"
    sed -i '/^\[hsm line\]/a uri = pkcs11:token=line?module-path=/usr/lib/softhsm/libsofthsm2.so\&pin-value=123456' "$T/fuseline.conf"
    fl --json product add p --chip stm32l476 --scheme sealed
    fl --json doctor
    prints '"name":"hsm-uri"'
    [[ $stderr$output != *123456* ]]
}

@test "a module that is missing: 69; a file that is none: 78; a library that is none: 78" {
    line stm32l476
    set_key line module "$T/none.so"
    refused hsm-module-missing 69 "$T/none.so"
    echo text >"$T/text.so"
    set_key line module text.so # relative to the folder
    refused hsm-not-a-module 78 "$T/text.so"
    set_key line module /lib/x86_64-linux-gnu/libm.so.6
    refused hsm-not-a-module 78 "libm.so.6"
}

@test "a role that is not configured, is unknown, lacks a key, or is named in two ways: 78" {
    line stm32l476
    sed -i 's/^\[hsm line\]/[hsm lime]/' "$T/fuseline.conf"
    fl --json product list
    refuses 78 config-role "'lime', did you mean 'line'?"
    sed -i '/^\[hsm lime\]/,/^$/d' "$T/fuseline.conf"
    refused no-token 78 "'line'"
    printf '[hsm line]\ntoken = line\n' >>"$T/fuseline.conf"
    fl --json product list
    refuses 78 config-missing-key "[hsm line] has no 'module'"
    printf 'uri = pkcs11:token=line\n' >>"$T/fuseline.conf"
    fl --json product list
    refuses 78 config-token "[hsm line]"
}

@test "a whole URI in one key" {
    line stm32l476
    sed -i '/^\[hsm server\]/,/^$/{/^token\|^module\|^pin-source/d}' "$T/fuseline.conf"
    sed -i "/^\[hsm server\]/a uri = pkcs11:token=server?module-path=/usr/lib/softhsm/libsofthsm2.so\&pin-source=file:$T/pins/server.pin" \
        "$T/fuseline.conf"
    : >"$T/none"
    fl_in "$T/none" --json open
    succeeds
    fl_in "$T/none" --json open --pin-source "file:$T/pins/line.pin" # instead of the URI's own
    refuses 77 pin-wrong
    sed -i '/^uri = /s/&pin-source=.*//' "$T/fuseline.conf"
    sed -i '/^uri = /a pin-source = file:pins/server.pin' "$T/fuseline.conf"
    fl_in "$T/none" --json open
    succeeds
}

@test "doctor tells of each token, its keys, and whether line and server hold the same" {
    line
    "$BUILD/fuseline" init "$T/other" >/dev/null 2>&1
    fl --json doctor
    [ "$status" = 78 ] || show # no slot yet
    prints '"check":"token line","slot":null,"status":"ok"' '"check":"keks","slot":null,"status":"ok"' \
        '"check":"registry","slot":null,"status":"ok"' '"check":"master","slot":null,"status":"ok"' \
        '"check":"log signer","slot":null,"status":"ok"'
    [[ $output =~ 'checkpoint, Ed25519 '[0-9a-f]{64}'"' ]]
    set_key log token vault # a sound token, and not the log's
    set_key log pin-source file:pins/vault.pin
    fl --json doctor
    prints '"check":"token log","slot":null,"status":"ok"' '"check":"log signer","slot":null,"status":"none"' "no key 'checkpoint'"
    set_key log token nobody
    fl --json doctor
    prints '"check":"token log","slot":null,"status":"fail"' '"name":"hsm-token-missing"'
    [[ $output != *'"log signer"'* ]]
    set_key log token line # a token that is there, with the wrong PIN
    fl --json doctor
    prints '"name":"pin-wrong"'
    set_key server token log
    set_key server pin-source file:pins/log.pin
    fl --json doctor
    prints '"check":"token server","slot":null,"status":"fail"' '"name":"hsm-key-missing"'
}
