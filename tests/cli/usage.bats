#!/usr/bin/env bats
# The command line: help, misuse, JSON, standard output that fails.  No board is needed.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
    commands=("init" "doctor" "product add" "product list" "product show" "provision" "device list" "device show" "open" "serve"
        "frame expand" "relay" "audit list" "chip list" "chip show" "otp show" "otp read" "otp plan" "otp burn")
}

teardown() {
    end
}

@test "--version prints the release" {
    fl --version
    succeeds
    [[ $output =~ ^fuseline\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    [ -z "$stderr" ]
}

@test "--help and -h go to stdout, exit 0, and name every command and every exit status" {
    fl --help
    succeeds
    [ -z "$stderr" ]
    local c help=$output
    for c in "${commands[@]}"; do prints "  $c  "; done
    for c in 0 1 64 65 66 69 70 73 74 75 76 77 78 80 81 82; do grep -qE "^ +$c  [a-zA-Z]" <<<"$help"; done
    fl -h
    [ "$output" = "$help" ]
}

@test "every command has --help on stdout, before and behind its name, without a configuration" {
    local c help
    for c in "${commands[@]}"; do
        fl $c --help
        succeeds
        [ -z "$stderr" ]
        [[ ${lines[0]} == "usage: fuseline [-C DIR] [--json] $c"* ]]
        help=$output
        fl --help $c
        [ "$output" = "$help" ]
        fl $c -h
        [ "$output" = "$help" ]
    done
}

@test "each option of a command stands in its synopsis, and the other way round" {
    local c synopsis listed
    for c in "${commands[@]}"; do
        fl $c --help
        synopsis=$(head -n 1 <<<"$output" | sed "s/.*\[--json\]//" | grep -oE -- '--[a-z0-9-]+' | sort)
        listed=$(sed -n '/^options:/,$p' <<<"$output" | grep -oE '^  --[a-z0-9-]+' | tr -d ' ' | grep -v json | sort)
        [ "$synopsis" = "$listed" ] || { echo "$c: $synopsis / $listed" && return 1; }
    done
}

@test "the help of --data warns of secrets, and that of otp burn says what --burn is for" {
    fl otp burn --help
    prints "public bytes" "secret" "needs --burn"
}

@test "no command: 64, and the synopsis on stderr" {
    fl --json
    refuses 64 no-command "usage: fuseline"
}

@test "an unknown command is named, with the nearest one, and the synopsis follows" {
    fl --json dcotor
    refuses 64 unknown-command "'dcotor'" "did you mean 'doctor'?" "usage: fuseline"
    fl --json chip lst
    refuses 64 unknown-command "'chip lst'" "did you mean 'chip list'?"
    fl --json frobnicate
    refuses 64 unknown-command "'frobnicate'"
    [[ $stderr != *"did you mean"* ]]
}

@test "half a command: 64, and its other halves" {
    fl --json otp
    refuses 64 unknown-command "otp read" "otp plan" "otp burn"
    [[ $stderr != *doctor* ]]
}

@test "commands are not abbreviated" {
    fl --json doc
    refuses 64 unknown-command "'doc'"
    fl --json chip li
    refuses 64 unknown-command "'chip li'"
    fl --json "chip list"
    refuses 64 unknown-command
}

@test "an unknown option is named, with the nearest one, and the command's synopsis follows" {
    fl chip show --json --slto a
    refuses 64 unknown-option "'--slto', did you mean '--slot'?" "usage: fuseline [-C DIR] [--json] chip show --slot NAME"
    fl chip list --json -x
    refuses 64 unknown-option "'-x'"
    fl --jsn --json chip list
    refuses 64 unknown-option "'--jsn', did you mean '--json'?"
}

@test "options are not abbreviated, with and without an argument" {
    fl chip show --json --slo a
    refuses 64 unknown-option "'--slo'"
    fl chip show --json --slo=a
    refuses 64 unknown-option "'--slo'"
    fl otp burn --json --slot a --at 0 --data 00 --bur
    refuses 64 unknown-option "'--bur'"
    fl chip list --js --json
    refuses 64 unknown-option "'--js'"
    fl --vers --json
    refuses 64 unknown-option "'--vers'"
}

@test "an option of another command is unknown here" {
    fl chip show --json --slot a --burn
    refuses 64 unknown-option "'--burn'"
    fl otp plan --json --slot a --at 0 --data 00 --burn
    refuses 64 unknown-option "'--burn'"
}

@test "an option without its argument, with an empty one, and a flag with one" {
    fl chip show --json --slot
    refuses 64 option-value "'--slot'"
    fl chip show --json --slot=
    refuses 64 option-value "'--slot='"
    fl chip show --json --slot ""
    refuses 64 option-value "'--slot'"
    fl otp burn --json --slot a --at 0 --data 00 --burn=no
    refuses 64 option-value "'--burn=no'"
    fl --json chip list -C
    refuses 64 option-value "'-C'"
}

@test "an option given twice" {
    fl chip show --json --slot a --slot b
    refuses 64 doubled-option "'--slot'"
}

@test "a required option that is missing" {
    fl chip show --json
    refuses 64 missing-option "--slot NAME"
    fl otp plan --json --slot a --data 00
    refuses 64 missing-option "--at OFFSET"
}

@test "a word too many" {
    fl chip list --json all
    refuses 64 unexpected-operand "'all'"
    fl chip list --json -- --all
    refuses 64 unexpected-operand "'--all'"
}

@test "without --json a misuse says nothing on stdout" {
    fl chip shwo
    [ "$status" = 64 ]
    [ -z "$output" ]
}

@test "--json counts wherever it stands" {
    fl --json chip list
    local before=$output
    fl chip list --json
    [ "$output" = "$before" ]
    fl chip list --frob --json
    refuses 64 unknown-option
}

@test "the error object has all its keys" {
    fl --json chip show --slot a
    refuses 66 config-missing
    prints '"cause":"' '"action":"' '"subject":"' '"op":"open"' '"source":"errno"' '"native":2,"board":"retry"}}'
    fl --json nothing
    prints '"source":null,"native":null,"board":"retry"}}'
}

@test "control bytes and bytes that are no UTF-8 do not reach the terminal or break the JSON" {
    fl --json $'chip\e[31m\x07'
    refuses 64 unknown-command "'chip?[31m?'"
    fl --json $'chip\xff'
    refuses 64 unknown-command
    prints "'chip?'"
}

@test "a file at its size limit behind stdout: 74" {
    run --separate-stderr bash -c "ulimit -f 0; $BUILD/fuseline chip list >$T/limited"
    [ "$status" = 74 ]
}

@test "a full disk behind stdout: 74" {
    local c
    for c in "chip list" "chip list --json" "--help" "--version"; do
        run --separate-stderr bash -c "$BUILD/fuseline $c >/dev/full"
        [ "$status" = 74 ]
        tells "standard output cannot be written" "hint: "
    done
}

@test "a closed stdout: 74; a closed stderr and stdin: no matter" {
    run --separate-stderr bash -c "$BUILD/fuseline chip list >&-"
    [ "$status" = 74 ]
    run bash -c "$BUILD/fuseline chip list 2>&- <&-"
    [ "$status" = 0 ]
    prints stm32l476
}

@test "a closed pipe behind stdout: 74, no signal" {
    run bash -c "exec 9> >(true); wait \$!; $BUILD/fuseline chip list >&9 2>/dev/null; echo \$? >$T/rc"
    [ "$(cat "$T/rc")" = 74 ]
}

@test "otp burn wants its bytes from exactly one place" {
    config '[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    fl otp burn --json --slot a --at 0
    refuses 64 input-choice "none"
    fl otp burn --json --slot a --at 0 --data 00 --file x
    refuses 64 input-choice "both"
}

@test "offsets that are no numbers, negative, or outside the area" {
    config '[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    local n
    for n in x 0x -8 +8 ' 8' 8k 1024 0x400 99999999999999999999; do
        fl otp plan --json --slot a "--at=$n" --data 0011223344556677
        refuses 64 bad-number "'$n'"
        fl otp read --json --slot a "--at=$n"
        refuses 64 bad-number "'$n'"
    done
    fl otp read --json --slot a --at 8 --len 1017
    refuses 64 bad-number "'1017'"
}

@test "bytes that are not hexadecimal are refused, and not repeated in the message" {
    config '[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    local d
    for d in 0 001 0g '00 11' 0x00; do
        fl otp plan --json --slot a --at 0 --data "$d"
        refuses 64 bad-hex
        [[ $stderr != *"'$d'"* ]]
    done
}

@test "bytes that do not fit the area and its cells: 65" {
    config '[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    fl otp plan --json --slot a --at 0 --data 00
    refuses 65 otp-range
    fl otp plan --json --slot a --at 4 --data 0011223344556677
    refuses 65 otp-range
    fl otp plan --json --slot a --at 1016 --data 00112233445566770011223344556677
    refuses 65 otp-range
    fl otp read --json --slot a --at 4
    refuses 65 otp-range
    fl otp read --json --slot a --len 0
    refuses 65 otp-range
}

@test "an input file that is missing, a directory, empty, or too long" {
    config '[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    fl otp plan --json --slot a --at 0 --file "$T/none"
    refuses 66 input-missing "$T/none"
    fl otp plan --json --slot a --at 0 --file "$T"
    refuses 74 input-read "$T"
    : >"$T/empty"
    fl otp plan --json --slot a --at 0 --file "$T/empty"
    refuses 65 input-size "$T/empty"
    fl otp plan --json --slot a --at 0 --file - </dev/null
    refuses 65 input-size stdin
    head -c 1025 /dev/zero >"$T/long"
    fl otp plan --json --slot a --at 0 --file "$T/long"
    refuses 65 input-size "$T/long"
}

@test "at start the program forbids core files, debuggers, and files for others" {
    config '[slot a]\nchip = stm32l476\nadapter = a.cfg\n'
    mkfifo "$T/in"
    "$BUILD/fuseline" -C "$T" otp plan --slot a --at 0 --file - <"$T/in" >/dev/null 2>&1 3>&- &
    local pid=$!
    exec 9>"$T/in" # opened: it runs and waits for its input
    for i in {1..3000}; do
        [ "$(awk '/Umask/ { print $2 }' "/proc/$pid/status")" = 0077 ] && break
        sleep 0.02
    done
    grep -qE '^Umask:\s+0077' "/proc/$pid/status"
    grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits"
    exec 9>&-
    wait "$pid" || [ $? = 65 ]
}
