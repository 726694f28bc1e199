# tests/e2e/board.bash - simulated boards and stock OpenOCD for the bats files of this folder.
# A board is a running vchip: board_start CHIP NAME puts it in $T/NAME; `board` is the one that ctl and ocd talk to.

BUILD=${BUILD:-build}

chip_facts() { # chip_facts CHIP: what a hand-written OpenOCD session must know of it
    chip=$1
    case $chip in
    stm32l476)
        name=stm32l4x driver=stm32l4x bs_idcode=0x06415041 dbgmcu=10076415
        otp=0x1fff7000 uid=0x1fff7590 keyr=0x40022008 optr=0x40022020 ram_end=0x20018000
        sectors_32k=15 sectors_64k=31
        ;;
    stm32f407)
        name=stm32f4x driver=stm32f2x bs_idcode=0x06413041 dbgmcu=10076413
        otp=0x1fff7800 uid=0x1fff7a10 keyr=0x40023c04 optr=0x40023c14 ram_end=0x20020000
        sectors_32k=1 sectors_64k=3
        ;;
    esac
    cpu=$name.cpu
}

board_start() { # board_start CHIP NAME: leaves its process id in $board/pid
    board=$T/$2
    mkdir -p "$board"
    # 3: bats' own descriptor, which a child that lives on must not hold
    "$BUILD/vchip" --chip "$1" --state "$board/state" --jtag "$board/jtag" --control "$board/control" \
        --usart "$board/usart" >"$board/log" 2>&1 3>&- &
    echo $! >"$board/pid"
    local i
    for i in {1..3000}; do
        grep -q '^ready' "$board/log" && return 0
        sleep 0.02
    done
    echo "vchip did not start:" && cat "$board/log"
    return 1
}

board_stop() { # all boards of this file
    local pid
    for pid in "$T"/*/pid; do
        [ -e "$pid" ] || continue
        kill -9 "$(cat "$pid")" 2>/dev/null || true
    done
}

ctl() { # ctl COMMAND...: one command to the board's control socket; prints the answer
    "$BATS_TEST_DIRNAME/ctl" "$board/control" "$@"
}

# The present part's flash and OTP take no time, until the next part: half a second a device that shows nothing.  The data sheet's
# times are in openocd_rows_*.bats, openocd_chip_test, interrupt_provision.bats and the demos.
quick() {
    ctl busy 0 >/dev/null
}

# ocd TCL...: a stock OpenOCD session on the board; $status and $output as `run` leaves them.  Each command between "; " is a
# -c of its own, since OpenOCD prints the result of a -c, not of each command in it.
ocd() {
    local args=() c
    while read -r c; do args+=(-c "$c"); done < <(printf '%s\n' "$@" | sed 's/; /\n/g')
    run timeout -s KILL 120 env -i PATH="$PATH" openocd \
        -c "gdb_port disabled; telnet_port disabled; tcl_port disabled" \
        -c "adapter driver remote_bitbang; remote_bitbang port 0; remote_bitbang host $board/jtag" \
        -f "target/$name.cfg" \
        -c "adapter srst delay 0; jtag_ntrst_delay 0" \
        -c "$cpu configure -event reset-start {}; $cpu configure -event reset-init {}" \
        -c 'proc code {body} { set c [catch {uplevel 1 $body} r]; echo "$r"; echo "code $c" }' \
        -c "proc board {args} { exec $BATS_TEST_DIRNAME/ctl $board/control {*}\$args }" \
        "${args[@]}" -c shutdown
}

says() { # every TEXT stands in $output
    local text
    for text in "$@"; do
        [[ $output == *"$text"* ]] || { echo "not said: $text" && echo "exit $status" && echo "$output" && return 1; }
    done
}

says_not() {
    local text
    for text in "$@"; do
        [[ $output != *"$text"* ]] || { echo "said, but must not be: $text" && echo "$output" && return 1; }
    done
}

no_errors() { # but the one of every blank part: its core, with nothing to run, is locked up when OpenOCD comes
    if grep '^Error' <<<"$output" | grep -v 'clearing lockup after double fault'; then
        echo "$output" && return 1
    fi
}

exits() { # the process' exit status is one of the arguments
    local want
    for want in "$@"; do [ "$status" = "$want" ] && return 0; done
    echo "exit status $status, not $*" && echo "$output" && return 1
}

codes() { # the "code N" lines of the session are these, in order
    local seen
    seen=$(sed -n 's/^code //p' <<<"$output" | paste -sd ' ')
    [ "$seen" = "$*" ] || { echo "codes $seen, not $*" && echo "$output" && return 1; }
}

drain() { # what the present board said before: a pseudo-terminal keeps what nobody read, a serial port does not
    dd if="$board/usart" of=/dev/null bs=4096 iflag=nonblock 2>/dev/null || true
}

restart() { # the present board, with nothing of before left on its console
    ctl power off >/dev/null
    drain
    ctl power on >/dev/null
}

patient() { # a machine with much to do is no reason to call OpenOCD hung
    sed -i 's/^\[station\]$/&\ntimeout_ms = 60000/' "$T/fuseline.conf"
}

slot() { # slot NAME: the present board as a slot of $T/fuseline.conf
    [ -e "$T/fuseline.conf" ] || { echo '[station]' >"$T/fuseline.conf" && patient; }
    printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$board/jtag" >"$T/$1.cfg"
    printf '[slot %s]\nchip = %s\nadapter = %s.cfg\n' "$1" "$chip" "$1" >>"$T/fuseline.conf"
}

part_holds() { # part_holds ADDR FILE: the part's memory, past all protection
    local seen want
    seen=$(ctl peek "$1" "$(stat -c %s "$2")")
    want="ok $(od -An -v -tx1 "$2" | tr -d ' \n')"
    [ "$seen" = "$want" ] || { echo "part: $seen" && echo "want: $want" && return 1; }
}

stat_of() { # stat_of NAME: a counter of the board
    ctl stats | tr ' ' '\n' | sed -n "s/^$1=//p"
}

until_stat() { # until_stat NAME N: the board's counter has come so far
    local i
    for i in {1..3000}; do
        [ "$(stat_of "$1")" -lt "$2" ] || return 0
        sleep 0.01
    done
    echo "$1 stays below $2" && ctl stats && return 1
}

until_locked() { # until_locked PID: it has a lock; not by trying the lock, which could refuse it to that process
    local i
    for i in {1..1200}; do
        ! grep -q " $1 " /proc/locks || return 0
        sleep 0.05
    done
    echo "$1 has no lock" && return 1
}
