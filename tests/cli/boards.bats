#!/usr/bin/env bats
# What a slot's board can be: right, absent, another, protected, half burned, or damaged.  Real OpenOCD on
# a simulated board; both chips wherever both can be so.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
}

teardown() {
    end
}

# ---- right boards ----

shows_a_fresh_board() {
    fl chip show --slot a
    succeeds
    prints "$chip" "IDCODE    0x4ba00477" "DBGMCU    0x$dbgmcu" "UID       $(ctl uid | cut -d' ' -f2)" "RDP       level 0" \
        "firmware  blank" " 0 programmed"
    burns_nothing
}

@test "chip show: a fresh board" {
    each_chip shows_a_fresh_board
}

shows_what_is_there() {
    ctl plant "$otp" "$(printf '00%.0s' $(seq $cell))"
    fl chip show --slot a
    succeeds
    prints " 1 programmed" "  0x000  #." "  0x020  .."
    fl chip show --slot a --json
    succeeds
    [ "${#lines[@]}" = 1 ]
    prints '{"slot":"a","chip":"'$chip'","idcode":1268778103,' '"rdp":0,"firmware":{"blank":true},"otp":{' '"programmed":1,' \
        '"unreadable":0,"locked_blocks":[],"torn_locks":[],"map":["#.'
    burns_nothing
}

@test "chip show: programmed cells on the map, and as JSON" {
    each_chip shows_what_is_there
}

shows_the_firmware() {
    printf '\0\20\0\40\301\1\0\10' >"$T/fw"
    ocd init "reset halt" "flash write_image erase $T/fw 0x08000000 bin"
    exits 0
    fl chip show --slot a
    succeeds
    prints "firmware  initial SP 0x20001000, reset vector 0x080001c1"
    fl chip show --slot a --json
    prints '"firmware":{"blank":false,"sp":536875008,"reset":134218177}'
}

@test "chip show: the firmware's stack pointer and reset vector" {
    each_chip shows_the_firmware
}

plans_burns_and_skips() {
    fl --json otp plan --slot a --at 64 --file "$T/record"
    succeeds
    prints '"verdict":"plan","offset":64,"bytes":32,"cell":'$cell',"write":'$((32 / cell))',"skip":0,"conflict":0'
    fl --json otp burn --slot a --at 0x40 --file "$T/record"
    succeeds
    prints '"verdict":"plan"'
    tells "nothing was burned"
    burns_nothing
    burn 0x40
    succeeds
    prints '"verdict":"burned"' "\"uid\":\"$(ctl uid | cut -d' ' -f2)\"" '"runs":[{"offset":64,"cells":'$((32 / cell))',"action":"write"}]'
    part_holds $((otp + 64)) "$T/record"
    [ "$(stat_of otp_pulses)" = $((32 / cell)) ]
    burn 0x40
    succeeds
    prints '"verdict":"already"' '"write":0,"skip":'$((32 / cell))
    tells "exactly these bytes"
    [ "$(stat_of otp_pulses)" = $((32 / cell)) ]
}

@test "otp plan, burn without --burn, burn, and burn again" {
    each_chip plans_burns_and_skips
}

takes_bytes_from_everywhere() {
    fl otp burn --slot a --at 0 --data 0011223344556677 --burn
    succeeds
    head -c 8 "$T/record" >"$T/piece"
    run --separate-stderr bash -c "cat $T/piece | $BUILD/fuseline -C $T otp burn --slot a --at 8 --file - --burn"
    succeeds
    [ "$(ctl peek $otp 8)" = "ok 0011223344556677" ]
    part_holds $((otp + 8)) "$T/piece"
}

@test "otp burn: bytes from an argument and from stdin" {
    each_chip takes_bytes_from_everywhere
}

leaves_ones_blank() {
    fl --json otp burn --slot a --at 0 --data ffffffffffffffff0000000000000000 --burn
    succeeds
    prints '"verdict":"burned"'
    [ "$(stat_of otp_pulses)" = $((8 / cell)) ]
    fl otp burn --slot a --at 0 --data 1122334455667788 --burn
    succeeds
}

@test "otp burn: a cell of all ones is not programmed, and stays free" {
    each_chip leaves_ones_blank
}

