# tests/e2e/line.bash - a whole line for the bats files of this folder: a folder made by `fuseline init` in $T, boards in its
# slots, and questions about what came of it.  On top of tests/cli/board.bash: fl, show, succeeds, tells, ctl, stat_of.

source "$BATS_TEST_DIRNAME/../cli/board.bash"

line_make() { # in setup or setup_file: the line, without slots
    begin
    "$BUILD/fuseline" init "$T" >"$T/init.out" 2>&1 || { cat "$T/init.out" && return 1; }
    patient
    export T BUILD
}

board_in() { # board_in SLOT CHIP: a new simulated board in a new slot; it is then the present one
    chip_facts "$2"
    board_start "$2" "$1"
    printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$board/jtag" >"$T/$1.cfg"
    printf '\n[slot %s]\nchip = %s\nadapter = %s.cfg\nconsole = %s/usart\n' "$1" "$2" "$1" "$1" >>"$T/fuseline.conf"
    quick
}

another_board() { # in the present slot: blank, with another UID, and counters at zero
    ctl new >"$T/new" && quick && ctl stats clear >"$T/new"
}

at_slot() { # at_slot SLOT CHIP: the board that board_in put there is the present one again
    chip_facts "$2"
    board=$T/$1
    slot=$1
}

product() { # product NAME CHIP [OPTION...]: scheme sealed, lock 0 unless the options say else
    case " $* " in *' --lock '*) ;; *) set -- "$@" --lock 0 ;; esac
    "$BUILD/fuseline" -C "$T" product add "$1" --chip "$2" --scheme sealed "${@:3}" >"$T/product.out" 2>&1 ||
        { cat "$T/product.out" && return 1; }
}

provision() { # provision PRODUCT SLOT [OPTION...]: with --burn
    fl --json provision --product "$1" --slot "$2" --burn "${@:3}"
}

plug() { # plug PRODUCT SLOT [OPTION...]: provision, with a hand at the plug that does as it is told, once
    : >"$T/told" # before anyone looks
    (
        for ((i = 0; i < 1200; i++)); do
            if grep -q 'power-cycle the board now' "$T/told"; then ctl power cycle && exit; fi
            sleep 0.05
        done
    ) >"$T/plug" 3>&- &
    local hand=$!
    run --separate-stderr bash -c 'timeout -s KILL 300 "$1" -C "$2" --json provision --product "$3" --slot "$4" --burn "${@:5}" 2> >(tee "$2/told" >&2)' _ "$BUILD/fuseline" "$T" "$@"
    kill $hand 2>/dev/null || true
    wait $hand || true
}

value() { # value KEY: of the last JSON object on stdout: text or number; null is the word
    sed -n '$s/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' <<<"$output"
}

verdict() { # verdict VERDICT CODE EXIT: of a provision with --json; one object, and never a second one for the error
    [ "$(wc -l <<<"$output")" = 1 ] || { echo "not one object" && show; } || return 1
    [ "$(value verdict) $(value code) $(value exit) $status" = "$1 $2 $3 $3" ] || { echo "not $1 $2 $3" && show; } || return 1
    [ "$1" = PASS ] || [ "$1" = PLAN ] || {
        [ "$(grep -c '^fuseline: ' <<<"$stderr")" = 1 ] && [ "$(grep -c '^hint: ..' <<<"$stderr")" = 1 ]
    } || { echo "not one message and one hint" && show; }
}

state_of() { # state_of SERIAL: as the registry has it
    "$BUILD/fuseline" -C "$T" --json device show "$1" 2>&1 | sed 's/.*"state":"\([A-Z]*\)".*/\1/'
}

otp_bytes() { # otp_bytes [OFFSET LEN]: of the present board, past all protection; the image without arguments
    local answer
    answer=$(ctl peek "$(printf '0x%x' $((otp + ${1:-0})))" "${2:-176}")
    echo "${answer#ok }"
}

unburned() { # the present board had no OTP pulse
    [ "$(stat_of otp_pulses)" = 0 ] || { ctl stats && return 1; }
}

frames_of() { # frames_of N: what the present board sends after a power cycle, N frames at least: one in hexadecimal a line
    local i reader
    ctl power off >"$T/cycle"
    drain
    cat "$board/usart" >"$T/sent" 2>"$T/old" 3>&- &
    reader=$!
    ctl power on >"$T/cycle"
    for ((i = 0; i < 600; i++)); do
        [ "$(tr -s '\0' <"$T/sent" | tr -dc '\0' | wc -c)" -le "$1" ] || break # one before each frame, and one behind it
        sleep 0.05
    done
    kill $reader && wait $reader || true
    od -An -v -tu1 "$T/sent" | awk '
        function flush(   i, n, out, code) { # COBS: a code byte, code-1 bytes, a zero unless code is 255
            for (i = 1; i <= len; i += code) {
                code = b[i]
                for (n = 1; n < code; n++) out = out sprintf("%02x", b[i + n])
                if (code < 255 && i + code <= len) out = out "00"
            }
            if (out != "" && substr(out, 1, 1) != "0") print out # records of type 0 are not forwarded
            len = 0
        }
        { for (k = 1; k <= NF; k++) if ($k == 0) flush(); else b[++len] = $k }'
}

opens() { # opens STATUS N: the answer of `open --json` is so many frames of that status, and nothing else
    local others
    others=$(grep -v '^{"status":"'"$1"'"' <<<"$output" || true)
    [ "$(wc -l <<<"$output")" = "$2" ] && [ -z "$others" ] && return 0
    echo "not $2 x $1, but $(wc -l <<<"$output") lines, with:" && head -n 5 <<<"$others" && echo "exit $status, stderr: $stderr"
    return 1
}

refuses_frames() { # refuses_frames N: exit 1, so many refused, none of their data shown, and the count is all that is said
    [ "$status" = 1 ] || { echo "exit is not 1" && show; } || return 1
    opens refused "$1" || return 1
    [[ $output != *'"data":"'* ]] || { echo "data of a refused frame" && show; } || return 1
    [ "$stderr" = "fuseline: 0 opened, 0 duplicate, $1 refused" ] || { echo "stderr: $stderr" && return 1; }
}

hash_line() { # everything the line keeps: registry, tokens, configuration
    find "$T" -maxdepth 1 -type f \( -name 'registry.db*' -o -name fuseline.conf -o -name softhsm2.conf \) -print0 |
        sort -z | xargs -0 sha256sum
    find "$T/tokens" "$T/keep" "$T/pins" -type f -print0 | sort -z | xargs -0 sha256sum
}
