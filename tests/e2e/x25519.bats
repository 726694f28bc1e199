#!/usr/bin/env bats
# Suite 2: a fleet that seals to X25519, from the product to the frame that opens, and to the next key.

# A board of each: slot, product's scheme, chip; as its fleet 1, 2, 3 the product is added.
slots=(a b c)
declare -gA scheme=([a]=identity-x25519 [b]=sealed-fleet-x25519 [c]=session-x25519)
declare -gA chip_of=([a]=stm32l476 [b]=stm32f407 [c]=stm32l476) fleet=([a]=1 [b]=2 [c]=3)
declare -gA begins=([a]=0302 [b]=0202 [c]=0602) key_at=([a]=64 [b]=64 [c]=128) # scheme, suite; S0, of session S1: hex digits

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    mkdir "$T/firmware" # the firmware that has something to say every 10 ms
    printf '\n[firmware]\npath = firmware\n[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\n' >>"$T/fuseline.conf"
    server= phones=()
    fl key new --ra
    fl key new --backup-ra
}

teardown() {
    local pid
    for pid in $server "${phones[@]}"; do { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true; done
    end
}

equip() { # equip SLOT: a board, its firmware, and the product
    board_in "$1" "${chip_of[$1]}"
    cp "$BUILD/firmware/${scheme[$1]}-fast-$chip.elf" "$T/firmware/${scheme[$1]}-$chip.elf"
    fl --json product add "p$1" --chip "$chip" --scheme "${scheme[$1]}" --two-way --lock 0
    succeeds
    prints "\"fleet\":${fleet[$1]}" '"suite":2'
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
    sqlite3 -cmd '.timeout 60000' "$T/registry.db" "$1"
}

heard() { # heard SLOT EPOCH: an OPEN of that epoch, and DATA behind it
    [ "$(registry "SELECT count(*) FROM frame WHERE session IN (SELECT session FROM frame WHERE fleet = ${fleet[$1]} AND ctr = 0 AND epoch = $2)")" -ge 2 ]
}

key_of() { # key_of SLOT EPOCH: u, as its fleet's key has it
    fl --json key show "fleet/${fleet[$1]}/$2"
    prints '"kind":"fleet-x25519"'
    u=$(value public)
}

provision_slot() { # provision_slot SLOT: proved, and the image names the fleet's key
    local u image
    at_slot "$1" "${chip_of[$1]}"
    key_of "$1" 1
    provision "p$1" "$1"
    verdict PASS done 0
    image=$(otp_bytes)
    [ "${image:10:4}" = "${begins[$1]}" ]
    [ "${image:${key_at[$1]}:64}" = "$u" ]
    ctl power off
}

phone() { # phone SLOT: beside its board, which starts when somebody listens
    at_slot "$1" "${chip_of[$1]}"
    drain
    "$BUILD/fuseline" -C "$T" --json relay --console "$board/usart" --url "$url" --cacert "$T/serve-cert.pem" \
        --fleet "${fleet[$1]}" --buffer "$T/buffer.$1" >"$T/relayed.$1" 2>"$T/relay.said" 3>&- &
    phones+=($!)
    ctl power on
}

next_key() { # next_key SLOT: of its fleet
    local u
    fl --json rotate --fleet "${fleet[$1]}" --burn
    succeeds
    prints "\"label\":\"fleet/${fleet[$1]}/2\"" '"result":"rotated"'
    u=$(value public)
    key_of "$1" 2
    grep -q "\"public\":\"$u\"" <<<"$output"
}

obeyed() { # obeyed SLOT: a frame under the old key opened, was answered with the new key's ROTATE, and the next one is under that
    local u
    key_of "$1" 2
    within heard "$1" 2
    at_slot "$1" "${chip_of[$1]}"
    ctl power off
    [ -n "$(registry "SELECT 1 FROM frame WHERE fleet = ${fleet[$1]} AND ctr = 0 AND epoch = 1")" ]
    grep -q "\"event\":\"down\",\"frame\":\"8002$u" "$T/relayed.$1"
    fl --json rotate status --fleet "${fleet[$1]}"
    succeeds
}

@test "provisioned, proved and opened; served, and rotated to the next X25519 key: schemes 2, 3 and 6" {
    local slot
    for slot in "${slots[@]}"; do equip "$slot"; done
    fl doctor
    for slot in "${slots[@]}"; do prints "ok    firmware ${scheme[$slot]}-${chip_of[$slot]}"; done
    for slot in "${slots[@]}"; do provision_slot "$slot"; done
    frames_of 5 >"$T/in"
    ctl power off
    fl --json open "$T/in"
    succeeds
    prints '"status":"opened"'
    [[ $output != *refused* ]] || show
    serve
    for slot in "${slots[@]}"; do next_key "$slot"; done
    for slot in "${slots[@]}"; do phone "$slot"; done
    for slot in "${slots[@]}"; do obeyed "$slot"; done
}

@test "the firmware of the other suite is never flashed for it, and refuses its image" {
    equip a
    rm "$T/firmware/identity-x25519-$chip.elf"
    cp "$BUILD/firmware/identity-$chip.elf" "$T/firmware/"
    provision pa a
    [ "$status" != 0 ] && [[ $stderr == *"identity-x25519-$chip.elf"* ]] || show
    unburned
    cp "$BUILD/firmware/identity-$chip.elf" "$T/firmware/identity-x25519-$chip.elf" # by mistake
    provision pa a
    [ "$status" != 0 ] && [ "$(value verdict)" != PASS ] || show
    unburned # it refused the draft before it made a key
}
