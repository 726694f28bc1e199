#!/usr/bin/env bats
# The question after the lock: real vchip, real firmware, its USART, and a hand at the plug that does what it is told.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
}

teardown() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

locked_board() { # locked_board CHIP LEVEL [OPTION...]: slot a with product p, which waits 3 s for the console
    board_in a "$1"
    sed -i 's,^console = .*,&\nconsole-seconds = 3,' "$T/fuseline.conf"
    product p "$1" --lock "$2" "${@:3}"
}

patience() { # patience SECONDS
    sed -i "s/^console-seconds = .*/console-seconds = $1/" "$T/fuseline.conf"
}

is_locked_not_done() {
    verdict FAIL console-timeout 81
    tells "slot a: power-cycle the board now" "power-cycle the board, then repeat"
    [ "$(value state)" = LOCKED ]
    serial=$(value serial)
    [ "$(state_of "$serial")" = LOCKED ]
    patience 60
}

@test "level 1: without a power cycle 81 and LOCKED; with one while it waits, DONE, the same device" {
    locked_board stm32l476 1
    provision p a
    is_locked_not_done
    plug p a
    verdict PASS done 0
    [ "$(value serial)" = "$serial" ]
    plug p a
    verdict PASS already-done 0
    [ "$(stat_of otp_refused)" = 0 ]
    # and the device runs on: nothing of ours touches it after its start
    restart
    fl --json open --console a/usart --count 2 --seconds 20
    opens opened 2
}

@test "level 2: a board that was never power-cycled is finished by the repeat, by its proof alone" {
    locked_board stm32f407 2 --psk
    provision p a
    is_locked_not_done
    [ "$(ctl rdp)" = "ok 2" ]
    ctl power cycle
    provision p a
    verdict PASS done 0
    [ "$(value serial) $(value uid)" = "$serial null" ]
    ctl power cycle
    provision p a
    verdict PASS already-done 0
    ctl remove
    provision p a
    verdict REFUSED no-chip 69
}

@test "level 2: killed between lock and record, the repeat finds the device by its proof" {
    locked_board stm32f407 2 --psk
    patience 60
    # the registry takes no step to LOCKED
    sqlite3 "$T/registry.db" "CREATE TRIGGER cut BEFORE UPDATE ON device WHEN new.state = 'LOCKED' BEGIN SELECT raise(ABORT, 'cut'); END"
    provision p a
    [ "$(value verdict) $(value state)" = "FAIL PROVED" ] || show
    serial=$(value serial)
    [ "$(ctl rdp)" = "ok 2" ]
    sqlite3 "$T/registry.db" "DROP TRIGGER cut"
    ctl power cycle
    provision p a
    verdict PASS done 0
    [ "$(value serial)" = "$serial" ]
    "$BUILD/fuseline" -C "$T" audit list | grep -q "device.locked .*rdp 2, by its silence"
}

@test "kill -9 while it waits: LOCKED, and the repeat goes on" {
    locked_board stm32l476 1
    patience 60
    "$BUILD/fuseline" -C "$T" --json provision --product p --slot a --burn >"$T/out" 2>"$T/told" 3>&- &
    local pid=$! i
    for ((i = 0; i < 1200; i++)); do
        ! grep -q 'power-cycle' "$T/told" || break
        sleep 0.05
    done
    kill -9 $pid
    wait $pid || true
    [ ! -s "$T/out" ]
    [ "$("$BUILD/fuseline" -C "$T" --json device list --state LOCKED | wc -l)" = 1 ]
    plug p a
    verdict PASS done 0
}

@test "Ctrl-C while it waits: 81, LOCKED" {
    locked_board stm32l476 1
    patience 60
    "$BUILD/fuseline" -C "$T" --json provision --product p --slot a --burn >"$T/out" 2>"$T/told" 3>&- &
    local pid=$! i rc=0
    for ((i = 0; i < 1200; i++)); do
        ! grep -q 'power-cycle' "$T/told" || break
        sleep 0.05
    done
    kill -TERM $pid
    wait $pid || rc=$?
    [ $rc = 81 ]
    grep -q '"code":"console-interrupted".*"state":"LOCKED"' "$T/out"
}

@test "another device on the console is refused: 1, LOCKED" {
    locked_board stm32l476 1
    board_in b stm32l476
    product q stm32l476
    provision q b
    verdict PASS done 0
    at_slot b stm32l476
    ctl power cycle
    sed -i "0,/^console = .*/s,,console = b/usart," "$T/fuseline.conf" # of slot a: the cables are exchanged
    sed -i '/^\[slot b\]/,$d' "$T/fuseline.conf"
    provision p a
    verdict FAIL console-proof-refused 1
    [ "$(value state)" = LOCKED ]
}

@test "a console that someone listens to is refused before anything is written: 75" {
    locked_board stm32l476 1
    "$BUILD/fuseline" -C "$T" open --console "$board/usart" --seconds 60 >/dev/null 2>&1 3>&- &
    local pid=$!
    until_locked $pid
    provision p a
    kill $pid && wait $pid || true
    verdict REFUSED console-in-use 75
    burns_nothing
}
