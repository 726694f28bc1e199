#!/usr/bin/env bats
# open: what a device sent is opened, once; what nobody sent is refused; whatever comes, there is an answer a frame.

setup_file() { # one device, and its first four frames; each test starts with the registry as it was before they were opened
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line stm32l476
    burn_board
    json serial >"$T/serial"
    capture 4
    hexes "$T/raw" >"$T/hex"
    cp "$T/registry.db" "$T/registry.kept"
    [ "$(wc -l <"$T/hex")" = 4 ]
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
    cd "$T"
    cp registry.kept registry.db
    rm -f registry.db-journal
    serial=$(cat serial)
}

answers() { # answers N EXIT: that many objects, one a line, and nothing else
    [ "$status" = "$2" ] && [ "${#lines[@]}" = "$1" ] || { echo "not $1 answers, exit $2" && show; } || return 1
    local l
    for l in "${lines[@]}"; do
        [[ $l == '{"status":"'*'","serial":'*',"scheme":'*',"counter":'*',"data":'*',"reason":'*',"received":'*'}' ]] || show || return 1
    done
}

open_hex() { # open_hex LINE...: these lines on stdin
    printf '%s\n' "$@" >"$T/in"
    fl_in "$T/in" --json open -
}

@test "frames in hex, one a line: opened in order, counters from 0" {
    fl_in "$T/hex" --json open -
    answers 4 0
    local i
    for i in 0 1 2 3; do
        [[ ${lines[i]} == '{"status":"opened","serial":"'"$serial"'","scheme":"sealed","counter":'$i',"data":"0000000'$((i + 1))* ]] || show
    done
    tells "4 opened, 0 duplicate, 0 refused"
}

@test "the same as binary COBS, from a file, and for people" {
    fl open "$T/raw"
    succeeds
    [ "${#lines[@]}" = 4 ]
    [[ ${lines[0]} == "opened     $serial  sealed  0  20"* ]]
    fl_in "$T/raw" open --format cobs --count 2
    succeeds
    [[ ${lines[1]} == "duplicate  $serial  sealed  1  20"* ]]
    [ "${#lines[@]}" = 2 ]
}

@test "again: duplicates, with the same data, exit 0" {
    fl_in "$T/hex" --json open
    local first=$output
    fl_in "$T/hex" --json open
    answers 4 0
    [ "$(sed 's/"duplicate"/"opened"/' <<<"$output")" = "$first" ]
}

@test "late and out of order is fine; DATA before its OPEN is refused, and opens later" {
    mapfile -t f <"$T/hex"
    open_hex "${f[2]}"
    answers 1 1
    prints '"status":"refused"' '"reason":"no-session"' '"data":null'
    open_hex "${f[0]}" "${f[3]}" "${f[1]}" "${f[2]}"
    answers 4 0
}

@test "every malformed line gets its own answer, and the good ones among them open" {
    mapfile -t f <"$T/hex"
    open_hex "" "zz" "2" "${f[0]}" "20" "${f[1]:0:20}" "ff" "00" "  ${f[1]}  " "$(printf '20%.0s' {1..1100})" "${f[2]}"
    answers 10 1
    local want=(not-hex not-hex null frame-short frame-short frame-header frame-header null frame-long null) i
    for i in {0..9}; do [ "$(json reason "${lines[i]}")" = "${want[i]}" ] || { echo "$i" && show; }; done
    tells "3 opened, 0 duplicate, 7 refused"
}

