#!/usr/bin/env bats
# From a blank board to a device, through the real command, real OpenOCD, SoftHSM2 and the simulated boards of both kinds.

setup_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in l4 stm32l476
    board_in f4 stm32f407
    board_in l5 stm32l476
    product meter-l4 stm32l476
    product meter-f4 stm32f407 --psk
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    cd "$T"
    for slot in f4 l5 l4; do board=$T/$slot && another_board; done
    at_slot l4 stm32l476
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

both() { # both FUNCTION: with each kind of board
    at_slot l4 stm32l476
    product=meter-l4
    "$1"
    at_slot f4 stm32f407
    product=meter-f4
    "$1"
}

becomes_a_device() {
    provision $product $slot
    verdict PASS done 0
    local serial
    serial=$(value serial)
    [[ $serial =~ ^[0-9a-f]{16}$ ]]
    [ "ok $(value uid)" = "$(ctl uid)" ]
    [ "$(value state)" = DONE ]
    [ "$(state_of "$serial")" = DONE ]
    # magic, layout, scheme, and the serial are on the part
    [ "$(otp_bytes 0 6)" = 464c314f0101 ]
    [ "$(otp_bytes 8 8)" = "$serial" ]
    [ "$(stat_of otp_refused)" = 0 ]
}

@test "a blank board becomes a device" {
    both becomes_a_device
}

is_done_already() {
    provision $product $slot
    verdict PASS done 0
    local serial image log
    serial=$(value serial) image=$(otp_bytes) log=$("$BUILD/fuseline" -C "$T" audit list | wc -l)
    ctl stats clear
    provision $product $slot
    verdict PASS already-done 0
    [ "$(value serial)" = "$serial" ]
    burns_nothing
    [ "$(otp_bytes)" = "$image" ]
    [ "$("$BUILD/fuseline" -C "$T" audit list | wc -l)" = "$log" ]
}

@test "a second provision says already-done and writes nothing" {
    both is_done_already
}

plans_only() {
    local before
    before=$(hash_line)
    fl --json provision --product $product --slot $slot
    verdict PLAN plan 0
    [ "$(value serial)" = null ]
    [ "$(value otp_to_burn)" -gt 0 ]
    burns_nothing
    [ "$(hash_line)" = "$before" ]
}

@test "without --burn there is a plan, and nothing has changed, neither chip nor registry" {
    both plans_only
}

refuses_a_clone() { # the OTP of a device of this very line, on another part
    provision $product $slot
    verdict PASS done 0
    local serial image
    serial=$(value serial) image=$(otp_bytes)
    another_board
    ctl plant "$otp" "$image"
    provision $product $slot
    verdict REFUSED otp-foreign 80
    burns_nothing
    [ "$(otp_bytes)" = "$image" ]
    [ "$(value serial)" = null ]
    [ "$(state_of "$serial")" = DONE ]
    "$BUILD/fuseline" -C "$T" audit list | tail -1 | grep -q "board.refused .*reason=otp-foreign uid=$(value uid)"
}

@test "a foreign identity in OTP is refused with 80, and it is on record" {
    both refuses_a_clone
}

goes_on_after_a_cut() { # goes_on_after_a_cut otp|flash K WHERE
    another_board
    ctl cut "$1" "$2" "$3"
    provision $product $slot
    [ "$status" = 81 ] || { echo "cut $*" && show; }
    [ "$(value verdict)" = FAIL ]
    local serial
    serial=$(value serial)
    ctl power on
    provision $product $slot
    verdict PASS done 0
    [ "$(value serial)" = "$serial" ] || { echo "another serial than $serial" && show; }
    [ "$(stat_of otp_refused)" = 0 ]
}

cuts() {
    local k
    for k in 1 4 9; do goes_on_after_a_cut otp $k none; done
    goes_on_after_a_cut otp 5 done
    goes_on_after_a_cut flash 200 partial
}

@test "after a power cut in the burn the same command completes it, with the same serial" {
    both cuts
}

is_quarantined_when_torn() {
    ctl cut otp 3 partial
    provision $product $slot
    [ "$status" = 81 ] || show
    local serial
    serial=$(value serial)
    ctl power on
    ctl stats clear
    provision $product $slot
    # on parts without ECC a torn cell can hold its value by chance
    if [ "$status" = 0 ]; then verdict PASS done 0 && return; fi
    verdict FAIL board-torn 82
    [ "$(state_of "$serial")" = QUARANTINED ]
    provision $product $slot
    verdict FAIL board-quarantined 82
    unburned
}

