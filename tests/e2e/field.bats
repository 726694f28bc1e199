#!/usr/bin/env bats
# What went wrong on other lines, tried on this one: docs/field-lessons.md says which failure each test stands for.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in l4 stm32l476
    product meter stm32l476
}

teardown() {
    end
}

devices() { # how many are registered
    "$BUILD/fuseline" -C "$T" --json device list | wc -l
}

registry() { # registry SQL
    sqlite3 "$T/registry.db" "$1"
}

@test "killed at some moment of its work: nothing stays locked, no programmer stays behind, and the same command passes" {
    local wait pid status killed=0
    for wait in 0.1 0.4 0.8; do
        another_board
        "$BUILD/fuseline" -C "$T" provision --product meter --slot l4 --burn >"$T/out" 2>&1 3>&- &
        pid=$!
        sleep $wait
        kill -KILL $pid 2>/dev/null || true
        wait $pid || killed=$((killed + 1))
        provision meter l4
        [ "$status" = 0 ] && [ "$(value verdict)" = PASS ] || show
        none_left
    done
    [ $killed -ge 2 ] # else nothing was shown
    [ -z "$(registry 'SELECT uid FROM device' | sort | uniq -d)" ]
}

@test "a wrapped key that is cut short or empty is never taken for one: the board does not pass" {
    local blob serial cut
    ctl cut otp 5 none >"$T/answer"
    provision meter l4
    [ "$status" = 81 ] || show
    serial=$(value serial)
    ctl power on >"$T/answer"
    blob=$(registry "SELECT hex(blob) FROM wrapped_key WHERE role = 'server'")
    [ ${#blob} -gt 64 ]
    for cut in "" "${blob:0:$((${#blob} - 2))}" "${blob//[0-9A-F]/0}"; do
        registry "UPDATE wrapped_key SET blob = x'$cut' WHERE role = 'server'"
        provision meter l4
        [ "$status" != 0 ] && [ "$(value verdict)" != PASS ] && [ "$(value board)" = retry ] || show
        [ "$(state_of "$serial")" != DONE ]
    done
    registry "UPDATE wrapped_key SET blob = x'$blob' WHERE role = 'server'"
    provision meter l4
    verdict PASS done 0
    [ "$(value serial)" = "$serial" ]
}

@test "an identity of all zeros or all ones is not recorded for a device" {
    local uid
    for uid in 000000000000000000000000 ffffffffffffffffffffffff; do
        ctl new uid=$uid >"$T/new" && ctl stats clear >"$T/new"
        provision meter l4
        verdict REFUSED bad-uid 80
        [ "$(value board)" = rework ] || show
        burns_nothing
    done
    [ "$(devices)" = 0 ]
}

@test "a PKCS#11 URI is taken to its end: what stands behind its ; counts" {
    local uri='pkcs11:token=server;serial=%s;manufacturer=SoftHSM%%20project?module-path=%s&pin-source=file:%s'
    local module serial
    module=$(sed -n 's/^module = //p' "$T/fuseline.conf" | head -n 1)
    serial=$(SOFTHSM2_CONF=$T/softhsm2.conf softhsm2-util --show-slots | awk '/Serial number/ { s = $3 } /Label: *server/ { print s }')
    [ ${#serial} = 16 ]
    sed -i '/^\[hsm server\]/,/^$/{/^token\|^module\|^pin-source/d}' "$T/fuseline.conf"
    sed -i "/^\[hsm server\]/a uri = $(printf "$uri" "$serial" "$module" "$T/pins/server.pin" | sed 's/&/\\&/')" "$T/fuseline.conf"
    provision meter l4
    verdict PASS done 0
    another_board
    sed -i "s/;serial=$serial;/;serial=0000000000000000;/" "$T/fuseline.conf"
    provision meter l4
    verdict REFUSED hsm-token-missing 69
    unburned
}

asked() { # asked PIN: provision on a terminal where somebody types that PIN once asked; what was said is in $T/screen
    local i
    rm -f "$T/keys" "$T/screen"
    mkfifo "$T/keys"
    : >"$T/screen"
    script -qefc "$BUILD/fuseline -C $T provision --product meter --slot l4 --burn" "$T/screen" <"$T/keys" >"$T/seen" 2>&1 3>&- &
    exec 9>"$T/keys"
    for ((i = 0; i < 400; i++)); do
        ! grep -q "PIN of token" "$T/screen" || break
        sleep 0.05
    done
    printf '%s\n' "$1" >&9
    wait $! && status=0 || status=$?
    exec 9>&-
}

@test "a PIN is asked for once, by the name of its token, and is used; a wrong one is not asked for again" {
    sed -i '/^\[hsm line\]/,/^$/{/^pin-source/d}' "$T/fuseline.conf"
    asked "$(cat "$T/pins/line.pin")"
    [ "$status" = 0 ] || { cat "$T/screen" && return 1; }
    [ "$(grep -o "PIN of token 'line'" "$T/screen" | wc -l)" = 1 ] && [ "$(grep -o 'PIN of token' "$T/screen" | wc -l)" = 1 ]
    ! grep -q "$(cat "$T/pins/line.pin")" "$T/screen"
    another_board
    asked 000000000000
    [ "$status" = 77 ] || { cat "$T/screen" && return 1; }
    [ "$(grep -o 'PIN of token' "$T/screen" | wc -l)" = 1 ]
    unburned
}

@test "a board takes one programmer session, not one for each cell" {
    local openocd
    openocd=$(command -v openocd)
    printf '#!/bin/sh\ncase $1 in --version) ;; *) echo started >>%s ;; esac\nexec %s "$@"\n' "$T/starts" "$openocd" >"$T/openocd"
    chmod +x "$T/openocd"
    sed -i "/^openocd *=/d; /^\[station\]/a openocd = $T/openocd" "$T/fuseline.conf"
    provision meter l4
    verdict PASS done 0
    [ "$(stat_of otp_pulses)" -ge 10 ]
    [ "$(wc -l <"$T/starts")" = 1 ] || { cat "$T/starts" && return 1; }
}

@test "the registry keeps a rollback journal, never a write-ahead log that could lose what was acknowledged" {
    provision meter l4
    verdict PASS done 0
    [ "$(od -An -tu1 -j18 -N2 "$T/registry.db" | tr -s ' ')" = " 1 1" ] # file format versions: 1 legacy, 2 WAL; sqlite.org/fileformat2
    [ ! -e "$T/registry.db-wal" ]
}
