#!/usr/bin/env bats
# What devices send, through `fuseline open`: opened once, duplicates known, everything else refused by name, and nothing of it
# recorded.  One device of each kind is made for the file: base scheme on the L476, with a PSK on the F407.

setup_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in l4 stm32l476
    board_in f4 stm32f407
    product base stm32l476
    product psk stm32f407 --psk
    local slot
    for slot in l4:stm32l476:base f4:stm32f407:psk; do
        IFS=: read -r who what kind <<<"$slot"
        at_slot "$who" "$what"
        "$BUILD/fuseline" -C "$T" --json provision --product "$kind" --slot "$who" --burn >"$T/$who.made"
        frames_of 3 >"$T/$who.frames"
        [ "$(wc -l <"$T/$who.frames")" -ge 3 ]
    done
    cp "$T/registry.db" "$T/registry.made"
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    cd "$T"
    cp "$T/registry.made" "$T/registry.db" # nothing was received yet
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

serial_of() { # serial_of NAME
    sed 's/.*"serial":"\([0-9a-f]*\)".*/\1/' "$T/$1.made"
}

open_lines() { # open_lines: frames from stdin
    fl --json open -
}

frame() { # frame NAME N: 1 is the OPEN
    sed -n "$2p" "$T/$1.frames"
}

reasons() { # reasons TEXT: of all frames of the last answer, each once, sorted
    local seen
    seen=$(sed -n 's/.*"reason":"\([a-z-]*\)".*/\1/p' <<<"$output" | sort -u | paste -sd ' ')
    [ "$seen" = "$1" ] || { echo "reasons are $seen, not $1" && show; }
}

