#!/usr/bin/env bats
# provision: a blank board becomes a device, once; and all that must stop it before the first pulse.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
}

teardown() {
    end
}

@test "stm32l476: plan touches nothing, burn makes a device, again does nothing" {
    line stm32l476
    provision
    verdict PLAN plan 0
    prints '"serial":null' '"state":null' '"otp_to_burn":' '"slot":"a"' '"product":"p"'
    [ "$(json otp_to_burn)" -gt 5 ]
    untouched
    fl --json device list
    [ -z "$output" ]

    burn_board
    verdict PASS done 0
    prints '"state":"DONE"' '"error":null' '"steps_ms":{"probe":' '"proof":' '"lock":'
    local serial uid pulses
    serial=$(json serial) uid=$(json uid) pulses=$(stat_of otp_pulses)
    [[ $serial =~ ^[0-9a-f]{16}$ && $uid =~ ^[0-9a-f]{24}$ ]]

    provision --burn
    verdict PASS already-done 0
    [ "$(json serial)" = "$serial" ]
    [ "$(stat_of otp_pulses)" = "$pulses" ]
    provision
    verdict PLAN already-done 0
    fl --json device show "$serial"
    prints '"state":"DONE"' "\"uid\":\"$uid\"" '"role":"server"'
}

@test "stm32f407 with a pre-shared key; without --json one verdict for people" {
    line stm32f407 --psk
    fl provision --product p --slot a --burn
    succeeds
    [[ ${lines[0]} == *"PASS"*"slot a: done" ]]
    prints "serial    0001" "state     DONE"
    tells "put in the next"
    fl --json otp show --slot a
    succeeds
    prints '"valid":true' '{"role":"secret","value":"present"}'
    fl provision --product p --slot a
    prints "PLAN" "already-done"
}

