#!/usr/bin/env bats
# A board or programmer that goes away in the middle: the exit status tells burned from not burned, and the same command
# completes what can be completed.  Real OpenOCD on a simulated board, both chips.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
}

teardown() {
    end
}

power_cut() { # power_cut none|done: completed by the same command
    ctl cut otp 2 "$1"
    burn
    refuses 81 contact-lost "repeat the same command"
    prints '"verdict":"failed"'
    ctl power on
    burn
    succeeds
    prints '"verdict":"burned"'
    part_holds "$otp" "$T/record"
    [ "$(stat_of otp_refused)" = 0 ]
}

cut_before() {
    power_cut none
}

cut_behind() {
    power_cut done
}

@test "power cut before the second cell: 81, and the same command completes it" {
    each_chip cut_before
}

@test "power cut behind the second cell: 81, and the same command completes it" {
    each_chip cut_behind
}

cut_inside() {
    printf '\0%.0s' {1..32} >"$T/record" # no value between blank and this is this
    ctl cut otp 2 partial
    burn
    refuses 81 contact-lost
    ctl power on
    ctl stats clear
    burn
    [ "$status" = 82 ] || show
    tells "quarantine"
    burns_nothing
}

@test "power cut inside a pulse: 81, then never one more pulse" {
    each_chip cut_inside
}

cut_at_first() {
    ctl cut otp 1 none
    burn
    [ "$status" = 81 ] || [ "$status" = 75 ] || show
    [[ $output == *'"error":{'* ]] || show
    ctl power on
    burn
    succeeds
}

@test "power cut at the first cell: an error, and the same command completes it" {
    each_chip cut_at_first
}

cut_in_attach() { # at each stage of it
    local k
    for k in {800..1200..50}; do
        ctl new
        ctl cut clocks $k
        burn
        [ "$status" = 69 ] || [ "$status" = 74 ] || show
    done
}

@test "power goes while OpenOCD attaches: not the configuration's fault" {
    each_chip cut_in_attach
}

gone_before() {
    ctl gone after 3000
    burn
    [ "$status" = 69 ] || [ "$status" = 74 ] || [ "$status" = 75 ] || show
    tells "hint: "
    burns_nothing
    ctl insert
    burn
    succeeds
}

@test "a board taken out while it is being looked at: nothing burned, and said so" {
    each_chip gone_before
}

link_dropped() {
    ctl drop after 3000
    burn
    [ "$status" = 69 ] || [ "$status" = 74 ] || [ "$status" = 75 ] || show
    [[ $output == *'"error":{'* ]] || show
    burns_nothing
    burn
    succeeds
}

@test "the programmer's link drops before the first cell: nothing burned; then it goes on" {
    each_chip link_dropped
}

link_dropped_in_burn() { # at any clock: an error that tells burned from not burned, and the same command completes it
    local k pulses
    for k in 18000 22000 26000 30000; do
        ctl new
        ctl stats clear
        ctl drop after $k
        burn
        ctl drop after 0
        pulses=$(stat_of otp_pulses)
        case $status in
        0) ;;
        75 | 74 | 69) [ "$pulses" = 0 ] || show ;;
        81) [[ $output == *'"name":"contact-lost"'* ]] || show ;;
        *) show ;;
        esac
        burn
        succeeds
        part_holds "$otp" "$T/record"
        [ "$(stat_of otp_refused)" = 0 ]
    done
}

@test "the link drops at several points of a burn: never 75 once a pulse was sent" {
    each_chip link_dropped_in_burn
}
