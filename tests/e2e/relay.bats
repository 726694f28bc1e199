#!/usr/bin/env bats
# relay: no frame is lost, none is deleted before its receipt, and nothing goes to a server that isn't ours; whatever happens.
# The server is a stand-in that follows the contract, or breaks it on demand: tests/fakes/http/server.py.

setup() {
    source "$BATS_TEST_DIRNAME/../cli/board.bash"
    source "$BATS_TEST_DIRNAME/http.bash"
    begin
    http_begin
    pids=()
}

teardown() {
    http_down
    local pid
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" || true; done
    end
}

frames() { # frames FROM TO: that many different frames in hex, one a line, as far as a relay looks at them
    perl -we 'for my $i ($ARGV[0] .. $ARGV[1]) { printf "49%04x%02x%s\n", $i, $i % 255 + 1, sprintf("%08x", $i * 2654435761 % 2**32) x 5 }' "$@"
}

relay() { # relay OPTION...: to the server, trusting its certificate
    fl --json relay --url "$URL" --cacert "$H/cert.pem" --buffer "$T/buffer" "$@"
}

relay_on() { # relay_on OPTION...: the same in the background; $RELAY is its pid
    "$BUILD/fuseline" -C "$T" --json relay --url "$URL" --cacert "$H/cert.pem" --buffer "$T/buffer" "$@" >"$T/out" 2>"$T/err" 3>&- &
    RELAY=$!
    pids+=("$RELAY")
}

buffered() { # prints how many frames are kept
    find "$T/buffer" -name '*.frame' | wc -l
}

total() { # total KEY: of the last object that says what was done
    sed -n 's/.*"event":"end".*"'"$1"'":\([0-9]*\).*/\1/p' <<<"$output" | tail -n 1
}

soon() { # soon COMMAND...: it succeeds within 20 s
    local i
    for ((i = 0; i < 400; i++)); do
        ! "$@" || return 0
        sleep 0.05
    done
    echo "never: $*" && cat "$T/err" "$H/log" && return 1
}

has_lines() { # has_lines N FILE
    [ -e "$2" ] && [ "$(wc -l <"$2")" -ge "$1" ]
}

has_buffered() {
    [ "$(buffered 2>/dev/null)" -ge "$1" ]
}

is_empty() { # the buffer: the server records a frame before the relay has its receipt
    [ "$(buffered)" = 0 ]
}

every_frame_recorded() { # every_frame_recorded FILE: those frames, each once, and no other
    diff <(sort "$1") <(sort "$H/recorded")
}

cobs() { # the hex lines of stdin as records of a console
    perl -wne 'chomp; my $f = pack "H*", $_; for my $run (split /\0/, $f, -1) {
        while (length $run > 253) { print "\xff", substr($run, 0, 254, "") } print chr(1 + length $run), $run } print "\0"'
}

console() { # a pseudo-terminal $T/tty, its far end $T/device
    socat "pty,link=$T/tty,raw,echo=0" "pty,link=$T/device,raw,echo=0" 3>&- &
    pids+=($!)
    soon test -e "$T/device"
    soon test -e "$T/tty"
}