@test "every byte changed, one at a time: refused, nothing recorded" {
    mapfile -t f <"$T/hex"
    perl -we 'my $f = pack("H*", $ARGV[0]);
        for my $i (0 .. length($f) - 1) { my $g = $f; substr($g, $i, 1) ^= chr(1 << $i % 8); print unpack("H*", $g), "\n" }' \
        "${f[0]}" >"$T/in"
    fl_in "$T/in" --json open
    answers $((${#f[0]} / 2)) 1
    [ "$(grep -c '"status":"refused"' <<<"$output")" = $((${#f[0]} / 2)) ] || show
    open_hex "${f[0]}" # a frame that opens is opened, whatever was tried before
    answers 1 0
    prints '"status":"opened"'
}

@test "cut at every length: refused" {
    mapfile -t f <"$T/hex"
    local i
    for ((i = 2; i < ${#f[0]}; i += 2)); do echo "${f[0]:0:i}"; done >"$T/in"
    fl_in "$T/in" --json open
    answers $((${#f[0]} / 2 - 1)) 1
    [[ $output != *'"status":"opened"'* ]]
}

@test "a serial that nobody registered: refused, named as it claims" {
    mapfile -t f <"$T/hex"
    open_hex "20ffffffffffffffff${f[0]:18}"
    answers 1 1
    prints '"serial":"ffffffffffffffff"' '"reason":"unknown-serial"'
}

@test "a frame that another line's device sent: refused" {
    "$BUILD/fuseline" init "$T/other" >/dev/null 2>&1
    run --separate-stderr "$BUILD/fuseline" -C "$T/other" --json open "$T/hex"
    rm -r "$T/other"
    answers 4 1
    [[ $output != *'"status":"opened"'* ]]
}

@test "no input: nothing, exit 0; no file, a folder" {
    : >"$T/none"
    fl_in "$T/none" --json open
    succeeds
    [ -z "$output" ]
    printf '\n\n' >"$T/none"
    fl_in "$T/none" --json open -
    succeeds
    [ -z "$output" ]
    fl --json open "$T/nil"
    refuses 66 input-missing "$T/nil"
    fl --json open "$T/pins"
    [ "$status" = 74 ] || show
}

@test "bytes from nowhere: an answer each, never a crash" {
    local i
    for i in {1..5}; do
        head -c 3000 /dev/urandom >"$T/in"
        fl_in "$T/in" --json open
        [ "$status" = 1 ] || show
        fl_in "$T/in" --json open --format hex
        [ "$status" = 1 ] || show
        fl_in "$T/in" --json open --format cobs
        [ "$status" = 1 ] || show
        [[ $output != *'"status":"opened"'* ]]
    done
}

@test "the last line without its end, and lines that end as on Windows" {
    mapfile -t f <"$T/hex"
    printf '%s\r\n%s' "${f[0]}" "${f[1]}" >"$T/in"
    fl_in "$T/in" --json open
    answers 2 0
}

@test "an answer comes as soon as its frame, though more may follow" {
    rm -f "$T/fifo" && mkfifo "$T/fifo"
    "$BUILD/fuseline" -C "$T" --json open "$T/fifo" >"$T/out" 2>"$T/err" 3>&- &
    local pid=$! i
    exec 9<>"$T/fifo" # both ways: this never waits for a reader that died
    head -n 1 "$T/hex" >&9
    for i in {1..1200}; do
        [ -s "$T/out" ] && break
        sleep 0.05
    done
    grep -q '"status":"opened"' "$T/out" || { cat "$T/err" && return 1; }
    kill -TERM $pid
    exec 9>&-
    wait $pid || [ $? = 75 ]
    rm "$T/fifo"
}

@test "nothing is shown before it is committed" {
    rm -f "$T/held" && mkfifo "$T/held"
    sqlite3 "$T/registry.db" <"$T/held" >"$T/reader" 3>&- & # a reader: it keeps every commit waiting
    local reader=$! pid i
    exec 9>"$T/held"
    echo 'BEGIN; SELECT count(*) FROM frame;' >&9
    for i in {1..200}; do
        [ -s "$T/reader" ] && break
        sleep 0.05
    done
    "$BUILD/fuseline" -C "$T" --json open "$T/hex" >"$T/out" 2>"$T/err" 3>&- 9>&- &
    pid=$!
    sleep 1
    [ ! -s "$T/out" ] || { echo "shown before its commit" && cat "$T/out" && return 1; }
    exec 9>&-
    wait $reader
    wait $pid
    [ "$(grep -c '"status":"opened"' "$T/out")" = 4 ]
    rm "$T/held"
}

@test "the registry is missing, or can't be written: nothing is given out" {
    rm "$T/registry.db"
    fl_in "$T/hex" --json open
    refuses 69 registry-missing
    cp "$T/registry.kept" "$T/registry.db"
    full_disk 1 fl_in "$T/hex" --json open
    refuses 75 registry-disk-full
    [[ $output != *'"status":"opened"'* ]]
    fl_in "$T/hex" --json open
    answers 4 0
}

@test "misuse: 64" {
    fl --json open "$T/hex" --console x
    refuses 64 source-choice both
    fl --json open --console x --format hex
    refuses 64 source-choice cobs
    fl --json open "$T/hex" --seconds 3
    refuses 64 source-choice
    fl --json open "$T/hex" --format base64
    refuses 64 bad-format "'base64'"
    fl --json open "$T/hex" --count x
    refuses 64 bad-number
    fl --json open --console "$T/nil"
    refuses 66 console-open "$T/nil"
    fl --json open one two
    refuses 64 unexpected-operand "'two'"
}

@test "a board's console: its frames, live; one listener at a time" {
    restart
    fl --json open --console "$board/usart" --count 2 --seconds 20
    answers 2 0
    "$BUILD/fuseline" -C "$T" --json open --console "$board/usart" --seconds 60 >/dev/null 2>&1 3>&- &
    local pid=$!
    until_locked $pid
    fl --json open --console "$board/usart" --seconds 1
    refuses 75 console-busy "$board/usart"
    kill -TERM $pid
    wait $pid || [ $? = 75 ]
}

@test "what the device says of itself goes to stderr, cleaned, and is no frame" {
    perl -we 'my $r = "\1\4bad\e[31m"; print chr(1 + length $r), $r, "\0"' >"$T/in"
    cat "$T/raw" >>"$T/in"
    fl_in "$T/in" --json open --format cobs
    answers 4 0
    tells "the device says: otp-crc (4): bad?[31m"
}
