#!/usr/bin/env bats
# Every code is explained: cause, one next action, what becomes of the board.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
}

teardown() {
    end
}

@test "a failure's code, for people" {
    fl explain board-torn
    succeeds
    [ "${#lines[@]}" = 5 ] && [ "${lines[0]}" = board-torn ] && [ -z "$stderr" ]
    prints "cause  an OTP cell was cut" "next   quarantine the board" "board  scrap" "exit   82, the part is damaged"
}

@test "a failure's code, for machines: one object with all its keys" {
    fl --json explain no-chip
    succeeds
    [[ $output == '{"code":"no-chip","exit":69,"cause":"'?*'","action":"'?*'","board":"retry"}' ]] || show
}

@test "several, in the order asked for, and the same twice" {
    fl --json explain unfinished otp-foreign unfinished
    succeeds
    [ "$(sed 's/^{"code":"\([^"]*\)","exit":\([0-9]*\),.*"board":"\([a-z]*\)"}$/\1 \2 \3/' <<<"$output")" = \
        $'unfinished 81 retry\notp-foreign 80 scrap\nunfinished 81 retry' ] || show
}

@test "the codes of success: done and already-done are shipped, a plan goes on" {
    fl --json explain done already-done plan
    succeeds
    [ "$(grep -o '"exit":0' <<<"$output" | wc -l)" = 3 ]
    [ "$(grep -o '"board":"[a-z]*"' <<<"$output" | tr '\n' ' ')" = '"board":"ship" "board":"ship" "board":"retry" ' ] || show
}

@test "--all: each code once, none without its texts; only success ships" {
    fl --json explain --all
    succeeds
    [ "${#lines[@]}" -gt 100 ]
    ! grep -vE '^\{"code":"[a-z0-9-]+","exit":[0-9]+,"cause":".+","action":".+","board":"(ship|retry|rework|scrap)"\}$' <<<"$output"
    [ -z "$(sed 's/^{"code":"\([^"]*\)".*/\1/' <<<"$output" | sort | uniq -d)" ]
    ! grep '"board":"ship"' <<<"$output" | grep -v '"exit":0,'
}

@test "an unknown code: 64, with the nearest one, and nothing is explained" {
    fl explain otp-foriegn
    [ "$status" = 64 ] && [ -z "$output" ]
    tells "no such code: 'otp-foriegn', did you mean 'otp-foreign'?" "usage: fuseline"
    fl explain done no-such-thing-at-all
    [ "$status" = 64 ] && [ -z "$output" ]
    tells "no such code: 'no-such-thing-at-all'"
    [[ $stderr != *"did you mean"* ]]
    fl --json explain nonsense
    refuses 64 unknown-code
}

@test "nothing to explain, or in two ways: 64" {
    fl --json explain
    refuses 64 explain-choice
    fl --json explain done --all
    refuses 64 explain-choice
    fl --json explain --all --man
    refuses 64 explain-choice
    fl --json explain $(printf 'done %.0s' {1..33})
    refuses 64 unexpected-operand
}

@test "what a command about a board fails with can be explained, and the screen says what becomes of the board" {
    fake_openocd nochip
    fl chip show --slot a
    [ "$status" = 69 ]
    tells "hint: " 'board: retry, see `fuseline explain no-chip`'
    fl --json chip show --slot a
    refuses 69 no-chip
    prints '"board":"retry"}}'
    fake_openocd otherchip
    fl otp read --slot a
    [ "$status" = 80 ]
    tells 'board: rework, see `fuseline explain wrong-'
}

@test "a command that is about no board says nothing of one" {
    fl product list
    [ "$status" = 66 ]
    [[ $stderr != *"board: "* ]]
}

@test "a full disk behind stdout: 74" {
    run --separate-stderr bash -c '"$1" explain --all >/dev/full' - "$BUILD/fuseline"
    [ "$status" = 74 ]
    tells "standard output cannot be written"
}
