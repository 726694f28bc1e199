#!/usr/bin/env bats
# Each parser under libFuzzer for as many inputs as take a second or two; `make fuzz SECONDS=N` goes on for longer.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    TMP=$(mktemp -d)
}

teardown() {
    rm -rf "$TMP"
}

fuzz() { # fuzz NAME: no crash, no sanitizer report, no leak
    "build/fuzz/$1" -runs=30000 -max_total_time=5 -max_len=1200 -seed=1 -verbosity=0 -artifact_prefix="$TMP/" "$TMP"
}

@test "frame: no input breaks the parser" { fuzz frame; }
@test "otp_image: no input breaks decode and check" { fuzz otp_image; }
@test "peer: no input opens in any scheme but what its device made" { fuzz peer; }
@test "cose: no input breaks the expansion" { fuzz cose; }
@test "body: no input breaks the list of frames in a request" { fuzz body; }
@test "cobs: no input breaks the decoder" { fuzz cobs; }
@test "mailbox: no input breaks mailbox and console records" { fuzz mailbox; }
@test "counter: no input breaks the flash records" { fuzz counter; }
@test "rotate: no input is taken as ROTATE or REKEY but the two that were made" { fuzz rotate; }
@test "oaep: no input breaks the unpadding" { fuzz oaep; }
@test "reply: no answer of a server breaks the relay" { fuzz reply; }
@test "line: no bytes of a console break the relay" { fuzz line; }

@test "every fuzz target is run by this file" {
    for f in tests/fuzz/*_fuzz.c; do
        name=$(basename "$f" _fuzz.c)
        grep -q "{ fuzz $name; }" "$BATS_TEST_FILENAME"
    done
}
