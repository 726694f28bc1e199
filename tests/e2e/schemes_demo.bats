#!/usr/bin/env bats
# `make demo SCHEME=all` does what its last line says: a board of each scheme, its frames of the right length, new keys in the field.

setup() {
    T=$(mktemp -d)
    demo=$BATS_TEST_DIRNAME/schemes_demo.sh
}

teardown() {
    rm -rf "$T"
}

value() { # value FILTER: of the last line
    tail -n 1 "$T/out" | python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"
}

@test "each scheme is DONE, heard, of the table's bytes, rotated or rekeyed" {
    "$demo" all >"$T/out" 2>&1 3>&- || { cat "$T/out" && return 1; }
    [ "$(value 'd["demo"], d["rotated"], d["rekeyed"]')" = "ok True True" ]
    [ "$(value '[s["done"] for s in d["schemes"].values()]')" = "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]" ]
    [ "$(value 'min(s["opened"] for s in d["schemes"].values()) >= 3')" = True ]
    local want="sealed:73:28 sealed-psk:73:28 sealed-fleet:74:28 sealed-fleet-x25519:74:28 identity:141:92 identity-x25519:141:92"
    want+=" secret:34:34 derived:34:34 session:66:28 session-x25519:66:28 session-rsa:513:28 signup:173:92 signup-x25519:173:92"
    [ "$(value '" ".join("%s:%d:%d" % (n, s["first_bytes"], s["later_bytes"]) for n, s in d["schemes"].items())')" = "$want" ]
    [ "$(value 'all(10000 < s["flash_bytes"] <= 32768 for s in d["schemes"].values())')" = True ]
    [ "$(value 'd["schemes"]["session-rsa"]["flash_bytes"] <= 24576')" = True ]
    [ "$(value 'd["schemes"]["session-rsa"]["opened"] >= 3')" = True ]
}

@test "another SCHEME than all: 64, and nothing is begun" {
    run "$demo" sealed
    [ "$status" = 64 ] && [[ $output == *"must be all"* ]]
}
