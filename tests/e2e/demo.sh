#!/usr/bin/env bash
# tests/e2e/demo.sh [BOARDS] - the whole line on simulated boards, half of each chip: made from nothing, provisioned, started, and
# their messages opened.  Runs the README's commands; of a board's control socket only `insert` and `power cycle`.
# Ends with a line of JSON; exit 1 if any board is not DONE or any message does not open.
set -euo pipefail
boards=${1:-${BOARDS:-4}} messages=2 hands=2 # hands: boards that are provisioned at a time
case $boards in '' | *[!0-9]* | 0 | 00* | ????*) echo "demo.sh: BOARDS must be 1..999" >&2 && exit 64 ;; esac

tree=$(cd "$(dirname "$0")/../.." && pwd)
PATH=${BUILD:-$tree/build}:$PATH
dir=$(mktemp -d /tmp/fuseline-demo.XXXXXX)
line=$dir/line
pids=()
trap '((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
start=$EPOCHREALTIME

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
say() { printf '\n\033[1m$ %s\033[0m\n' "$*" && "$@"; }
hand() { # hand SLOT COMMAND...: what the operator's hand does to the board
    local answer
    answer=$(echo "${*:2}" | socat -t 5 - "UNIX-CONNECT:$line/$1.control")
    [ "${answer%% *}" = ok ] || { echo "demo.sh: board $1: $2: $answer" >&2 && exit 1; }
}

board() { # board SLOT CHIP: a simulated board, and its slot in the configuration
    vchip --chip "$2" --state "$line/$1.board" --jtag "$line/$1.jtag" --control "$line/$1.control" --usart "$line/$1.usart" \
        >"$line/$1.log" 2>&1 &
    pids+=($!)
    printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$line/$1.jtag" >"$line/$1.cfg"
    printf '\n[slot %s]\nchip = %s\nadapter = %s.cfg\nconsole = %s.usart\n' "$1" "$2" "$1" "$1" >>"$line/fuseline.conf"
    for _ in {1..500}; do
        if grep -q ready "$line/$1.log"; then break; fi
        sleep 0.01
    done
    hand "$1" insert
}

each() { # each FUNCTION: for every slot, `hands` at a time; what one printed stays together; exit 1 if any failed
    local slot running=() bad=0
    for slot in "${slots[@]}" ""; do
        if ((${#running[@]} == hands)) || [ -z "$slot" ]; then
            for pid in "${running[@]}"; do
                wait "${pid#*:}" || { bad=1 && echo "demo.sh: slot ${pid%:*} failed" >&2; }
                cat "$dir/${pid%:*}.said"
            done
            running=()
        fi
        [ -n "$slot" ] || break
        "$1" "$slot" >"$dir/$slot.said" 2>&1 &
        running+=("$slot:$!")
    done
    return $bad
}

provision() { # with a hand at the plug, that does what it is told: locked, a board starts at a power cycle only
    local told=$dir/$1.told pid
    : >"$told"
    say fuseline -C line provision --product "${product[$1]}" --slot "$1" --burn 2>"$told" &
    pid=$!
    until grep -q 'power-cycle the board now' "$told" || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    if grep -q 'power-cycle the board now' "$told"; then hand "$1" power cycle; fi
    wait $pid || { cat "$told" && return 1; }
    cat "$told"
}
listen() { say fuseline -C line open --console "line/$1.usart" --count $messages --seconds 20; }

title "a line from nothing"
say fuseline init line
declare -A product
slots=()
for ((i = 1; i <= boards; i++)); do
    slot=$(printf 's%02d' "$i")
    slots+=("$slot")
    if ((i % 2)); then board "$slot" stm32l476 && product[$slot]=meter-l4; else board "$slot" stm32f407 && product[$slot]=meter-f4; fi
done
say fuseline -C line doctor
say fuseline -C line product add meter-l4 --chip stm32l476 --scheme sealed --lock 1
say fuseline -C line product add meter-f4 --chip stm32f407 --scheme sealed --psk --lock 2

title "what would happen to the first board"
say fuseline -C line provision --product meter-l4 --slot s01

title "$boards boards, $hands at a time"
each provision

title "power, and what the devices send"
for slot in "${slots[@]}"; do
    hand "$slot" power cycle
    # a pseudo-terminal keeps what nobody read of the session before; a serial port does not
    dd if="$line/$slot.usart" of=/dev/null bs=4096 iflag=nonblock 2>"$dir/drained" || true
done
each listen

title "what is on record"
say fuseline -C line device list
say fuseline -C line audit list

finished=$(fuseline -C line --json device list --state DONE | wc -l)
opened=$(cat "$dir"/*.said | grep -c '^opened ' || true)
senders=$(sed -n 's/^opened *\([0-9a-f]\{16\}\) .*/\1/p' "$dir"/*.said | sort -u | wc -l)
seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
verdict=ok
if ((finished != boards || senders != boards || opened < messages * boards)); then verdict=failed; fi
printf '\n{"demo":"%s","boards":%d,"done":%d,"opened":%d,"seconds":%s}\n' $verdict "$boards" "$finished" "$opened" "$seconds"
[ $verdict = ok ]