reads_rows() {
    burn 16
    fl otp read --slot a --at 0x10 --len 32
    succeeds
    [ "$(sed 's/^0x0[12]0: //' <<<"$output" | tr -d ' \n')" = "$(od -An -v -tx1 "$T/record" | tr -d ' \n')" ]
    [[ ${lines[0]} == "0x010: "* && ${lines[1]} == "0x020: "* && ${#lines[@]} = 2 ]]
    fl otp read --slot a
    succeeds
    [[ ${lines[0]} == "0x000: ff ff"* ]]
    fl otp read --slot a --at 0 --len 8 --json
    succeeds
    prints '{"slot":"a","chip":"'$chip'","offset":0,"cell":'$cell',"cells":["'
}

@test "otp read: rows, range, JSON" {
    each_chip reads_rows
}

# ---- boards that are not right ----

@test "no programmer: 69, and doctor" {
    insert_board stm32l476
    record 32
    rm "$board/jtag"
    burn
    refuses 69 probe-missing "slot 'a'" "plug the programmer in"
    burns_nothing
    fl doctor
    [ "$status" = 69 ] || show
    prints "FAIL  slot a board: the programmer does not answer" "hint: "
}

no_board() {
    ctl remove
    burn
    refuses 69 no-chip "slot 'a'" "seat the board"
    fl --json chip show --slot a
    refuses 69 no-chip
    fl doctor
    succeeds
    prints "none  slot a board: no chip answers"
    fl doctor --json
    succeeds
    prints '{"check":"board","slot":"a","status":"none","detail":null,"error":{"name":"no-chip","exit":69,'
    burns_nothing
}

@test "no board in the slot: 69; doctor says none, and 0" {
    each_chip no_board
}

no_power() {
    ctl power off
    burn
    refuses 69 no-chip
    ctl power on
    burn
    succeeds
}

@test "a board without power: 69, and right again with power" {
    each_chip no_power
}

another_chip() {
    local other=stm32l476
    [ "$chip" != stm32l476 ] || other=stm32f407
    sed -i "s/^chip = .*/chip = $other/" "$T/fuseline.conf"
    burn
    [[ $output == *'"error":{"name":"wrong-idcode"'* || $output == *'"error":{"name":"wrong-chip"'* ]] || show
    [ "$status" = 80 ] || show
    tells "nothing was written" "take the board out"
    burns_nothing
    fl doctor
    [ "$status" = 80 ] || show
    burns_nothing
}

@test "another chip than the slot is configured for: 80, no pulse" {
    each_chip another_chip
}

another_idcode() {
    ctl idcode 0x2ba01477
    burn
    refuses 80 wrong-idcode "0x2ba01477"
    burns_nothing
}

@test "a wrong IDCODE, at which OpenOCD itself goes on: 80, no pulse" {
    each_chip another_idcode
}

impossible_uid() {
    local u
    for u in 000000000000000000000000 ffffffffffffffffffffffff; do
        ctl new uid=$u
        burn
        refuses 80 bad-uid
        burns_nothing
    done
}

@test "a UID that no part has: 80, no pulse" {
    each_chip impossible_uid
}

rdp1() {
    protect 1
    ctl stats clear
    burn
    refuses 77 read-protected "slot 'a'"
    fl --json otp read --slot a
    refuses 77 read-protected
    fl --json chip show --slot a
    succeeds
    prints "\"uid\":\"$(ctl uid | cut -d' ' -f2)\"" '"rdp":1,"firmware":null,"otp":null'
    fl chip show --slot a
    succeeds
    prints "RDP       level 1" "OTP       protected"
    tells "protected"
    burns_nothing
}

@test "RDP level 1: 77; chip show shows the identity" {
    each_chip rdp1
}

rdp2() {
    protect 2
    ctl stats clear
    burn
    refuses 69 no-chip "RDP level 2"
    fl --json chip show --slot a
    refuses 69 no-chip
    burns_nothing
}

@test "RDP level 2: 69, and the message names it" {
    each_chip rdp2
}

half_burned() {
    head -c 16 "$T/record" >"$T/half"
    ctl plant "$otp" "$(od -An -v -tx1 "$T/half" | tr -d ' \n')"
    ctl stats clear
    burn
    succeeds
    prints '"write":'$((16 / cell))',"skip":'$((16 / cell))
    part_holds "$otp" "$T/record"
    [ "$(stat_of otp_pulses)" = $((16 / cell)) ]
}

@test "half burned with the same bytes: completed, no cell twice" {
    each_chip half_burned
}

half_burned_foreign() {
    ctl plant $((otp + 16)) "$(printf '00%.0s' $(seq 8))"
    burn
    refuses 80 otp-conflict "nothing was written"
    prints '"verdict":"refused"' '"action":"conflict"'
    burns_nothing
    fl otp plan --slot a --at 0 --file "$T/record"
    [ "$status" = 80 ] || show
    prints "conflict" " $((8 / cell)) in conflict"
}

@test "half burned with other bytes: 80, and not one cell is written" {
    each_chip half_burned_foreign
}

@test "stm32f407: a second write that silicon would take is refused: no pulse" {
    insert_board stm32f407
    printf '\x0f\x0f' >"$T/record"
    ctl plant "$otp" f0f0
    burn
    refuses 80 otp-conflict "nothing was written"
    burns_nothing
    printf '\0\0' >"$T/record" # a value on the way from blank to the wanted one: as a cut pulse leaves it
    burn
    refuses 82 otp-torn "quarantine"
    burns_nothing
    [ "$(ctl peek "$otp" 2)" = "ok f0f0" ]
}

@test "stm32l476: a torn cell is shown as !!, refused with 82, never written" {
    insert_board stm32l476
    record 32
    ctl tear $((otp + 8))
    fl otp read --slot a --len 32
    succeeds
    prints "!! !! !! !! !! !! !! !!"
    fl otp read --slot a --len 16 --json
    prints '"cells":["ffffffffffffffff",null]'
    fl chip show --slot a
    prints "1 unreadable" "  0x000  .!.."
    ctl stats clear
    burn
    refuses 82 otp-unreadable "quarantine"
    prints '"action":"torn"'
    burns_nothing
    fl doctor
    succeeds
}

@test "stm32f407: a torn cell holds a value between: 82, never written" {
    insert_board stm32f407
    printf '\0\0\0\0' >"$T/record"
    ctl tear $((otp + 2))
    ctl stats clear
    burn
    refuses 82 otp-torn "quarantine"
    prints '"verdict":"refused"'
    burns_nothing
}

stuck_bit() { # blank, but the cell can't take its value: seen by the read-back
    printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >"$T/record"
    ctl stick $((otp + 8)) 3 1
    burn
    [ "$status" = 82 ] || show
    tells "quarantine"
    prints '"error":{"name":"otp-'
}

@test "a stuck bit: 82 from the read-back, although OpenOCD saw no error" {
    each_chip stuck_bit
}

@test "stm32f407: a block locked before: blank cells in it are 80; the other blocks can be burned" {
    insert_board stm32f407
    record 64
    ctl plant 0x1fff7a01 00
    fl chip show --slot a
    succeeds
    prints "1 blocks locked" "  0x020  ................ L"
    fl chip show --slot a --json
    prints '"locked_blocks":[1]'
    burn
    refuses 80 otp-locked "nothing was written"
    prints '"verdict":"refused"' '{"offset":32,"cells":16,"action":"locked"}'
    burns_nothing
    burn 64
    succeeds
}

@test "stm32f407: a block locked with the wanted bytes is no reason to refuse" {
    insert_board stm32f407
    record 32
    burn
    succeeds
    ctl plant 0x1fff7a00 00
    burn
    succeeds
    prints '"verdict":"already"'
}

@test "two slots: doctor tells of each, and exits with the worst" {
    insert_board stm32l476
    chip_facts stm32f407
    board_start stm32f407 board2
    slot b
    sed -i '/^\[slot b\]/,$s/^chip = .*/chip = stm32l476/' "$T/fuseline.conf"
    printf '[slot c]\nchip = stm32f407\nadapter = none.cfg\n' >>"$T/fuseline.conf"
    fl doctor
    [ "$status" = 80 ] || show
    prints "ok    slot a board" "FAIL  slot b board" "FAIL  slot c adapter"
    [ -z "$stderr" ]
}
