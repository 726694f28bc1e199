#!/usr/bin/env bats
# Signals to `provision`, through real OpenOCD: 75 as long as nothing irreversible has happened, 81 afterwards, never anything
# in between; and the same command then makes the board a device, with the same serial.

setup_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in l4 stm32l476
    product meter stm32l476
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    cd "$T"
    at_slot l4 stm32l476
    another_board
    ctl busy 1000
}

teardown() {
    [ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || true # a test that failed half-way
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

start() { # start [COMMAND...]: provision in the background, behind that command; with default signals (bash ignores SIGINT there)
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$@" "$BUILD/fuseline" -C "$T" --json provision --product meter --slot l4 --burn \
        >"$T/out" 2>"$T/err" 3>&- &
    pid=$!
}

finish() { # the outcome as fl leaves it
    status=0
    wait "$pid" || status=$?
    pid=
    output=$(cat "$T/out")
    stderr=$(cat "$T/err")
}

completes() { # the same command again; $serial: what the first one had told, null if it had come to none
    [ "$(stat_of otp_refused)" = 0 ]
    [ -z "$(pgrep -f "^[^ ]*openocd.*$T/l4.cfg" || true)" ]
    ctl busy 1000
    provision meter l4
    verdict PASS done 0
    [ "$serial" = null ] || [ "$(value serial)" = "$serial" ] || { echo "another serial than $serial" && show; }
}

interrupted() { # interrupted VERDICT CODE EXIT: what the signalled run has told
    finish
    verdict "$@"
    serial=$(value serial)
}

@test "SIGINT or SIGTERM before the first cell, as OpenOCD is started: 75, the board untouched" {
    local signal
    for signal in INT TERM; do
        start strace -qq -o "$T/trace" -e trace=socketpair -e inject=socketpair:signal=$signal:when=1
        interrupted REFUSED interrupted 75
        grep -q SIG$signal "$T/trace"
        burns_nothing
    done
    completes
}

@test "SIGINT at a commit of the registry: 75 at the intent, 81 behind the burn; at DONE it is too late" {
    local k syncs seen=
    start strace -qq -o "$T/trace" -e trace=fdatasync
    finish
    verdict PASS done 0
    syncs=$(grep -c '^fdatasync' "$T/trace")
    # of eight commits the fourth (intent), the fifth (VERIFIED) and the last (DONE), at the last sync of each
    for k in $((syncs / 2)) $((syncs * 5 / 8)) "$syncs"; do
        another_board
        start strace -qq -o "$T/trace" -e trace=fdatasync -e "inject=fdatasync:signal=INT:when=$k"
        finish
        grep -q SIGINT "$T/trace"
        serial=$(value serial)
        seen+=" $status:$(value state):$(stat_of otp_pulses)"
        [ "$status" = 0 ] || completes
    done
    [[ $seen == " 75:BURNING:0 81:VERIFIED:1"[01]" 0:DONE:1"[01] ]] || { echo "$seen" && return 1; }
}

in_mid_burn() { # in_mid_burn SIGNAL...
    ctl busy 1000000 # about 80 ms a cell
    start
    until_stat otp_pulses 2
    local signal
    for signal in "$@"; do kill -"$signal" "$pid" 2>/dev/null || true; done
    interrupted FAIL interrupted-burned 81
    local pulses
    pulses=$(stat_of otp_pulses)
    [ "$pulses" -ge 2 ]
    [ "$(value state)" = BURNING ]
    completes
    # no cell twice: two runs together have burned what one does
    [ "$(stat_of otp_pulses)" -le 11 ]
}

@test "SIGINT in the middle of the burn: 81, whole cells only, completed" {
    in_mid_burn INT
}

@test "SIGTERM in the middle of the burn, and two more signals: the same" {
    in_mid_burn TERM INT INT
}

@test "SIGINT while the firmware is written: 81, completed" {
    start
    until_stat flash_pulses 20
    kill -INT "$pid"
    interrupted FAIL interrupted-burned 81
    [ "$(value state)" = VERIFIED ]
    completes
}

@test "SIGTERM while the proof is awaited: 81, completed" {
    local i try busy=424d4c46020000000100000020000000 # the mailbox: magic, BUSY, proof, 32 bytes of challenge
    for try in {1..5}; do # the proof takes a third of a second, in which we may be looking elsewhere
        [ $try = 1 ] || { another_board && ctl busy 1000; }
        start
        for i in {1..3000}; do
            [[ $(ctl find $busy) != "ok 1 "* ]] && kill -0 "$pid" 2>/dev/null || break
            sleep 0.01
        done
        kill -TERM "$pid" 2>/dev/null || true
        finish
        [ "$status" = 0 ] || break
    done
    verdict FAIL interrupted-burned 81
    serial=$(value serial)
    [[ $output == *'"proof":'* ]] || show
    [ "$(value state)" = VERIFIED ]
    completes
}

@test "SIGSTOP in the middle of the burn, longer than any time limit, and SIGCONT: PASS" {
    sed -i.patient 's/^timeout_ms = .*/timeout_ms = 3000/' "$T/fuseline.conf"
    ctl busy 200000 # about 16 ms a cell
    start
    until_stat otp_pulses 2
    kill -STOP "$pid"
    sleep 4
    ctl busy 1000
    kill -CONT "$pid"
    finish
    mv "$T/fuseline.conf.patient" "$T/fuseline.conf"
    verdict PASS done 0
}

@test "a signal is answered from the very first moment: the first calls of the start-up" {
    start strace -qq -o "$T/trace" -e trace=prctl -e inject=prctl:signal=INT:when=1
    interrupted REFUSED interrupted 75
    burns_nothing
}
