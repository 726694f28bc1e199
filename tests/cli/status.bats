#!/usr/bin/env bats
# status: one line that says where a device is, as the events tell it.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
}

teardown() {
    end
}

at='"20[0-9-]*T[0-9:.]*Z"'

@test "done: every step holds, in order of time; also by the short serial" {
    line stm32l476
    burn_board
    local serial
    serial=$(json serial)
    fl --json status "$serial"
    succeeds
    [[ $output =~ ^'{"serial":"'$serial'","uid":"'[0-9a-f]{24}'","product":"p","state":"DONE",' ]] || show
    [ "$(grep -oE "\"(issued|keyed|intent|burned|verified|proved|locked|recorded)\":$at" <<<"$output" | wc -l)" = 8 ] || show
    prints '"closed":null' '"reason":null'
    grep -oE "$at" <<<"$output" >"$T/times"
    sort -c "$T/times"
    cp /dev/null "$T/first"
    printf '%s' "$output" >"$T/first"
    fl --json status "${serial:8}"
    succeeds
    [ "$output" = "$(cat "$T/first")" ]
    fl status "${serial^^}"
    succeeds
    [ "${#lines[@]}" = 1 ]
    prints "$serial  DONE  issued 20" "  burned 20" "  verified 20" "  proved 20" "  locked 20" "  recorded 20"
    [[ $output != *burning* ]]
}

@test "cut in its burn: burning since, not burned; then torn: quarantined, and why" {
    line stm32l476
    ctl cut otp 5 none
    provision --burn
    [ "$status" = 81 ]
    local serial
    serial=$(json serial)
    fl status "$serial"
    succeeds
    prints "BURNING  issued" "burning since 20"
    [[ $output != *burned* ]]
    fl --json status "$serial"
    prints '"burned":null,"verified":null,"proved":null,"locked":null,"recorded":null,"closed":null'
    ctl power on
    ctl cut otp 2
    provision --burn
    ctl power on
    provision --burn
    [ "$status" = 82 ] || show
    fl status "$serial"
    prints "QUARANTINED (board-torn)" "quarantined 20"
    fl --json status "$serial"
    prints '"state":"QUARANTINED"' '"reason":"board-torn"' '"recorded":null'
}

@test "a rework: what was proved is to be proved again" {
    line stm32l476
    burn_board
    local serial
    serial=$(json serial)
    sqlite3 "$T/registry.db" "SELECT max(n) + 1 FROM event" >"$T/n"
    "$BUILD/fuseline" -C "$T" --json audit list >/dev/null
    sqlite3 "$T/registry.db" "INSERT INTO event VALUES ($(cat "$T/n"),
        '{\"at\":\"2030-01-01T00:00:00.000Z\",\"event\":\"device.rework\",\"n\":$(cat "$T/n"),\"serial\":\"$serial\"}', zeroblob(32))"
    fl --json status "$serial"
    prints '"proved":null,"locked":null,"recorded":null'
    [[ $output == *'"burned":"20'* ]] || show
}

@test "serials that are none, and one that nobody has" {
    line stm32l476
    local s
    for s in 1 x 0001 00010000000000010 0x00000001; do
        fl --json status -- "$s"
        refuses 64 bad-serial "'$s'"
    done
    fl --json status ffffffffffffffff
    refuses 66 device-unknown
    fl --json status ffffffff
    refuses 66 device-unknown
    fl --json status
    refuses 64 missing-option "SERIAL"
}
