#!/bin/bash
# tests/bench/firmware.sh [CHIP] - the firmware's size, and what it costs to run.  Prints one JSON object and one with its goal: bytes of flash and RAM (the
# stack's 4 KB aside), the deepest stack seen, and instructions per OPEN and per DATA of 16 bytes, counted by the simulated board.
# Counted on the build that sends every 10 ms: idling between messages is in the figure of DATA, 10 ticks of it.
set -eu
chip=${1:-stm32l476} limit=24576
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../../build}
build=$(cd "$build" && pwd)
elf=$build/firmware/sealed-$chip.elf fast=$build/firmware/sealed-fast-$chip.elf
T=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$T"' EXIT

"$build/fuseline" init "$T/line" >"$T/out" 2>&1
"$build/vchip" --chip "$chip" --state "$T/state" --jtag "$T/jtag" --control "$T/control" --usart "$T/usart" >"$T/log" 2>&1 &
pids+=($!)
until grep -q ready "$T/log"; do sleep 0.02; done
ctl() {
    local answer
    answer=$(echo "$*" | socat -t 60 - "UNIX-CONNECT:$T/control")
    case $answer in ok*) echo "$answer" ;; *) echo "firmware.sh: $*: $answer" >&2 && exit 1 ;; esac
}
instructions() { ctl stats | tr ' ' '\n' | sed -n 's/^instructions=//p'; }
frames() { echo $(($(tr -s '\0' <"$T/sent" | tr -dc '\0' | wc -c) - 1)); } # a delimiter before each, and one behind it
until_frames() { # until_frames N
    local i
    for ((i = 0; i < 3000; i++)); do
        if [ "$(frames)" -ge "$1" ]; then return; fi
        sleep 0.01
    done
    echo "firmware.sh: no $1 messages" >&2 && exit 1
}

mkdir "$T/firmware"
cp "$fast" "$T/firmware/sealed-$chip.elf"
printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$T/jtag" >"$T/adapter.cfg"
printf '\n[firmware]\npath = %s\n[slot bench]\nchip = %s\nadapter = %s\nconsole = %s\n' "$T/firmware" "$chip" "$T/adapter.cfg" "$T/usart" \
    >>"$T/line/fuseline.conf"
"$build/fuseline" -C "$T/line" --json product add bench --chip "$chip" --scheme sealed --psk --lock 0 >"$T/out" 2>&1
"$build/fuseline" -C "$T/line" --json provision --product bench --slot bench --burn >"$T/out" 2>&1

: >"$T/sent"
cat "$T/usart" >"$T/sent" 2>"$T/err" &
pids+=($!)
ctl power cycle >"$T/out"
ctl stats clear >"$T/out"
until_frames 1
start=$(instructions)
until_frames 30
a=$(instructions) fa=$(frames)
until_frames 230
b=$(instructions) fb=$(frames)
until_frames 320 # ctr is used up at 255: one more OPEN, and its repetition behind DATA 8, lie in between
c=$(instructions) fc=$(frames)

symbol() { arm-none-eabi-nm "$fast" | awk -v s="$1" '$3 == s { print "0x" $1 }'; }
low=$(symbol stack_limit) top=$(symbol stack_top)
paint=$(sed -n 's/^#define STACK_PAINT .*0x\([0-9a-fA-F]*\).*/\1/p' "$here"/../../firmware-stub/*.h | tr A-F a-f)
untouched=$(ctl peek "$low" $((top - low)) | sed 's/^ok //' | fold -w 8 | awk -v p="${paint:6:2}${paint:4:2}${paint:2:2}${paint:0:2}" '
    $0 != p { exit } { n += 4 } END { print n + 0 }')

arm-none-eabi-size -A "$elf" | awk -v chip="$chip" -v limit=$limit -v stack=$((top - low - untouched)) -v start="$start" \
    -v a="$a" -v fa="$fa" -v b="$b" -v fb="$fb" -v c="$c" -v fc="$fc" '
    $1 == ".text" || $1 == ".data" || $1 == ".ARM" { flash += $2 }
    $1 == ".data" || $1 == ".bss" || $1 == ".noinit" { ram += $2 }
    END {
        data = (b - a) / (fb - fa)
        open = c - b - (fc - fb - 2) * data
        printf "{\"bench\": \"firmware\", \"chip\": \"%s\", \"flash_bytes\": %d, \"ram_bytes\": %d, \"stack_bytes\": %d, ", chip, flash, ram, stack
        printf "\"instructions_start_and_open\": %d, \"instructions_open\": %d, \"instructions_data\": %d}\n", start, open, data
        printf "{\"name\": \"%s: bytes of firmware in flash, at most\", \"goal\": %d, \"is\": %d, \"met\": %s}\n", chip, limit, flash, (flash <= limit ? "true" : "false")
        exit flash > limit
    }'
