#!/usr/bin/env bats
# Several slots at once, each with its own board and its own OpenOCD, the two chips in turn.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    T=$(mktemp -d)
}

teardown() {
    board_stop
    rm -rf "$T"
}

start_slots() { # start_slots N
    local i
    for ((i = 1; i <= $1; i++)); do
        [ $((i % 2)) = 1 ] && chip_facts stm32l476 || chip_facts stm32f407
        board_start "$chip" "board$i"
        slot "s$i"
        head -c 176 /dev/urandom >"$T/data$i"
    done
}

burn_all_at_once() { # burn_all_at_once N
    local i pids=()
    for ((i = 1; i <= $1; i++)); do
        "$BUILD/fuseline" -C "$T" otp burn --slot "s$i" --at 0 --file "$T/data$i" --burn >"$T/out$i" 2>&1 3>&- &
        pids+=($!)
    done
    for ((i = 1; i <= $1; i++)); do
        wait "${pids[i - 1]}" || { echo "slot $i: exit $?" && cat "$T/out$i" && return 1; }
    done
}

each_holds_its_own() { # each_holds_its_own N
    local i
    for ((i = 1; i <= $1; i++)); do
        [ $((i % 2)) = 1 ] && chip_facts stm32l476 || chip_facts stm32f407
        board=$T/board$i
        part_holds "$otp" "$T/data$i"
        [ "$(stat_of otp_refused)" = 0 ]
    done
}

@test "two slots at once" {
    start_slots 2
    burn_all_at_once 2
    each_holds_its_own 2
}

@test "four slots at once" {
    start_slots 4
    burn_all_at_once 4
    each_holds_its_own 4
}

@test "eight slots at once" {
    start_slots 8
    burn_all_at_once 8
    each_holds_its_own 8
}

@test "eight slots at once, one loses power: the seven others are not disturbed, and it is finished afterwards" {
    start_slots 8
    board=$T/board3
    ctl cut otp 9 none
    run burn_all_at_once 8
    [ "$status" = 1 ]
    [[ $output == "slot 3: exit 81"* ]]
    ctl power on
    "$BUILD/fuseline" -C "$T" otp burn --slot s3 --at 0 --file "$T/data3" --burn
    each_holds_its_own 8
}
