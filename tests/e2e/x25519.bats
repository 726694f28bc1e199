#!/usr/bin/env bats
# Suite 2: a fleet that seals to X25519, from the product to the frame that opens, and to the next key.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in a stm32l476
    mkdir "$T/firmware" # the firmware that has something to say every 10 ms
    cp "$BUILD/firmware/identity-x25519-fast-$chip.elf" "$T/firmware/identity-x25519-$chip.elf"
    printf '\n[firmware]\npath = firmware\n[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\n' >>"$T/fuseline.conf"
    server= phone=
    fl key new --ra
    fl --json product add meter --chip "$chip" --scheme identity-x25519 --two-way --lock 0
    succeeds
    prints '"suite":2'
}

teardown() {
    local pid
    for pid in $server $phone; do { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true; done
    end
}

serve() {
    : >"$T/served"
    "$BUILD/fuseline" -C "$T" --json serve --self-signed >"$T/served" 2>"$T/said" 3>&- &
    server=$!
    within test -s "$T/served"
    url=https://localhost:$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$T/served")
}

within() { # within COMMAND...: it succeeds before our patience ends
    local i
    for ((i = 0; i < 600; i++)); do
        ! "$@" || return 0
        sleep 0.05
    done
    echo "never: $*" && return 1
}

registry() { # registry SQL
    sqlite3 -cmd '.timeout 5000' "$T/registry.db" "$1"
}

epoch_is_heard() { # epoch_is_heard N: an OPEN of that epoch, and DATA behind it
    [ "$(registry "SELECT count(*) FROM frame WHERE session IN (SELECT session FROM frame WHERE ctr = 0 AND epoch = $1)")" -ge 2 ]
}

@test "provisioned and proved, opened, served, and rotated to the next X25519 key" {
    local u serial image
    fl --json key show fleet/1/1
    prints '"kind":"fleet-x25519"'
    u=$(value public)
    fl doctor
    prints "ok    firmware identity-x25519-$chip"
    provision meter a
    verdict PASS done 0
    serial=$(value serial)
    image=$(otp_bytes)
    [ "${image:10:4}" = 0302 ]   # scheme, suite
    [ "${image:64:64}" = "$u" ]  # S0
    frames_of 5 >"$T/in"
    fl --json open "$T/in"
    succeeds
    prints '"status":"opened"' "\"serial\":\"$serial\""
    [[ $output != *refused* ]] || show

    serve
    drain
    "$BUILD/fuseline" -C "$T" --json relay --console "$board/usart" --url "$url" --cacert "$T/serve-cert.pem" --fleet 1 \
        --buffer "$T/buffer" >"$T/relayed" 2>"$T/relay.said" 3>&- &
    phone=$!
    ctl power cycle
    within epoch_is_heard 1
    fl --json rotate --fleet 1 --burn
    succeeds
    prints '"label":"fleet/1/2"' '"result":"rotated"'
    u=$(value public)
    fl --json key show fleet/1/2
    prints '"kind":"fleet-x25519"' "\"public\":\"$u\""
    ctl power cycle # its next OPEN is answered
    within epoch_is_heard 2
    grep -q "\"event\":\"down\",\"frame\":\"8002$u" "$T/relayed"
    fl --json rotate status --fleet 1
    succeeds
    ctl power off
}

@test "the firmware of the other suite is never flashed for it, and refuses its image" {
    rm "$T/firmware/identity-x25519-$chip.elf"
    cp "$BUILD/firmware/identity-$chip.elf" "$T/firmware/"
    provision meter a
    [ "$status" != 0 ] && [[ $stderr == *"identity-x25519-$chip.elf"* ]] || show
    unburned
    cp "$BUILD/firmware/identity-$chip.elf" "$T/firmware/identity-x25519-$chip.elf" # by mistake
    provision meter a
    [ "$status" != 0 ] && [ "$(value verdict)" != PASS ] || show
    unburned # it refused the draft before it made a key
}
