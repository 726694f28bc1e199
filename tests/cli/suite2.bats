#!/usr/bin/env bats
# product add of schemes that seal to X25519.  Apart from product.bats, which runs under sanitizers: SoftHSM2 forgets a
# string of OpenSSL's at each use of an X25519 key (docs/hsm.md).

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
}

teardown() {
    end
}

of() { # of SCHEME NAME OPTION...: an l476 product of that scheme
    fl --json product add "$2" --chip stm32l476 --scheme "$1" "${@:3}"
}

@test "schemes that seal to a fleet's key do so to X25519 too, by names of their own; no other does" {
    fl key new --ra
    fl key new --backup-ra
    local s
    for s in sealed secret derived session-rsa certificate; do
        of $s-x25519 p
        refuses 64 unknown-scheme "'$s-x25519'"
    done
    fl --json product list
    [ -z "$output" ]
    of identity-x25519 p
    succeeds
    prints '"result":"added"' '"scheme":"identity-x25519"' '"suite":2'
    of identity p
    [ "$status" = 80 ] || show
    for s in sealed-fleet session signup; do
        of $s-x25519 $s
        succeeds
        prints "\"scheme\":\"$s-x25519\"" '"suite":2'
    done
    fl --json key list --role server
    [ "$(grep -c '"kind":"fleet-x25519"' <<<"$output")" = 4 ] || show
    fl reconcile
    succeeds
    fl doctor
    prints "mechanisms of softhsm2, with X25519"
}