@test "frames of a file: each posted once, in order, receipted, and gone from the disk" {
    http_up
    frames 1 600 >"$T/in"
    relay --from "$T/in" --fleet 7
    succeeds
    diff "$T/in" "$H/seen"
    [ "$(buffered)" = 0 ]
    [ "$(total taken) $(total accepted) $(total buffered)" = "600 600 0" ]
    [ "$(awk '{ print $1, $3 }' "$H/log")" = "/v1/frames/7 256
/v1/frames/7 256
/v1/frames/7 88" ]
}

@test "a body is at most 64 KiB" {
    http_up
    perl -we 'for my $i (1 .. 100) { printf "20%04x%s\n", $i, "ab" x 1021 }' >"$T/in"
    relay --from - <"$T/in"
    succeeds
    every_frame_recorded "$T/in"
    [ "$(awk '{ n = n > $3 ? n : $3 } END { print n }' "$H/log")" = 63 ]
}

@test "what is no frame of a device is not sent" {
    http_up
    { echo zz && echo && echo 01aabb && echo 69aabbcc && echo e0112233 && echo 2 && frames 1 1; } >"$T/in"
    relay --from "$T/in"
    succeeds
    diff <(frames 1 1) "$H/seen"
    [ "$(total noise)" = 4 ]
    tells "the device says: unknown (170): ?"
}

@test "the server is down: the frames stay, exit 75; it comes up: they arrive" {
    http_up
    http_down
    frames 1 5 >"$T/in"
    relay --from "$T/in" --once
    refuses 75 relay-unreachable
    [ "$(buffered)" = 5 ]
    relay_on --from /dev/null
    soon grep -q relay-unreachable "$T/out"
    http_up
    wait $RELAY
    every_frame_recorded "$T/in"
    [ "$(buffered)" = 0 ]
    grep -q "the server answers again" "$T/err"
    [ "$(grep -c "relay-unreachable\|doesn't answer" "$T/err")" = 1 ]
}

@test "every wrong answer deletes nothing" {
    http_up
    frames 1 3 >"$T/in"
    mode 500
    relay --from "$T/in" --once
    refuses 75 relay-status "HTTP 500"
    local m
    for m in 404 503; do
        mode $m
        relay --from /dev/null --once
        refuses 75 relay-status "HTTP $m"
    done
    for m in short digest status tail nothing long; do
        mode $m
        relay --from /dev/null --once
        refuses 76 relay-reply
        [ "$(buffered)" = 3 ] || { echo "after $m" && show; }
    done
    for m in close lost hang; do
        mode $m
        relay --from /dev/null --once --timeout 1
        refuses 75 relay-unreachable
        [ "$(buffered)" = 3 ] || { echo "after $m" && show; }
    done
    mode ok
    relay --from /dev/null
    succeeds
    every_frame_recorded "$T/in"
}

@test "an answer that is lost: the same bytes again, and the server can tell" {
    http_up
    mode lost
    frames 1 4 >"$T/in"
    relay_on --from "$T/in"
    soon has_lines 1 "$H/log"
    mode ok
    wait $RELAY
    every_frame_recorded "$T/in"
    diff <(cat "$T/in" "$T/in") <(head -n 8 "$H/seen")
    [ "$(buffered)" = 0 ]
}

@test "no receipt: the frame stays and is sent again, later; exit 1 when only such are left" {
    http_up
    mode refuse
    frames 1 3 >"$T/in"
    relay --from "$T/in" --once
    refuses 1 relay-refused "3 frames"
    [ "$(buffered)" = 3 ]
    rm "$H/log"
    mode once # all were seen: they open now
    frames 4 4 >"$T/more"
    relay --from "$T/more"
    succeeds
    every_frame_recorded <(cat "$T/in" "$T/more")
    [ "$(awk '{ print $3 }' "$H/log" | tr '\n' ' ')" = "4 1 " ] # the fourth after a second, alone
}

@test "frames that are refused don't stop the others, and wait longer each time" {
    http_up
    mode refuse
    frames 1 3 >"$T/in"
    relay --from "$T/in" --seconds 5
    refuses 1 relay-refused
    [ "$(wc -l <"$H/log")" -ge 2 ]
    [ "$(wc -l <"$H/log")" -le 13 ] # 5 s with 0.5 .. 1, 1 .. 2, 2 .. 4 between, a frame
}

@test "the wrong certificate, the wrong name, the wrong key: nothing is sent, exit 76" {
    http_up
    mkdir "$T/other"
    certificate "$T/other"
    frames 1 2 >"$T/in"
    fl --json relay --from "$T/in" --once --url "$URL" --buffer "$T/buffer" --cacert "$T/other/cert.pem"
    refuses 76 relay-untrusted
    fl --json relay --from /dev/null --once --url "$URL" --buffer "$T/buffer"
    refuses 76 relay-untrusted
    fl --json relay --from /dev/null --once --url "${URL/127.0.0.1/localhost}" --buffer "$T/buffer" --cacert "$H/cert.pem"
    refuses 76 relay-untrusted
    fl --json relay --from /dev/null --once --url "$URL" --buffer "$T/buffer" --pin-sha256 "$(pin_of "$T/other")"
    refuses 76 relay-untrusted
    [ ! -e "$H/log" ]
    [ "$(buffered)" = 2 ]
    fl --json relay --from /dev/null --once --url "$URL" --buffer "$T/buffer" --pin-sha256 "$(pin_of "$H")"
    succeeds
    every_frame_recorded "$T/in"
}

@test "misuse: 64, and nothing is made" {
    http_up
    local o
    for o in "--from a --console b" "" ; do
        relay $o
        refuses 64 relay-source
    done
    for o in http://127.0.0.1 https:// 127.0.0.1:80 https://a@127.0.0.1 "https://h/?x=1" "https://:9"; do
        fl --json relay --from /dev/null --url "$o" --buffer "$T/buffer"
        refuses 64 relay-url
    done
    for o in -1 1.5 x 0.5x 1e3 nan; do
        relay --from /dev/null --drop=$o
        refuses 64 bad-probability "'$o'"
    done
    relay --from /dev/null --pin-sha256 00
    refuses 64 relay-trust
    fl --json relay --from /dev/null --url "$URL" --buffer "$T/buffer" --pin-sha256 00
    refuses 64 relay-pin
    relay --from /dev/null --fleet 65536
    refuses 64 bad-number
    fl --json relay --from /dev/null --url "$URL" --buffer "$T/buffer" --cacert "$T/nil"
    refuses 66 relay-cacert "$T/nil"
    [ ! -e "$T/buffer" ]
    relay --from "$T/nil"
    refuses 66 input-missing "$T/nil"
    fl --json relay --from /dev/null --url "$URL" --buffer "$T/no/buffer"
    refuses 73 relay-buffer "$T/no/buffer"
    fl --json relay --console a --url "$URL"
    refuses 66 config-missing
}

@test "a slot's name stands for its console" {
    config "[slot a]\nchip = stm32l476\nadapter = a.cfg\n[slot b]\nchip = stm32l476\nadapter = a.cfg\nconsole = tty\n"
    http_up
    console
    relay --console a --once
    refuses 78 no-console "slot a"
    relay_on --console b
    frames 1 2 | cobs >"$T/device"
    soon has_lines 2 "$H/recorded"
    soon is_empty
    kill $RELAY
    wait $RELAY
    diff <(frames 1 2) "$H/recorded"
}

@test "one relay a buffer" {
    http_up
    mkfifo "$T/fifo"
    relay_on --from "$T/fifo"
    exec 9<>"$T/fifo"
    frames 1 1 >&9
    soon has_lines 1 "$H/recorded"
    soon is_empty
    relay --from /dev/null
    refuses 75 relay-buffer-busy "$T/buffer"
    kill $RELAY # before its source ends, for then it would end by itself
    wait $RELAY
    exec 9>&-
}

@test "kill -9 at any moment: every frame arrives, whole; what is sent again is the same bytes" {
    http_up
    mkfifo "$T/fifo"
    local round after=1
    for round in {1..8}; do
        relay_on --from "$T/fifo" --posts 2 --delay 0.3 --duplicate 0.1 --seed "$round"
        exec 9<>"$T/fifo"
        soon has_lines 0 "$T/out"
        frames $((round * 200 - 199)) $((round * 200)) >&9
        sleep "0.$(((round * 37) % 30 + 10))"
        kill -9 $RELAY
        wait $RELAY || true
        exec 9>&-
    done
    # A pipe's reader took lines that it had no time to keep: this source can be read again, as a device's console can't.
    frames 1 1600 >"$T/in"
    [ "$(sort "$H/recorded" | comm -23 - <(sort "$T/in") | wc -l)" = 0 ] # nothing that was never a frame
    relay --from /dev/null
    succeeds
    [ "$(sort "$H/seen" | comm -23 - <(sort "$T/in" "$T/in" "$T/in" "$T/in") | grep -vxFf "$T/in" | wc -l)" = 0 ]
    relay --from "$T/in"
    succeeds
    every_frame_recorded "$T/in"
    [ -z "$(ls -A "$T/buffer")" ]
}

@test "killed with frames on disk: the next run sends them without being told again" {
    http_up
    http_down
    frames 1 50 >"$T/in"
    mkfifo "$T/fifo"
    relay_on --from "$T/fifo"
    exec 9<>"$T/fifo"
    cat "$T/in" >&9
    soon has_buffered 50
    kill -9 $RELAY
    wait $RELAY || true
    exec 9>&-
    touch "$T/buffer/.new-00000000000000ff" "$T/buffer/notes.txt" # a cut's leftover; a file of somebody's
    http_up
    relay --from /dev/null
    succeeds
    diff "$T/in" "$H/seen"
    [ "$(ls -A "$T/buffer")" = notes.txt ]
}

@test "a torn or foreign frame on disk is never sent" {
    http_up
    frames 1 3 >"$T/in"
    mode 500
    relay --from "$T/in" --once
    [ "$(buffered)" = 3 ]
    local f
    f=$(find "$T/buffer" -name '*.frame' | sort | sed -n 2p)
    truncate -s 10 "$f"
    mode ok
    relay --from /dev/null --once
    succeeds
    [ "$(total torn) $(total accepted)" = "1 2" ]
    tells "isn't what its name says" "$f"
    diff <(sed 2d "$T/in") <(tail -n 2 "$H/seen")
    [ "$(buffered)" = 0 ]
}

@test "after 30 days a frame is dropped, not a day before; a clock that was never set makes none old" {
    http_up
    frames 1 3 >"$T/in"
    mode refuse
    relay --from "$T/in" --once
    local f
    mapfile -t f < <(find "$T/buffer" -name '*.frame' | sort)
    touch -d '31 days ago' "${f[0]}"
    touch -d '29 days ago' "${f[1]}"
    touch -d '1970-01-02' "${f[2]}"
    mode ok
    relay --from /dev/null
    succeeds
    [ "$(total expired) $(total accepted)" = "1 2" ]
    diff <(sed 1d "$T/in") "$H/recorded"
}

@test "the disk is full: a console's frame is lost, and that is said; with room again all goes on" {
    gcc -shared -fPIC -o "$T/full.so" "$FAKES/full_buffer.c"
    http_up
    console
    FULL_BUFFER=$T/full LD_PRELOAD=$T/full.so ASAN_OPTIONS=verify_asan_link_order=0 relay_on --console "$T/tty"
    frames 1 1 | cobs >"$T/device"
    soon has_lines 1 "$H/recorded"
    touch "$T/full"
    frames 2 2 | cobs >"$T/device"
    soon grep -q "can't be kept on disk" "$T/err"
    rm "$T/full"
    frames 3 3 | cobs >"$T/device"
    soon has_lines 2 "$H/recorded"
    soon is_empty
    kill $RELAY
    local rc=0
    wait $RELAY || rc=$?
    [ $rc = 74 ]
    grep -q '"name":"relay-lost"' "$T/out"
    diff <(frames 1 1 && frames 3 3) "$H/recorded"
}

@test "the disk is full: a file is read on when there is room, and loses nothing" {
    gcc -shared -fPIC -o "$T/full.so" "$FAKES/full_buffer.c"
    http_up
    frames 1 300 >"$T/in"
    touch "$T/full"
    FULL_BUFFER=$T/full LD_PRELOAD=$T/full.so ASAN_OPTIONS=verify_asan_link_order=0 relay_on --from "$T/in"
    soon grep -q "can't be kept on disk" "$T/err"
    rm "$T/full"
    wait $RELAY
    every_frame_recorded "$T/in"
}

@test "a console: frames up, what the server has down, local records told; the rest of a frame at the start is no frame" {
    http_up
    console
    printf '69aabb00\n01000102\n80%s\n' "$(printf '11%.0s' {1..97})" >"$H/down" # the second is a local record: never from afar
    printf 'the tail of a frame\0' >"$T/device" # it began before we listened
    timeout 20 cat "$T/device" >"$T/heard" 3>&- &
    pids+=($!)
    relay_on --console "$T/tty"
    frames 1 2 | cobs >"$T/device"
    soon has_lines 2 "$H/recorded"
    perl -we 'print "\6\1\4bad\0"' >"$T/device"
    soon grep -q "the device says: otp-crc (4): bad" "$T/err"
    soon grep -q '"event":"down-lost","frame":"01000102"' "$T/out"
    [ "$(grep -c '"event":"down",' "$T/out")" = 2 ]
    { printf '\0' && echo 69aabb00 | cobs && printf '\0' && printf '80%s\n' "$(printf '11%.0s' {1..97})" | cobs; } >"$T/want"
    soon cmp -s "$T/want" "$T/heard"
    soon is_empty
    kill $RELAY
    wait $RELAY
    diff <(frames 1 2) "$H/recorded"
}

@test "a console that goes and comes back" {
    http_up
    console
    relay_on --console "$T/tty"
    frames 1 1 | cobs >"$T/device"
    soon has_lines 1 "$H/recorded"
    kill "${pids[0]}" && wait "${pids[0]}" || true
    soon grep -q "the console is gone" "$T/err"
    console
    until_locked $RELAY
    sleep 1.5 # it looks once a second; what is written before waits in the terminal
    frames 2 2 | cobs >"$T/device"
    soon has_lines 2 "$H/recorded"
    soon is_empty
    kill $RELAY
    wait $RELAY
}

@test "all tricks at once: every frame is recorded, and none that isn't one" {
    http_up
    frames 1 300 >"$T/in"
    cp "$T/in" "$H/good"
    mode flipped
    relay --from "$T/in" --posts 3 --drop 0.2 --duplicate 0.2 --delay 0.2 --reorder 0.3 --flip 0.1 --seed 3
    succeeds
    every_frame_recorded "$T/in"
    [ "$(buffered)" = 0 ]
    [ "$(grep -cvxFf "$T/in" "$H/seen")" -ge 5 ] # flipped copies went out
    [ "$(wc -l <"$H/seen")" -gt 320 ]             # and so did repetitions
}

@test "SIGTERM: what waits stays on disk, exit 75; nothing waits: 0" {
    http_up
    mode hang
    mkfifo "$T/fifo"
    relay_on --from "$T/fifo"
    exec 9<>"$T/fifo"
    frames 1 1 >&9
    soon has_lines 1 "$H/log"
    kill $RELAY
    local rc=0
    wait $RELAY || rc=$?
    exec 9>&-
    [ $rc = 75 ]
    [ "$(buffered)" = 1 ]
}