@test "a new board in the slot gets the next serial" {
    line stm32l476
    burn_board
    local first
    first=$(json serial)
    ctl new
    burn_board
    [ "$((16#$(json serial)))" = $((16#$first + 1)) ]
}

@test "power fails in the burn: FAIL, 81; the same command completes it with the same serial" {
    line stm32l476
    ctl cut otp 5 none
    provision --burn
    [ "$status" = 81 ] || show
    prints '{"verdict":"FAIL","code":"' '"exit":81' '"state":"BURNING"'
    local serial
    serial=$(json serial)
    ctl power on
    burn_board
    verdict PASS done 0
    [ "$(json serial)" = "$serial" ]
}

@test "power fails in a pulse: FAIL; then the torn cell quarantines the board, 82" {
    line stm32l476
    ctl cut otp 5
    provision --burn
    [ "$status" = 81 ] || show
    ctl power on
    provision --burn
    [ "$status" = 82 ] || show
    prints '"verdict":"FAIL"' '"exit":82' '"state":"QUARANTINED"'
    fl --json device list --state quarantined
    [ "${#lines[@]}" = 1 ]
}

@test "no board: 69; another chip than the slot's: 80; than the product's: 78" {
    line stm32l476
    ctl remove
    provision --burn
    verdict REFUSED no-chip 69
    ctl insert
    fl --json product add q --chip stm32f407 --scheme sealed
    fl --json provision --product q --slot a --burn
    verdict REFUSED product-other-chip 78
    sed -i 's/^chip = stm32l476/chip = stm32f407/' "$T/fuseline.conf"
    fl --json provision --product q --slot a --burn
    [ "$status" = 80 ] || show
    [[ $output == '{"verdict":"REFUSED"'* ]]
    untouched
}

@test "unknown product, unknown slot, no configuration: one object all the same" {
    line stm32l476
    fl --json provision --product nil --slot a --burn
    verdict REFUSED product-unknown 66
    fl --json provision --product p --slot nil --burn
    verdict REFUSED no-slot 78
    rm "$T/fuseline.conf"
    provision --burn
    verdict REFUSED config-missing 66
    untouched
}

@test "no firmware: 78; a firmware without a mailbox: 65" {
    line stm32l476
    mkdir "$T/fw"
    sed -i "s,^path = $FIRMWARE,path = fw," "$T/fuseline.conf"
    provision --burn
    verdict REFUSED firmware-file 78
    cp "$FIRMWARE/selftest-stm32l476.elf" "$T/fw/sealed-stm32l476.elf"
    provision --burn
    [ "$status" = 65 ] || show
    [[ $output == '{"verdict":"REFUSED","code":"'* ]]
    head -c 1000 "$FIRMWARE/sealed-stm32l476.elf" >"$T/fw/sealed-stm32l476.elf"
    provision --burn
    verdict REFUSED firmware-bad 65
    untouched
}

@test "level 2 needs a console: 78" {
    line stm32l476 --lock 2
    sed -i '/^console = /d' "$T/fuseline.conf"
    provision --burn
    verdict REFUSED lock-needs-console 78
    untouched
}

@test "serials used up: 1, and the board stays blank" {
    line stm32l476 --serials 7-7
    burn_board
    [ "$(json serial)" = 0001000000000007 ]
    ctl new
    ctl stats clear
    provision --burn
    verdict REFUSED serials-used-up 1
    untouched
}

@test "an identity that another line burned: 80, nothing is written" {
    line stm32l476
    burn_board
    rm -r "$T"/registry.* "$T/tokens" "$T/pins" "$T/keep"
    "$BUILD/fuseline" init "$T" >/dev/null 2>&1
    fl --json product add p --chip stm32l476 --scheme sealed
    ctl power cycle
    ctl stats clear
    provision --burn
    verdict REFUSED otp-foreign 80
    [ "$(stat_of otp_pulses) $(stat_of erases)" = "0 0" ] # of flash nothing is said: its firmware counts its own start there
    fl audit list
    prints board.refused reason=otp-foreign
}

@test "bytes that are no identity at all: 80, nothing is written" {
    line stm32l476
    record 32
    burn 0
    ctl stats clear
    provision --burn
    verdict REFUSED otp-foreign 80
    untouched
}

@test "a board of another product: 80" {
    line stm32l476
    burn_board
    fl --json product add q --chip stm32l476 --scheme sealed
    ctl stats clear
    fl --json provision --product q --slot a --burn
    verdict REFUSED uid-other-product 80
    untouched
}

@test "the registry is missing: 69; not one: 78; of a newer fuseline: 78; none of them is touched" {
    line stm32l476
    cp "$T/registry.db" "$T/kept"
    rm "$T"/registry.db*
    provision --burn
    verdict REFUSED registry-missing 69
    [ ! -e "$T/registry.db" ]
    head -c 9000 /dev/urandom >"$T/registry.db"
    local before
    before=$(sha256sum "$T/registry.db")
    provision --burn
    verdict REFUSED registry-foreign 78
    [ "$(sha256sum "$T/registry.db")" = "$before" ]
    cp "$T/kept" "$T/registry.db"
    sqlite3 "$T/registry.db" "INSERT INTO fuseline_schema (version, applied) VALUES (999, '2099-01-01T00:00:00.000Z')"
    before=$(sha256sum "$T/registry.db")
    provision --burn
    verdict REFUSED registry-newer 78
    [ "$(sha256sum "$T/registry.db")" = "$before" ]
    untouched
}

@test "the registry can't be written: 77, before the burn" {
    line stm32l476
    sed -i '/^console = /d' "$T/fuseline.conf" # it is root's, as the registry is from now on; the rest is nobody's
    chown -R 65534:65534 "$T"
    chown 0:0 "$T/registry.db"
    chmod 444 "$T/registry.db"
    run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/fuseline" -C "$T" --json provision \
        --product p --slot a --burn
    verdict REFUSED registry-read-only 77
    untouched
}

@test "the disk is full: 75 before the burn; with room again the board passes" {
    line stm32l476
    full_disk "$(stat -c %s "$T/registry.db")" provision --burn
    [ "$status" = 75 ] || show
    [[ $output == '{"verdict":"REFUSED","code":"registry-disk-full","exit":75,'* ]] || show
    untouched
    burn_board
    verdict PASS done 0
}

@test "a stdout that can't be written: the board is done and recorded, and the exit status is 74" {
    line stm32l476
    run --separate-stderr bash -c "timeout 300 $BUILD/fuseline -C $T --json provision --product p --slot a --burn >/dev/full"
    [ "$status" = 74 ]
    provision --burn
    verdict PASS already-done 0
}

@test "a signal before the burn: 75; a second run passes" {
    line stm32l476
    ctl busy 5000 || true
    for delay in 0.02 0.05 0.1 0.2 0.5 1 2 5 10 20; do # a process that is not up yet dies of it without a word
        timeout -s INT "$delay" "$BUILD/fuseline" -C "$T" --json provision --product p --slot a --burn >"$T/out" 2>"$T/err" || true
        [ ! -s "$T/out" ] || break
    done
    ctl busy 1000 || true
    [ "$(wc -l <"$T/out")" = 1 ]
    burn_board
}

@test "stm32f407: power fails in the pulse of a lock byte: torn, seen, and locked by the same command" {
    line stm32f407
    provision
    ctl cut otp $(($(json otp_to_burn) + 3)) partial # behind the image, a cell of the firmware's and one lock byte
    provision --burn
    [ "$status" = 81 ] || show
    local serial
    serial=$(json serial)
    ctl power on
    fl --json chip show --slot a
    prints '"locked_blocks":[0],"torn_locks":[1]'
    burn_board
    verdict PASS done 0
    [ "$(json serial)" = "$serial" ]
    [ "$(ctl peek 0x1fff7a00 7)" = "ok 000000000000ff" ]
    [ "$(stat_of otp_refused)" = 0 ]
}

@test "stm32f407: a torn lock byte on a board that is not whole: 82, and no pulse" {
    line stm32f407
    ctl plant 0x1fff7a02 7f
    provision --burn
    verdict REFUSED board-torn 82
    record 176
    burn 0
    refuses 82 otp-lock-torn "torn"
    fl --json otp plan --slot a --at 0 --file "$T/record"
    refuses 82 otp-lock-torn
    burns_nothing
}
