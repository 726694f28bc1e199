#!/usr/bin/env bash
# tests/e2e/demo.sh [BOARDS] - the whole line on simulated boards, half of each chip: made from nothing, provisioned, started, and
# their messages opened.  Runs the README's commands; of a board's control socket only `insert` and `power cycle`.
# Ends with a line of JSON; exit 1 if any board is not DONE or any message does not open.
set -euo pipefail
boards=${1:-${BOARDS:-4}} messages=2 hands=2 # hands: boards that are provisioned at a time
case $boards in '' | *[!0-9]* | 0 | 00* | ????*) echo "demo.sh: BOARDS must be 1..999" >&2 && exit 64 ;; esac

source "$(dirname "$0")/demo.bash"

listen() { say fuseline -C line open --console "line/$1.usart" --count $messages --seconds 20; }

title "a line from nothing"
say fuseline init line
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
    hand "$slot" power off
    # a pseudo-terminal keeps what nobody read of the session before; a serial port does not
    dd if="$line/$slot.usart" of=/dev/null bs=4096 iflag=nonblock 2>"$dir/drained" || true
    hand "$slot" power on
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
