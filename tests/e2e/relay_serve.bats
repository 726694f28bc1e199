#!/usr/bin/env bats
# relay and serve together: a board's frames arrive at the real server, each recorded once, whatever happens on the way.

setup_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in a stm32l476
    product p stm32l476
    mkdir "$T/firmware" # the firmware that has something to say every 10 ms
    cp "$BUILD/firmware/sealed-fast-$chip.elf" "$T/firmware/sealed-$chip.elf"
    printf '\n[firmware]\npath = firmware\n' >>"$T/fuseline.conf"
    "$BUILD/fuseline" -C "$T" --json provision --product p --slot a --burn >"$T/made"
    printf '\n[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\n' >>"$T/fuseline.conf"
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    cd "$T"
    at_slot a stm32l476
    server=
    serve
}

teardown() {
    [ -z "$server" ] || { kill -KILL "$server" && wait "$server"; } 2>/dev/null || true
}

serve() {
    : >served
    "$BUILD/fuseline" -C "$T" --json serve --self-signed >served 2>said 3>&- &
    server=$!
    local i
    for ((i = 0; i < 400; i++)); do
        [ ! -s served ] || break
        sleep 0.05
    done
    url=https://localhost:$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' served)
}

relay() {
    fl --json relay --url "$url" --cacert "$T/serve-cert.pem" --buffer "$T/buffer" "$@"
}

registry() { # registry SQL: waits as long as the server has it
    sqlite3 -readonly -cmd '.timeout 60000' "$T/registry.db" "$1"
}

recorded() {
    registry 'SELECT count(*) FROM frame'
}

total() { # total KEY: of the last object that says what was done
    sed -n 's/.*"event":"end".*"'"$1"'":\([0-9]*\).*/\1/p' <<<"$output" | tail -n 1
}

@test "a board's console through relay to serve" {
    restart
    relay --console "$board/usart" --seconds 10
    [ "$status" = 0 ] || [ "$status" = 75 ] || show # frames may have come in the last moment
    [ "$(total taken)" -ge 20 ] || show
    [ "$(recorded)" -ge 20 ]
    ctl power off
    relay --console "$board/usart" --once
    succeeds
    [ -z "$(ls -A "$T/buffer")" ]
    [ "$(grep -c '"status":"opened"' served)" -ge 20 ]
}

@test "with every trick: each frame recorded once, each retry answered" {
    frames_of 300 >in
    ctl power off
    relay --from in --posts 3 --drop 0.1 --duplicate 0.1 --delay 0.2 --reorder 0.2 --flip 0.05 --seed 5
    succeeds
    [ -z "$(ls -A "$T/buffer")" ]
    sort -u in >distinct # a one-way device repeats its OPEN
    registry 'SELECT lower(hex(frame)) FROM frame' | sort >all
    [ "$(wc -l <distinct)" -lt "$(wc -l <in)" ]
    [ "$(sort -u all | wc -l)" = "$(wc -l <all)" ]
    [ -z "$(comm -23 distinct all)" ]
}
