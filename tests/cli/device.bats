#!/usr/bin/env bats
# device list, device show, audit list, otp show: what is on record, and what is in the chip.

setup_file() { # two devices, one with a secret
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line stm32f407 --psk
    burn_board
    json serial >"$T/serial"
    json uid >"$T/uid"
    for at in 0 256; do ctl peek $((otp + at)) 256; done | perl -ne 's/^ok //; chomp; print pack("H*", $_)' >"$T/otp"
    [ "$(stat -c %s "$T/otp")" = 512 ]
    ctl new
    burn_board
    export LINE_DIR=$T
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    T=$LINE_DIR
    end
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    T=$LINE_DIR
    board=$T/board
    chip_facts stm32f407
    cd "$T"
    serial=$(cat serial) uid=$(cat uid)
    head -c 96 otp | tail -c 32 | od -An -v -tx1 | tr -d ' \n' >secret # S1 of the image
    [ "$(stat -c %s secret)" = 64 ]
}

@test "device list: one object a device, by product and by state" {
    fl --json device list
    succeeds
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[0]} == '{"serial":"'"$serial"'","uid":"'"$uid"'","product":"p","state":"DONE","station":1,"day":'*',"reason":null,"created":"20'* ]] || show
    fl --json device list --product p --state done
    [ "${#lines[@]}" = 2 ]
    fl --json device list --state BURNING
    succeeds
    [ -z "$output" ]
    fl device list
    prints "SERIAL" "$serial  $uid  p "
    fl --json device list --product nil
    refuses 66 product-unknown
    fl --json device list --state burned
    refuses 64 unknown-state "'burned'; known: RESERVED"
}

@test "device show: the record, the keys by name, and no secret" {
    fl --json device show "$serial"
    succeeds
    prints '"state":"DONE"' '"image":"464c314f' '"image_sha256":"' '{"role":"server","public_x":"' '{"role":"psk","public_x":null' \
        '"kek":"kek-secret"'
    [[ $output != *$(cat secret)* ]]
    fl device show "${serial^^}"
    succeeds
    prints "serial    $serial" "key       psk"
}

@test "serials that are none, and one that nobody has" {
    local s
    for s in 1 x "${serial}0" "${serial:1}" "0x$serial" "-1" "+$serial" "${serial:0:15} "; do
        fl --json device show -- "$s"
        refuses 64 bad-serial "'$s'"
    done
    fl --json device show ffffffffffffffff
    refuses 66 device-unknown "ffffffffffffffff"
    fl --json device show
    refuses 64 missing-option "SERIAL"
}

@test "audit list: every event, numbered without gaps, with its leaf hash" {
    fl --json audit list
    succeeds
    local n=0 l text
    for l in "${lines[@]}"; do
        [[ $l == '{"n":'$n',"canonical":"{'*'}","leaf_hash":"'* ]] || { echo "$l" && return 1; }
        text=$(sed 's/.*"canonical":"\(.*\)","leaf_hash".*/\1/; s/\\"/"/g' <<<"$l")
        [ "$({ printf '\0' && printf '%s' "$text"; } | sha256sum | cut -d' ' -f1)" = "$(json leaf_hash "$l")" ] || { echo "$l" && return 1; }
        n=$((n + 1))
    done
    [ $n -ge 16 ]
    fl --json audit list --from $((n - 1))
    [ "${#lines[@]}" = 1 ]
    prints device.done
    fl --json audit list --from $n
    succeeds
    [ -z "$output" ] || show
    fl audit list
    prints "keys.made" "product.added" "device.reserved" "device.done" "serial=$serial"
    fl --json audit list --from 99999999999999999999
    refuses 64 bad-number
}

@test "otp show: the image of a file, its fields, and no secret" {
    fl --json otp show --file "$T/otp"
    succeeds
    prints '"valid":true' '"check":"ok"' "\"serial\":\"$serial\"" '"scheme":"sealed"' '{"role":"public key","value":"' \
        '{"role":"secret","value":"present"}' '{"role":"unused","value":null}'
    [[ $output != *$(cat secret)* ]]
    fl otp show --file - <"$T/otp"
    prints "image     -: valid" "S1        secret, present"
    [[ $output != *$(cat secret)* ]]
}

@test "otp show: the board in a slot" {
    ctl stats clear
    fl --json otp show --slot a
    succeeds
    prints '"from":"a","valid":true'
    burns_nothing
    ctl remove
    fl --json otp show --slot a
    refuses 69 no-chip
    ctl insert
}

change() { # change AT: that byte of $T/image becomes another, whatever it was
    local was
    was=$(od -An -tu1 -j"$1" -N1 "$T/image")
    printf "\\$(printf %o $((was ^ 0x55)))" | dd of="$T/image" bs=1 seek="$1" conv=notrunc status=none
}

@test "otp show: blank, cut, changed, too short: 1 with the name of the check that fails, as the device says it" {
    head -c 176 /dev/zero | tr '\0' '\377' >"$T/image"
    fl --json otp show --file "$T/image"
    refuses 1 otp-image "otp-blank"
    head -c 176 "$T/otp" >"$T/image"
    printf '\377' | dd of="$T/image" bs=1 seek=0 conv=notrunc status=none
    fl --json otp show --file "$T/image"
    refuses 1 otp-image "otp-magic"
    local at
    for at in 5 8 24 28 40 159; do # scheme, serial, day, CRC, S0, S3
        head -c 176 "$T/otp" >"$T/image"
        change $at
        fl --json otp show --file "$T/image"
        refuses 1 otp-image "otp-crc"
    done
    head -c 176 "$T/otp" >"$T/image"
    change 170
    fl --json otp show --file "$T/image"
    refuses 1 otp-image "otp-mac"
    prints '"valid":false' "\"serial\":\"$serial\""
    head -c 175 "$T/otp" >"$T/image"
    fl --json otp show --file "$T/image"
    refuses 65 input-short "175 bytes"
    fl --json otp show --file "$T/nil"
    refuses 66 input-missing
    fl --json otp show
    refuses 64 show-choice none
    fl --json otp show --file "$T/otp" --slot a
    refuses 64 show-choice both
}
