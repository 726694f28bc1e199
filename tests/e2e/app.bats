#!/usr/bin/env bats
# docs/app.md: its examples run as they stand there, and do what the page says.

setup() {
    source "$BATS_TEST_DIRNAME/../cli/board.bash"
    source "$BATS_TEST_DIRNAME/http.bash"
    begin
    page=$BATS_TEST_DIRNAME/../../docs/app.md
    http_begin
    http_up
    cp "$H/cert.pem" cert.pem
    printf '28%0120d\n' 1 >frame1.hex
    printf '49%054d\n' 2 >frame2.hex
}

teardown() {
    http_down
    end
}

example() { # example N: the N-th block of shell in the page
    awk -v n="$1" '/^```sh$/ { on = ++i == n; next } /^```$/ { on = 0 } on' "$page"
}

run_examples() { # run_examples N...: one after the other in one shell
    local n
    for n in "$@"; do example "$n"; done >all
    [ -s all ]
    URL=$URL bash -eu all
}

@test "there are four examples, and each is shell" {
    [ "$(grep -c '^```sh$' "$page")" = 4 ]
    local n
    for n in 1 2 3 4; do example $n | bash -n; done
}

@test "body, POST, receipts, frames for the device" {
    printf '69aabbcc\nc0%058d\n' 3 >"$H/down"
    cp frame1.hex frame2.hex "$H"
    run_examples 1 3 4
    [ "$(cat "$H/log")" = "/v1/frames/7 ok 2" ]
    diff <(cat "$H/frame1.hex" "$H/frame2.hex") "$H/recorded"
    [ ! -e frame1.hex ] && [ ! -e frame2.hex ] # receipted
    diff <(printf '69aabbcc\nc0%058d\n' 3) down.hex
    [ "$(wc -c <body)" = 93 ] # 2 + 61 + 2 + 28
}

@test "no receipt, or that of another frame: the file stays" {
    mode refuse
    run_examples 1 3
    [ -e frame1.hex ] && [ -e frame2.hex ]
    mode digest
    run_examples 1 3 >said
    grep -q "wrong answer" said
    [ ! -e frame1.hex ] && [ -e frame2.hex ] # the first one's was right
}

@test "the pin of the page is the one that curl and relay take" {
    run_examples 2
    echo 'curl --silent --fail --insecure --pinnedpubkey "sha256//$PIN" --output a --data-binary @body -H "Content-Type: application/octet-stream" "$URL/v1/frames"' >more
    run_examples 1 >/dev/null
    { example 2 && cat more && echo 'echo $PIN_HEX'; } >all
    hex=$(URL=$URL bash -eu all)
    [ "$hex" = "$(pin_of "$H")" ]
    [ "$(wc -l <"$H/log")" = 2 ]
    fl relay --from frame1.hex --url "$URL" --pin-sha256 "$hex" --buffer "$T/buffer"
    succeeds
}

@test "the page's numbers are the relay's" {
    grep -q '1 to 256 frames, at most 65536 bytes' "$page"
    grep -q 'BATCH_FRAMES = 256' "$BATS_TEST_DIRNAME/../../relay/batch.h"
    grep -q '0x69, 0x71, 0x80, 0x81, 0xC0' "$BATS_TEST_DIRNAME/../../relay/batch.c"
    grep -q 'BUFFER_SECONDS = 30 \* 24 \* 3600' "$BATS_TEST_DIRNAME/../../relay/buffer.h"
}
