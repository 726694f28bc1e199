#!/bin/bash
# tests/bench/size.sh OUT.json CHIP... - what the firmware of each scheme takes: bytes of flash, RAM (the stack's 4 KB aside) and stack, against its
# budget, and instructions from a reset until the first frame is out.  Prints a table, writes the same as JSON; 1 if anything is over.
set -eu -o pipefail
out=$1
shift
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
over=0 rows=()
printf '%-20s %-10s %14s %7s %14s %12s\n' scheme chip flash RAM stack 'first frame'
for name in sealed sealed-fleet identity secret derived session session-rsa signup sealed-fleet-x25519 identity-x25519 session-x25519 signup-x25519; do
    case $name in identity* | signup*) limit=32768 ;; *) limit=24576 ;; esac
    for chip; do
        elf=$build/firmware/$name-$chip.elf
        read -r flash ram < <(arm-none-eabi-size -A "$elf" | awk '
            $1 == ".text" || $1 == ".data" { flash += $2 }
            $1 == ".data" || $1 == ".bss" || $1 == ".noinit" { ram += $2 }
            END { print flash, ram }')
        answer=$("$build/tests/bench/stack" "$name" "$chip")
        read -r stack first <<<"$answer"
        ok=true
        if [ "$flash" -gt "$limit" ] || [ "$stack" -gt 4096 ]; then ok=false over=1; fi
        printf '%-20s %-10s %6d / %5d %7d %6d / %4d %12d%s\n' "$name" "$chip" "$flash" "$limit" "$ram" "$stack" 4096 "$first" "$([ $ok = true ] || echo '  over')"
        rows+=("{\"scheme\": \"$name\", \"chip\": \"$chip\", \"flash_bytes\": $flash, \"flash_limit\": $limit, \"ram_bytes\": $ram, \"stack_bytes\": $stack, \"stack_limit\": 4096, \"instructions_to_first_frame\": $first, \"met\": $ok}")
    done
done
(IFS=$'\n' && echo "[" && sed '$!s/$/,/' <<<"${rows[*]}" && echo "]") >"$out"
exit $over
