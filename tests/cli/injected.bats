#!/usr/bin/env bats
# A key that the line draws for the device: burned, proved, pinned, and then nowhere but in the chip.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
    fl key new --ra
}

teardown() {
    end
}

otp_hex() { # otp_hex OFFSET LEN: of the present board, past all protection
    local answer
    answer=$(ctl peek "$(printf '0x%x' $((otp + $1)))" "$2")
    echo "${answer#ok }"
}

registry() { # registry SQL: read alone
    sqlite3 -readonly "$T/registry.db" "$1"
}

nowhere() { # nowhere HEX: neither these bytes nor any 8 of them, binary or in hex, in a file of the line or in what was said; a
            # board's own state is silicon
    local file piece
    while read -r file; do
        xxd -p "$file" | tr -d '\n' >"$T.hay"
        for piece in $(fold -w 16 <<<"$1" | grep -E '.{16}'); do
            ! grep -q "$piece\|$(printf '%s' "$piece" | xxd -p)" "$T.hay" || { echo "$piece in $file" && return 1; }
        done
    done < <(find "$T" -type f -not -path '*/state')
    rm -f "$T.hay"
}

@test "stm32l476: cut in its burn it goes on with the same key; what it is made of is gone with the read-back, and the log tells" {
    insert_board stm32l476
    fl --json product add p --chip stm32l476 --scheme identity --key injected
    succeeds
    prints '"key":"injected"'
    provision
    verdict PLAN plan 0
    untouched
    ctl cut otp 6 none
    provision --burn
    [ "$status" = 81 ] || show
    local x blob serial
    serial=$(json serial)
    x=$(registry "SELECT hex(x) FROM device_key WHERE state = 'MADE'")
    blob=$(registry "SELECT hex(blob) FROM wrapped_key WHERE role = 'sign-seed'")
    [ ${#x} = 64 ] && [ ${#blob} -ge 64 ]
    ! nowhere "${blob,,}" >/dev/null # the search can find
    fl device show "$serial"
    prints "sign-seed, public x ${x,,}"
    fl reconcile
    succeeds

    ctl power on
    provision --burn
    verdict PASS done 0
    echo "$output$stderr" >"$T/said"
    [ "$(json serial)" = "$serial" ]
    [ "$(registry "SELECT hex(x) || state FROM device_key")" = "${x}PINNED" ]
    [ "$(registry "SELECT count(*) FROM wrapped_key")" = 0 ]
    fl audit list
    [ "$(sed -n 's/.*device.injected .* x=//p' <<<"$output")" = "${x,,}" ] || show
    [ "$(grep -c 'device.seed-destroyed' <<<"$output")" = 1 ] || show
    local seed word
    seed=$(otp_hex 0x40 32)
    nowhere "${blob,,}"
    nowhere "$seed"
    for word in $(fold -w 16 <<<"$seed"); do [ "$(ctl find "$word")" = "ok 0" ] || { echo "in RAM: $word" && return 1; }; done
    fl reconcile
    succeeds
    sqlite3 "$T/registry.db" "INSERT INTO wrapped_key SELECT randomblob(32), serial, 'sign-seed', randomblob(60), 1, 'x', 'kek-secret', x'010203', x FROM device_key"
    fl --json reconcile --keys 0
    [ "$status" = 1 ] || show
    prints '"kind":"key-count"'
    sqlite3 "$T/registry.db" "DELETE FROM wrapped_key"

    capture 2
    hexes "$T/raw" >"$T/hex"
    fl --json open "$T/hex"
    succeeds
    [ "$(grep -c '"status":"opened","serial":"'"$serial"'","scheme":"identity"' <<<"$output")" = 2 ] || show

    ctl new >/dev/null # the next device has another seed
    burn_board
    [ "$(otp_hex 0x40 32)" != "$seed" ]
    [ "$(registry "SELECT count(DISTINCT x) FROM device_key WHERE state = 'PINNED'")" = 2 ]
}

@test "stm32f407: a device with an injected key, in the compact form; its frames open, and a stranger's signature does not" {
    insert_board stm32f407
    fl --json product add p --chip stm32f407 --scheme identity --key injected --compact
    succeeds
    burn_board
    verdict PASS done 0
    capture 2
    hexes "$T/raw" >"$T/hex"
    [ "$(head -n 1 "$T/hex" | tr -d '\n' | wc -c)" = 258 ]
    cp "$T/registry.db" "$T/kept"
    sqlite3 "$T/registry.db" "UPDATE device_key SET x = x'6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'"
    fl --json open "$T/hex"
    [ "$status" = 1 ] || show
    prints '"reason":"sealed-signature"'
    cp "$T/kept" "$T/registry.db"
    fl --json open "$T/hex"
    succeeds
    [ "$(grep -c '"status":"opened"' <<<"$output")" = 2 ] || show
    provision --burn
    verdict PASS already-done 0
    fl reconcile
    succeeds
}

@test "--key: only where devices sign with a key that may be injected; a product never changes it; what it costs is said" {
    local o
    for o in "sealed --key=injected" "signup --key=injected" "secret --key=chip" "identity --key=me"; do
        fl --json product add p --chip stm32l476 --scheme $o
        refuses 64 product-option
    done
    fl --json product list
    [ -z "$output" ]
    fl product add p --chip stm32l476 --scheme identity --key injected
    succeeds
    prints "key       injected"
    tells "holds it until the burn is read back"
    fl --json product add p --chip stm32l476 --scheme identity
    refuses 80 product-other
    fl --json product add q --chip stm32l476 --scheme identity --key chip
    prints '"key":"chip"'
    fl --json product add q --chip stm32l476 --scheme identity
    prints '"result":"kept"'
    fl --json product add s --chip stm32l476 --scheme sealed
    prints '"key":null'
    fl product add --help
    prints "The price: station and registry (wrapped) hold it until the burn is read back"
}
