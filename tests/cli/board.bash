# tests/cli/board.bash - what the bats files of this folder share: a configured directory $T, boards, and how a failure looks.
# Boards come from tests/e2e/board.bash: board_start CHIP NAME, ctl, slot, part_holds, stat_of; see there.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/../e2e/board.bash"
FAKES=$(realpath "$BATS_TEST_DIRNAME/../fakes")

begin() { # in setup
    T=$(mktemp -d)
    cd "$T" # relative names of a failed test must not land in the tree
}

end() { # in teardown: kills what board_start started, nothing else
    cd /
    board_stop
    rm -rf "$T"
}

# Both may be relative to the tree, and begin leaves it.
BUILD=$(realpath "$BUILD")

ctl() { # ctl COMMAND...: to the present board; prints the answer
    "$BATS_TEST_DIRNAME/../e2e/ctl" "$board/control" "$@"
}

insert_board() { # insert_board CHIP: a running board of that kind in slot `a`
    chip_facts "$1"
    board_start "$1" board
    slot a
}

fake_openocd() { # fake_openocd NAME: slot `a` with a stand-in for OpenOCD, tests/fakes/openocd-NAME
    local openocd=openocd${1:+-$1} limit
    printf 'adapter driver dummy\n' >"$T/a.cfg"
    # A copy, never a link: a test that writes to it must not reach the tree; and its name is ours alone, see none_left.
    [ ! -e "$FAKES/$openocd" ] || cp -L "$FAKES/$openocd" "$T/$openocd"
    # a fake that answers has its time; one that never does, little
    case $1 in hang | hang-burning | endless | flood) limit=700 ;; *) limit=60000 ;; esac
    printf '[station]\nopenocd = %s\ntimeout_ms = %s\n[slot a]\nchip = stm32l476\nadapter = a.cfg\n' "$T/$openocd" $limit \
        >"$T/fuseline.conf"
}

none_left() { # no OpenOCD of this test runs on
    ! pgrep -af "^([^ ]*/)?(perl [^ ]*|)openocd.*$T|^[^ ]*perl $T/openocd"
}

config() { # config TEXT: fuseline.conf, with an adapter file a.cfg beside it
    printf 'adapter driver dummy\n' >"$T/a.cfg"
    printf '%b' "$1" >"$T/fuseline.conf"
}

fl() { # fl ARGUMENT...: fuseline in $T; $status, $output (stdout) and $stderr as `run` leaves them
    run --separate-stderr timeout -s KILL 300 "$BUILD/fuseline" -C "$T" "$@"
}

show() { # what happened, for a failed test
    echo "exit $status" && echo "stdout: $output" && echo "stderr: $stderr"
    return 1
}

succeeds() {
    [ "$status" = 0 ] || show
}

prints() { # prints TEXT...: each stands in stdout
    local text
    for text in "$@"; do [[ $output == *"$text"* ]] || { echo "not printed: $text" && show; } || return 1; done
}

tells() { # tells TEXT...: each stands in stderr
    local text
    for text in "$@"; do [[ $stderr == *"$text"* ]] || { echo "not told: $text" && show; } || return 1; done
}

refuses() { # refuses EXIT FAULT [TEXT...]: of a run with --json: exit status; one object with that fault as the last line of
            # stdout; on stderr one message that holds each TEXT and, but for a misuse, one hint
    local want=$1 fault=$2 causes hints
    shift 2
    [ "$status" = "$want" ] || { echo "exit is not $want" && show; } || return 1
    [[ ${output##*$'\n'} == '{"error":{"name":"'"$fault"'","exit":'"$want"',"cause":"'?*'","action":"'?*'","subject":'* ]] ||
        { echo "no $fault object" && show; } || return 1
    causes=$(grep -c '^fuseline: ' <<<"$stderr" || true)
    hints=$(grep -c '^hint: ..' <<<"$stderr" || true)
    [ "$causes" = 1 ] || { echo "not one message" && show; } || return 1
    [ "$hints" = $((want == 64 ? 0 : 1)) ] || { echo "not one hint" && show; } || return 1
    tells "$@"
}

burns_nothing() { # the present board had no program pulse, of any kind
    [ "$(stat_of otp_pulses)" = 0 ] && [ "$(stat_of flash_pulses)" = 0 ] && [ "$(stat_of erases)" = 0 ] || { ctl stats && return 1; }
}

record() { # record BYTES: a file of random bytes, none of them all ones or all zeros, at $T/record
    head -c "$1" /dev/urandom | tr '\377\000' '\176\175' >"$T/record"
}

burn() { # burn [AT]: $T/record
    fl --json otp burn --slot a --at "${1:-0}" --file "$T/record" --burn
}

each_chip() { # each_chip FUNCTION: on a fresh board of each kind
    local c
    for c in stm32l476 stm32f407; do
        rm -f "$T/fuseline.conf"
        chip_facts $c
        board_start $c "$c"
        slot a
        record 32
        case $c in stm32l476) cell=8 ;; *) cell=2 ;; esac
        echo "with $c"
        "$1" # not in a condition: that would switch off the exit at the first failure inside
    done
}

protect() { # protect LEVEL: by option bytes, with a hand-written OpenOCD session; in force after a power cycle
    local byte=0xbb
    [ "$1" = 1 ] || byte=0xcc
    ctl busy 0 # a power cycle in the options' busy time would leave level 1
    if [ "$chip" = stm32l476 ]; then
        ocd init "reset halt" "stm32l4x option_write 0 0x20 $byte 0xff"
    else # OPTKEYR, then OPTCR with RDP in bits 15:8, and OPTSTRT; RM0090 3.9
        ocd init "reset halt" "mww 0x40023c08 0x08192a3b; mww 0x40023c08 0x4c5d6e7f" "mww 0x40023c14 0x0fff${byte#0x}ec" \
            "mww 0x40023c14 0x0fff${byte#0x}ee"
    fi
    ctl power cycle
    ctl busy 1000
    [ "$(ctl rdp)" = "ok $1" ]
}