@test "a torn cell is never burned again: the board is quarantined, its serial stays taken" {
    both is_quarantined_when_torn
}

@test "lock level 1: the memory is shut, the board is known by its UID" {
    local chip
    for chip in l4:stm32l476 f4:stm32f407; do
        at_slot ${chip%:*} ${chip#*:}
        product "lock1-$slot" ${chip#*:} --lock 1
        plug "lock1-$slot" $slot
        verdict PASS done 0
        [ "$(ctl rdp)" = "ok 1" ]
        fl --json otp read --slot $slot
        refuses 77 read-protected
        ctl stats clear
        plug "lock1-$slot" $slot
        verdict PASS already-done 0
        [ "$(stat_of otp_pulses)" = 0 ]
    done
}

@test "lock level 2: nothing answers any more but the console" {
    local chip
    for chip in l4:stm32l476 f4:stm32f407; do
        at_slot ${chip%:*} ${chip#*:}
        product "lock2-$slot" ${chip#*:} --psk --lock 2
        plug "lock2-$slot" $slot
        verdict PASS done 0
        [ "$(ctl rdp)" = "ok 2" ]
        fl --json otp read --slot $slot
        refuses 69 no-chip
        restart
        fl --json open --console "$slot/usart" --count 1 --seconds 20
        succeeds
        opens opened 1
    done
}

@test "lock level 2 is refused in a slot without a console, before anything is written" {
    product lock2-blind stm32l476 --lock 2
    printf '\n[slot blind]\nchip = stm32l476\nadapter = l4.cfg\n' >>"$T/fuseline.conf"
    provision lock2-blind blind
    verdict REFUSED lock-needs-console 78
    burns_nothing
}

@test "a product for the other chip is refused before the board is touched" {
    provision meter-f4 l4
    verdict REFUSED product-other-chip 78
    burns_nothing
}

@test "a board of another product keeps its identity" {
    provision meter-l4 l4
    verdict PASS done 0
    product other-l4 stm32l476
    ctl stats clear
    provision other-l4 l4
    [ "$status" = 80 ] && [ "$(value code)" = uid-other-product ] || show
    burns_nothing
}

@test "serials used up: nothing is burned" {
    product one stm32l476 --serials 4000000001-4000000001
    provision one l4
    verdict PASS done 0
    [ "$(value serial | tail -c 9)" = ee6b2801 ]
    another_board
    provision one l4
    verdict REFUSED serials-used-up 1
    unburned
}

@test "no board: refused, and no serial is taken" {
    ctl remove
    local before
    before=$("$BUILD/fuseline" -C "$T" --json device list | wc -l)
    provision meter-l4 l4
    verdict REFUSED no-chip 69
    ctl insert
    [ "$("$BUILD/fuseline" -C "$T" --json device list | wc -l)" = "$before" ]
}

@test "three slots at once: no two devices share a serial or a key" {
    local slot pids=()
    for slot in l4:meter-l4 l5:meter-l4 f4:meter-f4; do
        "$BUILD/fuseline" -C "$T" --json provision --product "${slot#*:}" --slot "${slot%:*}" --burn >"$T/${slot%:*}.out" 2>&1 3>&- &
        pids+=($!)
    done
    for slot in "${pids[@]}"; do wait "$slot" || { cat "$T"/*.out && return 1; }; done
    # of all devices that this file has made
    "$BUILD/fuseline" -C "$T" --json device list | sed 's/.*"serial":"\([0-9a-f]*\)".*/\1/' >"$T/serials"
    [ "$(wc -l <"$T/serials")" -ge 3 ]
    [ -z "$(sort "$T/serials" | uniq -d)" ]
    [ -z "$(cut -c 9- "$T/serials" | sort | uniq -d)" ]
    while read -r serial; do
        "$BUILD/fuseline" -C "$T" --json device show "$serial" | grep -o '"digest":"[0-9a-f]*"'
    done <"$T/serials" >"$T/digests"
    [ "$(wc -l <"$T/digests")" -ge 4 ]
    [ -z "$(sort "$T/digests" | uniq -d)" ]
}
