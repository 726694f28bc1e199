#!/usr/bin/env bats
# SIGINT and friends: the cell in hand is finished, then 75 with nothing burned, else 81; the same command completes it.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
    insert_board stm32l476
    record 512
}

teardown() {
    end
}

start_burn() { # in the background, as from a terminal: with default signals (bash ignores SIGINT in its background jobs)
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$BUILD/fuseline" -C "$T" --json otp burn --slot a --at 0 --file "${1:-$T/record}" \
        --burn >"$T/out" 2>"$T/err" 3>&- &
    pid=$!
}

until_listening() { # SIGINT is the program's own affair now
    local i caught
    for i in {1..3000}; do
        caught=$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status")
        [ $((0x$caught & 2)) = 0 ] || return 0
        sleep 0.02
    done
    echo "no handler" && cat "$T/err" && return 1
}

finish() { # the outcome as fl leaves it
    status=0
    wait "$pid" || status=$?
    output=$(cat "$T/out")
    stderr=$(cat "$T/err")
}

interrupted_in_burn() { # interrupted_in_burn SIGNAL
    ctl busy 1000000 # about 80 ms a cell
    start_burn
    until_stat otp_pulses 2
    kill -"$1" "$pid"
    finish
    refuses 81 interrupted-burned "repeat the same command"
    local pulses
    pulses=$(stat_of otp_pulses)
    [ "$pulses" -ge 2 ] && [ "$pulses" -lt 64 ]
    none_left
    ctl busy 0
    fl --json otp burn --slot a --at 0 --file "$T/record" --burn
    succeeds
    prints '"verdict":"burned","offset":0,"bytes":512,"cell":8,"write":'$((64 - pulses))',"skip":'"$pulses"
    part_holds "$otp" "$T/record"
    [ "$(stat_of otp_refused)" = 0 ]
}

@test "SIGINT in the middle of a burn: 81, whole cells only, and the same command completes it" {
    interrupted_in_burn INT
}

@test "SIGTERM in the middle of a burn: the same" {
    interrupted_in_burn TERM
}

@test "SIGHUP in the middle of a burn: the same" {
    interrupted_in_burn HUP
}

@test "SIGINT while waiting for its input: 75, the board untouched" {
    mkfifo "$T/in"
    exec 9<>"$T/in"
    start_burn "$T/in"
    until_listening
    sleep 0.2 # from start-up to the input
    kill -INT "$pid"
    finish
    exec 9>&-
    refuses 75 interrupted "nothing was burned"
    burns_nothing
}

@test "SIGINT while waiting for somebody to write its input: 75" {
    mkfifo "$T/in"
    start_burn "$T/in"
    until_listening
    sleep 0.2
    kill -INT "$pid"
    for i in {1..600}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true # if it does not listen
    finish
    refuses 75 interrupted "nothing was burned"
}

@test "a FIFO for its input: waited for, read to its end" {
    mkfifo "$T/in"
    start_burn "$T/in"
    sleep 0.3
    (head -c 100 "$T/record" && sleep 0.3 && tail -c +101 "$T/record") >"$T/in"
    finish
    succeeds
    part_holds "$otp" "$T/record"
}

@test "SIGINT before the first cell: 75, nothing burned" {
    fake_openocd hang # a start that takes its whole time limit
    sed -i 's/^timeout_ms = .*/timeout_ms = 5000/' "$T/fuseline.conf" # the signal comes within it
    start_burn
    until_listening
    sleep 0.2
    kill -INT "$pid"
    finish
    [ "$status" = 75 ] || show
    tells "nothing was burned"
    none_left
    burns_nothing
}

@test "a second SIGINT changes nothing" {
    ctl busy 1000000
    start_burn
    until_stat otp_pulses 2
    kill -INT "$pid"
    kill -INT "$pid" 2>/dev/null || true
    finish
    refuses 81 interrupted-burned
}
