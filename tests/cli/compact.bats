#!/usr/bin/env bats
# Compact first frames, whole: product, board, what it sends, opened; and never a frame of the other form.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
    fl key new --ra
    fl key new --backup-ra
}

teardown() {
    end
}

device() { # device NAME SCHEME OPTION...: a compact product, a fresh part that becomes one, and its first 2 frames, $T/NAME.hex
    fl --json product add "$1" --chip "$chip" --scheme "$2" --compact "${@:3}"
    succeeds
    prints '"compact":true'
    ctl new >/dev/null && quick
    fl --json provision --product "$1" --slot a --burn
    verdict PASS done 0
    serial=$(json serial)
    capture 2
    hexes "$T/raw" >"$T/$1.hex"
}

first() { # first NAME [FROM]: its first frame, in hex from that digit on
    head -n 1 "$T/$1.hex" | cut -c "${2:-1}-"
}

opens() { # opens NAME HDR BYTES LATER: its frames have that header and these lengths, and open
    [ "$(awk '{ print length($0) / 2 }' "$T/$1.hex" | paste -sd ' ')" = "$3 $4" ] && [[ $(first "$1") == "$2"* ]] ||
        { cat "$T/$1.hex" && return 1; }
    fl --json open "$T/$1.hex"
    succeeds
    [ "$(grep -c '"status":"opened"' <<<"$output")" = 2 ] || show
}

refused() { # refused REASON HEX: the frame is, for that reason
    printf '%s\n' "$2" >"$T/in"
    fl --json open "$T/in"
    [ "$status" = 1 ] && [ "$(json reason)" = "$1" ] || show
}

other_form() { # other_form NAME: the registry has the other form for that product, as if it had always been so
    sqlite3 "$T/registry.db" "UPDATE product SET policy = (policy | 4) - (policy & 4) WHERE name = '$1'"
}

@test "stm32l476: sealed with PSK, identity, session: the bytes of docs/schemes.md; the other form is refused" {
    insert_board stm32l476
    device s sealed --psk
    local own=$serial
    device i identity
    fl --json otp show --slot a
    prints '"valid":true' '"policy":11,"compact":true'
    fl otp show --slot a
    prints "policy    0x000b, compact first frames"

    # Whole frames to compact products; then genuine compact ones, to products that are whole: the profile rules, not the frame.
    refused sealed-form "20$own$(first s 11)0000000000000000"
    refused sealed-form "22$(first i 3)"
    refused unknown-serial "28ffffffff$(first s 11)"
    local name
    for name in s i; do
        other_form $name
        refused sealed-form "$(first $name)"
        other_form $name
    done
    fl reconcile --keys 0
    succeeds

    opens s 28 61 28
    prints '"serial":"'"$own"'","scheme":"sealed"'
    [ "$(first s | cut -c 3-10)" = "${own:8}" ] || first s
    opens i 2a 129 92
    prints '"serial":"'"$serial"'","scheme":"identity"'
    device e session
    opens e 39 58 28
    fl product show i
    prints "scheme    identity, compact first frames"
    fl product list
    prints "sealed       yes  yes "
}

@test "stm32f407: sealed, session, sealed-fleet, signup" {
    insert_board stm32f407
    device s sealed
    opens s 28 61 28
    prints '"serial":"'"$serial"'","scheme":"sealed"'
    device e session
    opens e 39 58 28
    device f sealed-fleet --two-way
    opens f 29 62 28
    prints '"serial":"'"$serial"'","scheme":"sealed-fleet"'
    device u signup
    opens u 2b 161 92
    prints '"serial":"'"$serial"'","scheme":"signup"'
    fl reconcile
    succeeds
}

@test "--compact where there is no such form: 64, and nothing is made; a product never changes its form" {
    local o
    for o in secret derived "identity --sign-all=no" "signup --sign-all=no"; do
        fl --json product add p --chip stm32l476 --scheme $o --compact
        refuses 64 no-compact-form "no compact form" "'${o%% *}'"
    done
    fl --json product list
    [ -z "$output" ]
    fl --json product add p --chip stm32l476 --scheme sealed
    prints '"policy":13,' '"compact":false'
    fl --json product add p --chip stm32l476 --scheme sealed --compact
    refuses 80 product-other "'p'"
    fl --json product add s --chip stm32l476 --scheme secret
    prints '"compact":false'
    fl product add --help
    prints "--compact" "tag of 8 bytes instead of 16" "have no compact form"
}
