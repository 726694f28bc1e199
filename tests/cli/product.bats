#!/usr/bin/env bats
# product add, list, show: what is made, said once and never changed.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
}

teardown() {
    end
}

add() { # add NAME OPTION...: an l476 product
    fl --json product add "$1" --chip stm32l476 --scheme sealed "${@:2}"
}

@test "added, listed, shown; with what its lock protects and what not" {
    add sensor-1 --psk --lock 2 --model 65535 --serials 100-0xff
    succeeds
    prints '{"product":"sensor-1","chip":"stm32l476","scheme":"sealed","suite":1,"psk":true,"lock":2,"fleet":1,"model":65535,' \
        '"serial_first":"00000064","serial_last":"000000ff"' '"result":"added"' '"lock_protects":"RDP level 2: '
    local shown=${output%,\"result\"*}
    fl --json product show sensor-1
    [ "$output" = "$shown}" ]
    fl --json product list
    [ "$output" = "$shown}" ]
    fl product list
    prints "sensor-1" "00000064-000000ff"
    fl audit list
    prints product.added product=sensor-1
}

@test "the same again does nothing; another value is refused, and nothing changes" {
    add p --lock 1 --serials 1-9
    local shown
    fl --json product show p
    shown=$output
    add p --lock 1 --serials 1-9
    succeeds
    prints '"result":"kept"'
    add p
    succeeds
    prints '"result":"kept"' '"lock":1'
    local other
    for other in "--lock 2" "--psk" "--model 1" "--serials 1-10"; do
        add p $other
        refuses 80 product-other "'p'"
    done
    fl --json product add p --chip stm32f407 --scheme sealed
    refuses 80 product-other
    fl --json product show p
    [ "$output" = "$shown" ]
}

@test "serial ranges: free ones are found, taken ones refused" {
    add a --serials 10-19
    succeeds
    local r
    for r in 10-19 1-10 19-30 12-13; do
        add b --serials $r
        refuses 80 serials-taken "product 'a'"
    done
    add b
    succeeds
    prints '"serial_first":"00000014"'
}

@test "a range that ends at 2^32-1: no room behind it is no end of the serials before it" {
    fl --json product add last --chip stm32l476 --scheme sealed --serials 4294967290-4294967295
    succeeds
    fl --json product add more --chip stm32l476 --scheme sealed
    refuses 80 serials-no-room "ends at ffffffff" "name a free range with --serials"
    fl --json product add more --chip stm32l476 --scheme sealed --serials 1-1000
    succeeds
}

@test "an STM32F407 above level 0 can't program its OTP any more: told where the level is chosen" {
    fl product add open --chip stm32f407 --scheme sealed --lock 0
    [[ $stderr != *"program OTP"* ]] || show
    fl product add l4 --chip stm32l476 --scheme sealed --lock 1
    [[ $stderr != *"program OTP"* ]] || show
    local level
    for level in 1 2; do
        fl product add f4-$level --chip stm32f407 --scheme sealed --lock $level
        succeeds
        tells "nobody can program OTP any more"
    done
    fl product add --help
    prints "levels 1 and 2 end all programming of OTP"
}

@test "ranges that are none: 64; 2^32 is not cut to 0" {
    local r
    for r in 5 5- -5 0-5 9-8 5-4294967296 4294967297-4294967298 1-0x1ffffffff a-b 1-2-3 1,2 0x-0x9 +1-2 "1 -2" 99999999999999999999-99999999999999999999; do
        add p "--serials=$r"
        refuses 64 serial-range "'$r'"
    done
    add p --serials=
    refuses 64 option-value
    fl --json product list
    [ -z "$output" ]
    add p --serials 4294967295-0xFFFFFFFF
    succeeds
    prints '"serial_first":"ffffffff","serial_last":"ffffffff"'
}

@test "names, chips, schemes, levels and models that are none: 64" {
    local n
    for n in "a b" "a/b" "ä" "$(printf 'x%.0s' {1..33})" $'a\nb'; do
        add "$n"
        refuses 64 product-name
    done
    add "$(printf 'x%.0s' {1..32})"
    succeeds
    fl --json product add p --chip stm32l477 --scheme sealed
    refuses 64 unknown-chip "'stm32l477', did you mean 'stm32l476'?"
    fl --json product add p --chip stm32l476 --scheme seald
    refuses 64 unknown-scheme "did you mean 'sealed'?"
    fl --json product add p --chip stm32l476 --scheme certificate
    refuses 64 scheme-later "'certificate'"
    for n in 3 -1 x 00 1x; do
        add p "--lock=$n"
        refuses 64 lock-level "'$n'"
    done
    for n in 65536 -1 x; do
        add p "--model=$n"
        refuses 64 bad-number "'$n'"
    done
    fl --json product add p --chip stm32l476
    refuses 64 missing-option "--scheme SCHEME"
    fl --json product add --chip stm32l476 --scheme sealed
    refuses 64 missing-option "NAME"
    fl --json product show nil
    refuses 66 product-unknown "'nil'"
}

@test "without --lock: level 0 where nobody can be asked, and it says what that means" {
    fl product add p --chip stm32l476 --scheme sealed </dev/null
    succeeds
    prints "RDP level 0"
    tells "level 0: nothing is protected"
    fl product add q --chip stm32l476 --scheme sealed --psk --lock 1 </dev/null
    tells "OTP is not protected" "secret only at RDP level 2"
}

@test "without --lock on a terminal: it asks, and says what each level protects" {
    script -qec "$BUILD/fuseline -C $T product add p --chip stm32l476 --scheme sealed" /dev/null <<<"1" >"$T/said"
    grep -q "OTP is not protected" "$T/said"
    fl --json product show p
    prints '"lock":1'
    script -qec "$BUILD/fuseline -C $T product add q --chip stm32l476 --scheme sealed" /dev/null <<<"7" >"$T/said" || [ $? = 64 ]
    fl --json product show q
    refuses 66 product-unknown
}

@test "help says what the levels protect and what they do not" {
    fl product add --help
    prints "OTP is not protected" "for ever" "Needs a slot with a console" "secret only at level 2"
}

of() { # of SCHEME NAME OPTION...: an l476 product of that scheme
    fl --json product add "$2" --chip stm32l476 --scheme "$1" "${@:3}"
}

@test "sealed-fleet: refused until both authorities are there; then the fleet's first key is made, once, and logged" {
    of sealed-fleet meter
    refuses 78 no-rotation-authority "key new --ra"
    fl key new --ra
    of sealed-fleet meter
    refuses 78 no-backup-authority "key new --backup-ra"
    fl --json product list
    [ -z "$output" ]
    fl key new --backup-ra
    of sealed-fleet meter
    succeeds
    prints '"result":"added"' '"fleet":1' '"epoch":1' '"ra_x":"' '"backup_ra_x":"' '"master":null'
    fl --json key list --role server
    [ "$(grep -c '"label":"fleet/1/1"' <<<"$output")" = 1 ] || show
    local x
    x=$(json value "$(grep fleet/1/1 <<<"$output")")
    of sealed-fleet meter
    succeeds
    prints '"result":"kept"'
    fl audit list
    [ "$(grep -c "fleet.key-added" <<<"$output")" = 1 ] || show
    [ -z "$x" ] || prints "x=$x"
    of sealed-fleet other
    succeeds
    prints '"fleet":2'
    fl reconcile
    succeeds
}

@test "a fleet key that is there already is taken: from key new, or from an add that was cut off" {
    fl key new --ra
    fl --json key new --fleet 1
    succeeds
    local made=$output
    of session meter
    succeeds
    fl audit list
    [ "$(grep -c "keys.made.*fleet/1/1=" <<<"$output")" = 1 ] || show
    fl --json key new --fleet 1
    [ "${output%,\"epoch\"*}" = "${made%,\"epoch\"*}" ] || show
    fl reconcile
    succeeds
}

@test "secret and derived need nothing but the master, and say what level 2 keeps" {
    fl product add s --chip stm32f407 --scheme secret --lock 1
    succeeds
    tells "secret only at RDP level 2"
    fl product add s2 --chip stm32l476 --scheme secret --lock 2
    [[ $stderr != *"secret only at"* ]] || show
    of derived d
    succeeds
    prints '"master":"1"' '"epoch":0' '"ra_x":null'
    fl --json key list --role server
    [[ $output != *fleet/* ]] || show
    sed -i 's/^id = .*/id = 9/' "$T/fuseline.conf"
    grep -q '^id = 9' "$T/fuseline.conf" || printf '[station]\nid = 9\n' >>"$T/fuseline.conf"
    of derived d9
    refuses 78 no-master "master/9"
}

@test "a product is one-way unless it is said to be two-way; that too never changes" {
    add one
    succeeds
    prints '"policy":13,'
    add two --two-way
    succeeds
    prints '"policy":12,'
    add one --two-way
    refuses 80 product-other "'one'"
    of secret three --two-way
    succeeds
    prints '"policy":12,'
    fl key new --ra
    of identity four --two-way
    succeeds
    prints '"policy":14,'
}

@test "an option of another scheme: 64, and nothing is made" {
    fl key new --ra
    local o
    for o in "secret --psk" "derived --sign-all=yes" "session --field-sign-up" "sealed --sign-all=no"; do
        of ${o%% *} p ${o#* }
        refuses 64 product-option "${o%% *}"
    done
    fl --json product list
    [ -z "$output" ]
    fl --json key list --role server
    [[ $output != *fleet/* ]] || show
}
