#!/usr/bin/env bats
# session-rsa, scheme 6 with RSA-4096: one generic firmware, into which the station puts the key of the fleet; and all that can be
# missing or wrong is found before a board is touched.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
    fl key new --ra
}

teardown() {
    end
}

registry() { # registry SQL: on the line's registry
    sqlite3 "$T/registry.db" "$1"
}

product() { # product CHIP: a board of that kind in slot a, and product p, whose fleet is 1
    insert_board "$1" # without a console, over which it would prove itself again: schemes_demo.bats has one
    fl --json product add p --chip "$1" --scheme session-rsa
    succeeds
}

own_firmware() { # $T/fw, which a test may fill
    mkdir "$T/fw"
    sed -i "s,^path = $FIRMWARE,path = fw," "$T/fuseline.conf"
}

key_at() { # key_at ELF: offset in the file, address in flash of the place for the key
    local address offset
    address=$((16#$(arm-none-eabi-nm "$1" | awk '$3 == "fl_rsa_key" { print $1 }')))
    offset=$(arm-none-eabi-readelf -lW "$1" | awk '$1 == "LOAD" { print $2, $4 }' | head -n 1)
    echo $((address - ${offset#* } + ${offset% *})) $address
}

@test "whole: cut in its burn, recovered, its firmware written again, its messages opened; the fleet's key is in its flash" {
    product stm32l476
    prints '"scheme":"session-rsa"' '"fleet":1' '"epoch":1'
    provision
    verdict PLAN plan 0
    untouched
    ctl cut otp 12 none
    provision --burn
    [ "$status" = 81 ] || show
    ctl power on
    fl --json recover --burn
    succeeds
    prints '"state":"DONE","outcome":"finished"'
    local at n digest
    at=($(key_at "$FIRMWARE/session-rsa-stm32l476.elf"))
    ocd init "reset halt" "flash erase_address pad ${at[1]} 4"
    [ "$(ctl peek "${at[1]}" 4)" = "ok ffffffff" ]
    provision --burn
    verdict PASS done 0
    n=$(for i in 0 128 256 384; do ctl peek $((at[1] + i)) 128; done | sed 's/^ok //' | tr -d '\n')
    [ "$n" = "$(registry "SELECT lower(hex(rsa_n)) FROM fleet_key")" ] || { echo "$n" && return 1; }
    fl --json key list --role server
    digest=$(grep '"rsa/1/1"' <<<"$output")
    digest=$(json public "$digest")
    fl --json otp show --slot a
    prints '"scheme":"session-rsa","suite":16' '{"role":"digest","value":"'"$digest"'"},{"role":"unused","value":null},{"role":"public key"'
    capture 3
    [ "$(hexes "$T/raw" | awk '{ printf "%s:%d ", substr($0, 1, 2), length($0) / 2 }')" = "30:513 49:28 49:28 " ] || { hexes "$T/raw" && return 1; }
    fl --json open "$T/raw" --format cobs
    [ "$(grep -c '"status":"opened","serial":null,"scheme":"session"' <<<"$output")" = 3 ] || show
    fl --json open "$T/raw" --format cobs
    [ "$(grep -c '"status":"duplicate"' <<<"$output")" = 3 ] || show
    fl reconcile --keys 9
    succeeds
    fl doctor
    prints "session-rsa-stm32l476"
    fl status 0001000000000001
    succeeds
    prints DONE
    fl --json rotate --fleet 1 --burn
    refuses 80 no-rotation "RSA key's digest is burned into each device"
    fl rotate status --fleet 1
    prints "session-rsa" "nothing to rotate"
}

@test "what the fleet's key can lack: refused, and there is no product; then the one that \`key new\` made is taken" {
    rsa() { fl --json product add p --chip stm32l476 --scheme session-rsa "$@"; }
    pkcs11() { SOFTHSM2_CONF=$T/softhsm2.conf pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label server --login --pin "$(cat "$T/pins/server.pin")" "$@"; }
    rsa --psk
    refuses 64 product-option
    fl --json product add p --chip stm32l476 --scheme session-rs
    refuses 64 unknown-scheme "did you mean 'session-rsa'?"
    "$BUILD/fuseline" init "$T/new" >"$T/init" 2>&1
    run --separate-stderr "$BUILD/fuseline" -C "$T/new" --json product add p --chip stm32l476 --scheme session-rsa
    refuses 78 no-rotation-authority "key 'ra'"
    mv "$T/pins/vault.pin" "$T/pins/away"
    rsa
    refuses 77 pin-source
    mv "$T/pins/away" "$T/pins/vault.pin"
    gcc -D_GNU_SOURCE -I"$BATS_TEST_DIRNAME/../.." -I/usr/include/p11-kit-1 -shared -fPIC -o "$T/no-rsa.so" "$FAKES/pkcs11/fake.c"
    sed -i.sound "/^\[hsm server\]/,/^\[hsm log\]/s,^module = .*,module = $T/no-rsa.so," "$T/fuseline.conf"
    rsa
    refuses 69 hsm-mechanism CKM_RSA_PKCS_KEY_PAIR_GEN
    mv "$T/fuseline.conf.sound" "$T/fuseline.conf"
    pkcs11 --keypairgen --key-type rsa:2048 --label rsa/1/1 >/dev/null 2>&1
    rsa
    refuses 80 hsm-key-wrong rsa/1/1
    pkcs11 --delete-object --type privkey --label rsa/1/1 >/dev/null 2>&1
    pkcs11 --delete-object --type pubkey --label rsa/1/1 >/dev/null 2>&1
    fl --json product list
    [ -z "$output" ] || show
    fl --json key new --rsa 1
    local public
    public=$(json public)
    rsa
    succeeds
    [ "$(registry "SELECT lower(hex(x)) || label FROM fleet_key")" = "${public}rsa/1/1" ]
    rsa
    prints '"result":"kept"'
    fl --json product add p --chip stm32l476 --scheme session
    refuses 80 product-other
    fl --json key retire rsa/1/1 --force --reason "a test" --burn
    succeeds
    registry "DELETE FROM fleet_key; DELETE FROM product" # its number is used
    rsa
    refuses 80 key-retired rsa/1/1
}

@test "another firmware: of scheme session, with another key in it, or this one for another scheme; nothing is burned" {
    product stm32l476
    own_firmware
    local elf=$T/fw/session-rsa-stm32l476.elf
    provision --burn
    verdict REFUSED firmware-file 78
    cp "$FIRMWARE/session-stm32l476.elf" "$elf"
    provision --burn
    verdict REFUSED firmware-other-scheme 65
    tells "no symbol fl_rsa_key"
    fl --json doctor
    grep '"firmware session-rsa-stm32l476"' <<<"$output" | grep -q '"fail"' || show
    cp "$FIRMWARE/session-rsa-stm32l476.elf" "$elf"
    printf '\0' | dd of="$elf" bs=1 seek="$(key_at "$elf" | cut -d ' ' -f 1)" conv=notrunc 2>"$T/dd"
    provision --burn
    verdict REFUSED firmware-filled 65
    tells "fl_rsa_key"
    arm-none-eabi-objcopy --strip-symbol=fl_rsa_key "$FIRMWARE/session-rsa-stm32l476.elf" "$elf"
    provision --burn
    verdict REFUSED firmware-other-scheme 65
    cp "$FIRMWARE/session-rsa-stm32l476.elf" "$T/fw/session-stm32l476.elf"
    fl --json product add q --chip stm32l476 --scheme session
    fl --json provision --product q --slot a --burn
    verdict REFUSED firmware-other-scheme 65
    tells "needless symbol fl_rsa_key"
    untouched
    fl --json device list
    [ -z "$output" ] || show
}

@test "a registry whose modulus is another's, and a token without the key: refused before the burn" {
    product stm32l476
    local n
    n=$(registry "SELECT hex(rsa_n) FROM fleet_key")
    registry "UPDATE fleet_key SET rsa_n = x'${n%??}$(printf %02x $((0x${n: -2} ^ 2)))'"
    provision --burn
    verdict REFUSED product-keys 78
    tells "rsa/1/1"
    fl --json reconcile
    [ "$status" = 1 ] || show
    prints "modulus and exponent of another key"
    registry "UPDATE fleet_key SET rsa_n = x'$n'"
    fl --json key retire rsa/1/1 --force --reason "a test" --burn
    succeeds
    registry "UPDATE fleet_key SET state = 'ACTIVE'" # an older copy of the registry
    fl --json provision --product p --slot a --burn
    verdict REFUSED server-fleet-key 78
    untouched
}