flips() { # flips HEX: the frame with one bit wrong, for each bit
    local i bit
    for ((i = 0; i < ${#1}; i++)); do
        for bit in 1 2 4 8; do printf '%s%x%s\n' "${1:0:i}" $((0x${1:i:1} ^ bit)) "${1:i+1}"; done
    done
}

cuts() { # cuts HEX: the frame cut short, at each length but 0
    local i
    for ((i = 2; i < ${#1}; i += 2)); do echo "${1:0:i}"; done
}

as_if_never_seen() { # what was offered before left no trace: the device's own frames are still new
    head -n 3 "$T/$1.frames" >"$T/own"
    open_lines <"$T/own"
    succeeds
    opens opened 3
}

@test "each frame opens once, and is a duplicate from then on, with the same data" {
    local name
    for name in l4 f4; do
        open_lines <"$T/$name.frames"
        succeeds
        opens opened "$(wc -l <"$T/$name.frames")"
        local first=$output
        [ "$(sed -n 's/.*"counter":\([0-9]*\).*/\1/p' <<<"$first" | paste -sd ' ')" = "$(seq -s ' ' 0 $(($(wc -l <<<"$first") - 1)))" ]
        [ "$(grep -c '"serial":"'"$(serial_of $name)"'","scheme":"sealed"' <<<"$first")" = "$(wc -l <<<"$first")" ]
        [[ $first == *'"data":"00000001'* ]]
        open_lines <"$T/$name.frames"
        succeeds
        [ "$output" = "${first//'"opened"'/'"duplicate"'}" ] || show
    done
}

@test "from a file, a pipe and binary in COBS: the same frames" {
    fl --json open "$T/l4.frames"
    succeeds
    opens opened "$(wc -l <"$T/l4.frames")"
    local first=$output
    at_slot f4 stm32f407 # $T/sent is the last board's
    fl --json open "$T/sent"
    succeeds
    opens opened "$(wc -l <"$T/f4.frames")"
    fl --json open <"$T/l4.frames"
    [ "$output" = "${first//'"opened"'/'"duplicate"'}" ] || show
}

@test "DATA before its OPEN is refused and not recorded; after the OPEN it opens" {
    open_lines <<<"$(frame l4 2)"
    refuses_frames 1
    reasons no-session
    open_lines <<<"$(frame l4 1)"
    opens opened 1
    open_lines <<<"$(frame l4 2)"
    succeeds
    opens opened 1
}

@test "a frame with any one bit wrong is refused, before the true one came and after it" {
    local name
    for name in l4 f4; do
        { flips "$(frame $name 1)" && flips "$(frame $name 2)"; } >"$T/wrong"
        open_lines <"$T/wrong"
        refuses_frames "$(wc -l <"$T/wrong")"
        as_if_never_seen $name
        open_lines <"$T/wrong"
        refuses_frames "$(wc -l <"$T/wrong")"
    done
}

@test "a frame cut short at any length is refused" {
    local name
    for name in l4 f4; do
        { cuts "$(frame $name 1)" && cuts "$(frame $name 2)"; } >"$T/wrong"
        open_lines <"$T/wrong"
        refuses_frames "$(wc -l <"$T/wrong")"
        as_if_never_seen $name
    done
}

@test "frames of another line's device are refused, even of one with the same serial" {
    at_slot l4 stm32l476
    "$BUILD/fuseline" init "$T/other" >"$T/out"
    printf '\n[slot l4]\nchip = %s\nadapter = %s\nconsole = %s\n' "$chip" "$T/l4.cfg" "$board/usart" >>"$T/other/fuseline.conf"
    "$BUILD/fuseline" -C "$T/other" --json product add base --chip $chip --scheme sealed --lock 0 >"$T/out"
    another_board
    "$BUILD/fuseline" -C "$T/other" --json provision --product base --slot l4 --burn >"$T/other.made"
    [ "$(serial_of other)" = "$(serial_of l4)" ]
    frames_of 2 >"$T/other.frames"
    [ "$(wc -l <"$T/other.frames")" -ge 2 ]
    open_lines <"$T/other.frames"
    refuses_frames "$(wc -l <"$T/other.frames")"
    reasons "no-session sealed-auth"
    as_if_never_seen l4
    # and there, a serial that nobody knows
    run --separate-stderr "$BUILD/fuseline" -C "$T/other" --json open - <<<"$(frame f4 1)"
    refuses_frames 1
    reasons unknown-serial
    run --separate-stderr "$BUILD/fuseline" -C "$T/other" --json open "$T/other.frames"
    succeeds
}

@test "what is no frame is refused line by line, and the rest is still opened" {
    local long
    long=$(printf '20%.0s' {1..1100})
    printf '%s\n' zz 2 20 e0 "$long" '' "$(frame l4 1)" '<script>' "$(frame l4 2)" >"$T/lines"
    open_lines <"$T/lines"
    [ "$status" = 1 ]
    [ "$(cut -c 12-17 <<<"$output" | paste -sd ' ')" = "refuse refuse refuse refuse refuse opened refuse opened" ] || show
    reasons "frame-header frame-long frame-short not-hex"
}

@test "noise on the line is refused, and harms nothing" {
    head -c 65536 /dev/urandom >"$T/noise"
    fl --json open --format cobs "$T/noise"
    [ "$status" = 1 ] || show
    opens refused "$(wc -l <<<"$output")"
    tells "0 opened, 0 duplicate" # and perhaps a local record or two: anyone may be at the console
    as_if_never_seen f4
}

@test "a console can be read as it comes" {
    at_slot f4 stm32f407
    restart
    fl --json open --console f4/usart --count 2 --seconds 20
    succeeds
    opens opened 2
    fl --json open --console f4/none --count 1 --seconds 1
    refuses 66 console-open
}

@test "a frame expands to COSE, and what is none does not" {
    fl --json frame expand "$(frame l4 1)"
    succeeds
    local cose=$output
    [ "$(value frame)" = OPEN ]
    [[ $(value cose) == 83* ]] # an array of three: COSE_Encrypt0, untagged
    fl --json frame expand "$(frame l4 2)"
    [ "$(value frame)" = DATA ] || show
    [ "$output" != "$cose" ]
    fl --json frame expand 20
    refuses 65 not-a-frame
}

@test "nothing of a frame's content is kept: the registry holds it as received" {
    open_lines <"$T/l4.frames"
    local data
    data=$(value data)
    [ ${#data} = 32 ]
    od -An -v -tx1 "$T/registry.db" | tr -d ' \n' >"$T/registry.hex"
    grep -q "$(frame l4 2)" "$T/registry.hex"
    run grep -c -e "$data" "$T/registry.hex"
    [ "$output" = 0 ]
}
