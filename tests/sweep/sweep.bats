#!/usr/bin/env bats
# A sample of the sweep (tests/sweep/sweep.h): the whole of it is `make sweep`, for as long as wanted `make soak`.
# SWEEP_JOBS processes at a time.

SWEEP=$BUILD/tests/sweep/sweep

sample() { # sample ARGUMENT...
    run "$SWEEP" --jobs "${SWEEP_JOBS:-2}" "$@"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "a sample of the sweep: one fault of every kind at points all over, and every board ends DONE, resumable or QUARANTINED" {
    sample --sample
    [[ $output == *", 0 violations, "* ]]
}

@test "the same with the real binary, through strace, real OpenOCD and a simulated board" {
    run "$BUILD/tests/sweep/real" --sample
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "500 simulated units with random faults and a lying programmer: no false PASS, no false FAIL" {
    sample --units 500
    [[ $output == *"0 false PASS, 0 false FAIL"* ]]
}

@test "two stations, one registry, 20000 attempts at serials, now and then one is halted: none twice, none lost" {
    sample --serials 20000
    [[ $output == *"0 duplicates, 0 lost"* ]]
}

@test "a fault that never comes is not counted, and fails the run" {
    run "$SWEEP" --kind power-otp --variant 0 --point 100000
    [ "$status" -eq 1 ]
    [[ $output == *"the fault did not fire"* ]]
}
