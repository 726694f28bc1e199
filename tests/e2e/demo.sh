#!/usr/bin/env bash
# The demo: one simulated board of each chip, 176 bytes burned through real OpenOCD and read back.  Ends with a line of JSON.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/build:$PATH
dir=$(mktemp -d /tmp/fuseline-demo.XXXXXX)
boards=()
trap 'for pid in "${boards[@]}"; do kill "$pid"; done; rm -rf "$dir"' EXIT

board() { # board NAME CHIP: a simulated board, and its slot in the configuration
    vchip --chip "$2" --state "$dir/$1.board" --jtag "$dir/$1.jtag" --control "$dir/$1.control" --usart "$dir/$1.usart" >"$dir/$1.log" &
    boards+=($!)
    until grep -q ready "$dir/$1.log"; do sleep 0.01; done
    printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$dir/$1.jtag" >"$dir/$1.cfg"
    printf '[slot %s]\nchip = %s\nadapter = %s.cfg\n' "$1" "$2" "$1" >>"$dir/fuseline.conf"
}

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

board A stm32l476
board B stm32f407
head -c 176 /dev/urandom >"$dir/image"
start=$(date +%s%N)
say fuseline -C "$dir" doctor
for slot in A B; do
    say fuseline -C "$dir" otp plan --slot $slot --at 0 --file "$dir/image"
    say fuseline -C "$dir" otp burn --slot $slot --at 0 --file "$dir/image" --burn
    fuseline -C "$dir" otp read --slot $slot --len 176 | sed 's/^[^:]*://' | tr -d ' 
' |
        cmp - <(od -An -v -tx1 "$dir/image" | tr -d ' 
')
    say fuseline -C "$dir" chip show --slot $slot
    printf '\n\033[1;32m PASS \033[0m slot %s: 176 bytes burned, read back, and right\n' $slot
done
printf '{"demo":"ok","boards":2,"seconds":%.1f}\n' "$((($(date +%s%N) - start) / 100000000))e-1"
