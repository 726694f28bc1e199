#!/bin/bash
# tests/bench/otp_burn.sh [CHIP [N]] - wall time of `fuseline otp burn` of 176 bytes with read-back, against a bare OpenOCD script
# that does the same with its own flash driver; each run a whole process on a fresh board, in turn.
# Prints one JSON line with both medians in milliseconds and their ratio, and one with the goal; exit 1 when the ratio is above 1.2.
# Both leave OpenOCD's reset delays off (the stock scripts would wait 0.2 s more); the board has the data sheet's busy times.
set -eu
chip=${1:-stm32l476} n=${2:-20} limit=1.2
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
case $chip in
stm32l476) name=stm32l4x driver=stm32l4x otp=0x1fff7000 ;;
stm32f407) name=stm32f4x driver=stm32f2x otp=0x1fff7800 ;;
*) echo "otp_burn.sh: unknown chip $chip" >&2 && exit 64 ;;
esac

T=$(mktemp -d)
board=
trap '[ -z "$board" ] || kill "$board" 2>/dev/null; rm -rf "$T"' EXIT
"$build/vchip" --chip "$chip" --state "$T/state" --jtag "$T/jtag" --control "$T/control" >"$T/log" 2>&1 &
board=$!
for _ in {1..200}; do
    if [ -S "$T/jtag" ] && [ -S "$T/control" ]; then break; fi
    sleep 0.02
done
ctl() {
    local answer
    answer=$(echo "$*" | socat -t 60 - "UNIX-CONNECT:$T/control")
    case $answer in ok*) echo "$answer" ;; *) echo "otp_burn.sh: $*: $answer" >&2 && exit 1 ;; esac
}

head -c 176 /dev/urandom >"$T/image"
printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$T/jtag" >"$T/adapter.cfg"
printf '[slot bench]\nchip = %s\nadapter = adapter.cfg\n' "$chip" >"$T/fuseline.conf"
cat >"$T/bare.cfg" <<END
adapter srst delay 0
jtag_ntrst_delay 0
$name.cpu configure -event reset-start {}
$name.cpu configure -event reset-init {}
telnet_port disabled; tcl_port disabled; gdb_port disabled
init
reset halt
$driver otp 1 enable
flash write_bank 1 $T/image 0
echo [read_memory $otp 32 44]
shutdown
END

fuseline() { "$build/fuseline" -C "$T" otp burn --slot bench --at 0 --file "$T/image" --burn; }
bare() { openocd -f "$T/adapter.cfg" -f "target/$name.cfg" -f "$T/bare.cfg"; }

run() { # run WHAT: on a fresh board; milliseconds are added to $T/WHAT.ms, and the board must hold the image
    ctl new >"$T/answer"
    local begin=$EPOCHREALTIME
    "$1" >"$T/$1.out" 2>&1 || { cat "$T/$1.out" >&2 && exit 1; }
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", (b - a) * 1000 }' >>"$T/$1.ms"
    [ "$(ctl "peek $otp 176")" = "ok $(od -An -v -tx1 "$T/image" | tr -d ' \n')" ] ||
        { echo "otp_burn.sh: after $1 the board does not hold the image" >&2 && exit 1; }
}

for ((i = 0; i < n; i++)); do
    run fuseline
    run bare
done

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
awk -v chip="$chip" -v n="$n" -v a="$(median "$T/fuseline.ms")" -v b="$(median "$T/bare.ms")" -v limit="$limit" 'BEGIN {
    printf "{\"bench\": \"otp_burn\", \"chip\": \"%s\", \"bytes\": 176, \"runs\": %d, ", chip, n
    printf "\"fuseline_ms\": %.1f, \"openocd_ms\": %.1f, \"ratio\": %.3f}\n", a, b, a / b
    printf "{\"name\": \"%s: time of an OTP burn to bare OpenOCD, at most\", \"goal\": %s, \"is\": %.3f, \"met\": %s}\n", chip, limit, a / b, (a / b <= limit ? "true" : "false")
    exit a / b > limit
}'
