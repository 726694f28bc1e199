#!/usr/bin/env bats
# Many frames of devices of every scheme, through relays and a network that do everything wrong, while workers and relays are
# killed: each is recorded once, and what waits for the devices goes down meanwhile.  `make soak FRAMES=N` is the same with more.

setup() {
    bats_require_minimum_version 1.5.0
    OUT=$(mktemp)
}

teardown() {
    rm -f "$OUT"
}

value() { # value KEY
    sed 's/.*"'"$1"'":\([0-9.]*\).*/\1/' "$OUT"
}

@test "50,000 frames: each recorded once, each retry answered, none twice, whoever is killed" {
    run "$BATS_TEST_DIRNAME/frames.sh" 50000 "$BUILD/frames.json" 3>&-
    cp "$BUILD/frames.json" "$OUT"
    [ "$status" = 0 ] || { echo "$output" && false; }
    [ "$(value recorded) $(value lost) $(value twice)" = "50000 0 0" ]
    [ "$(value workers_killed)" -ge 1 ]
    [ "$(value relays_killed)" -ge 1 ]
    [ "$(value opens)" -ge 500 ]          # power was cut
    [ "$(value answered_again)" -ge 1000 ] # and frames came again
    [ "$(value messages) $(value messages_wrong)" = "12 0" ]
    [ "$(value downs)" -ge 1 ]
}

@test "a frame that is missing, one that nobody sent, one that is told twice, a message that went unsent: noticed" {
    local what
    for what in lost strange shown unsent; do
        CONTROL=$what SCHEMES="sealed secret" MESSAGES=0 DEVICES=1 PHONES=1 run "$BATS_TEST_DIRNAME/frames.sh" 60 "$OUT" 3>&-
        [ "$status" = 1 ] || { echo "$what: $output" && false; }
        case $what in
        lost) [ "$(value lost) $(value recorded)" = "1 59" ] ;;
        strange) [ "$(value lost) $(value strange)" = "1 1" ] ;;
        shown) [ "$(value lost) $(value twice)" = "0 1" ] ;;
        unsent) [ "$(value lost) $(value messages_wrong)" = "0 2" ] ;; # it is nowhere, and was not counted as sent
        esac
    done
}
