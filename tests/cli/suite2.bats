#!/usr/bin/env bats
# product add --suite 2: which schemes are made in it.  Apart from product.bats, which runs under sanitizers: SoftHSM2 forgets a
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

@test "suite 2 is for identity and signup: others are told so, and nothing is made" {
    fl key new --ra
    fl key new --backup-ra
    local s
    for s in sealed sealed-fleet session secret derived; do
        of $s p --suite 2
        refuses 64 suite-not-offered "suite 2 with '$s'"
    done
    of identity p --suite 3
    refuses 64 suite-not-offered
    fl --json product list
    [ -z "$output" ]
    of identity p --suite 2
    succeeds
    prints '"result":"added"' '"suite":2'
    of identity p
    [ "$status" = 80 ] || show
    of signup q --suite 2
    succeeds
    fl --json key list --role server
    [ "$(grep -c '"kind":"fleet-x25519"' <<<"$output")" = 2 ] || show
    fl reconcile
    succeeds
    fl doctor
    prints "mechanisms of softhsm2, with X25519"
}
