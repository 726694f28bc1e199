#!/usr/bin/env bats
# OpenOCD missing, of another version, dying, hanging, lying, talking nonsense.  The stand-ins are tests/fakes/openocd-*.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
}

teardown() {
    end
}

data=0102030405060708090a0b0c0d0e0f10

burn_with() { # burn_with FAKE: two cells
    fake_openocd "$1"
    fl --json otp burn --slot a --at 0 --data $data --burn
}

@test "the honest stand-in burns: what follows fails for its own reason" {
    burn_with ""
    succeeds
    prints '"verdict":"burned"' '"write":2'
}

@test "OpenOCD is not there" {
    fake_openocd none-such
    fl --json otp burn --slot a --at 0 --data $data --burn
    refuses 69 openocd-missing "none-such" "install"
}

@test "OpenOCD is no program, or may not be run" {
    fake_openocd ""
    printf 'no program\n' >"$T/text"
    sed -i "s,^openocd =.*,openocd = $T/text," "$T/fuseline.conf"
    fl --json chip show --slot a
    refuses 69 openocd-missing "$T/text"
    chmod +x "$T/text"
    fl --json chip show --slot a
    refuses 69 openocd-missing "$T/text"
    sed -i "s,^openocd =.*,openocd = $T," "$T/fuseline.conf"
    fl --json chip show --slot a
    refuses 69 openocd-missing
}

@test "OpenOCD does not take the adapter file: its own words are told" {
    burn_with badcfg
    refuses 78 openocd-start "Can't find /nowhere/adapter.cfg"
}

@test "OpenOCD exits with 0 at once: not taken for success" {
    burn_with exit0
    refuses 78 openocd-start
}

@test "no programmer" {
    burn_with noprobe
    refuses 69 probe-missing "unable to open ftdi device" "plug the programmer in"
}

@test "no chip" {
    burn_with nochip
    refuses 69 no-chip "all ones" "seat the board"
}

@test "another chip, another IDCODE, a UID that no part has" {
    burn_with otherchip
    refuses 80 wrong-chip "0x10006435"
    burn_with unexpected
    refuses 80 wrong-idcode "0x2bb30677 scanned, 0x4ba00477 expected"
    burn_with zerouid
    refuses 80 bad-uid
}

@test "a part at RDP level 1: chip show shows what it can, otp is refused" {
    burn_with rdp1
    refuses 77 read-protected
    fl --json otp read --slot a
    refuses 77 read-protected
    fl --json otp plan --slot a --at 0 --data $data
    refuses 77 read-protected
    fl --json chip show --slot a
    succeeds
    prints '"rdp":1' '"otp":null' '"firmware":null' '"uid":"'
}

@test "OpenOCD dies before the first cell: 75" {
    burn_with die
    refuses 75 openocd-died "nothing was burned"
}

@test "OpenOCD dies in the middle of the burn: 81" {
    burn_with die-burning
    refuses 81 contact-lost "repeat the same command"
    prints '"verdict":"failed"'
}

@test "OpenOCD hangs at the start: killed in time, 75" {
    SECONDS=0
    burn_with hang
    [ "$SECONDS" -lt 10 ]
    refuses 75 openocd-hung "nothing was burned"
    none_left
}

@test "OpenOCD hangs in the middle of the burn: killed in time, 81" {
    SECONDS=0
    burn_with hang-burning
    [ "$SECONDS" -lt 10 ]
    refuses 81 contact-lost
    none_left
}

@test "OpenOCD talks nonsense: 76" {
    local mode
    for mode in garbage twice stale liar-ok silent; do
        burn_with $mode
        refuses 76 openocd-garbage
    done
}

@test "OpenOCD floods us: no memory is eaten, an answer comes in time" {
    local mode
    for mode in endless flood; do
        SECONDS=0
        burn_with $mode
        [ "$SECONDS" -lt 10 ]
        refuses 75 openocd-hung "nothing was burned"
        none_left
    done
}

@test "OpenOCD's read fails or is short: an error, never data" {
    local mode
    for mode in short negative; do
        burn_with $mode
        refuses 76 openocd-garbage
        fl --json otp read --slot a
        refuses 76 openocd-garbage
        [[ $output != *'"cells"'* ]]
    done
    burn_with failread
    refuses 74 read-failed
    fl --json otp read --slot a
    refuses 74 read-failed
    [[ $output != *'"cells"'* ]]
}

@test "OpenOCD says all went well and has burned nothing" {
    burn_with liar-blank
    refuses 82 otp-readback "quarantine"
    prints '"verdict":"failed"'
}

@test "OpenOCD answers each question with ones: not taken for a chip" {
    burn_with liar-ones
    refuses 76 openocd-garbage
}

@test "the part refuses a blank cell, or the cell turns out not to be blank" {
    burn_with refused
    refuses 82 otp-refused "quarantine"
    burn_with rewrite
    refuses 80 otp-conflict
}

@test "doctor: OpenOCD missing, of another version, silent; one line each, and the exit status" {
    fake_openocd none-such
    fl doctor
    [ "$status" = 69 ] || show
    prints "ok    config" "FAIL  openocd: OpenOCD is not there" "hint: install" "ok    slot a adapter"
    [[ $output != *"slot a board"* ]]
    printf '#!/bin/sh\necho "Open On-Chip Debugger 0.11.0"\n' >"$T/old" && chmod +x "$T/old"
    sed -i "s,^openocd =.*,openocd = $T/old," "$T/fuseline.conf"
    fl doctor
    [ "$status" = 78 ] || show
    prints "FAIL  openocd: this is no OpenOCD 0.12" "0.11.0"
    printf '#!/bin/sh\nexec sleep 30\n' >"$T/old"
    SECONDS=0
    fl doctor
    [ "$status" = 78 ] || show
    [ "$SECONDS" -lt 15 ]
    prints "does not answer"
    printf '#!/bin/sh\nexec yes\n' >"$T/old"
    fl doctor
    [ "$status" = 78 ] || show
}
