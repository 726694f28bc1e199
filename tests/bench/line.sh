#!/bin/bash
# tests/bench/line.sh [CHIP [N]] - N blank boards become devices, one after the other, each by `fuseline provision --burn` and, in
# turn, on the same blank board again, by the plain script baseline.sh.  Prints one JSON object, p50 and p95 of each, and one a goal.
#   wall      the whole process, by the clock
#   own       CPU time of all its processes: tool, OpenOCD, token
#   vchip     what the simulated part took: its own CPU time (serving JTAG, running firmware), its flash's and OTP's busy time.  The two
#             overlap: the tool polls while the flash is busy
#   beyond    what is left for tool, OpenOCD, token and registry: wall less vchip's CPU time, of another N boards whose flash takes
#             no time, so that there is no overlap.  Goal: p50 150 ms, and a quarter of the script's
#   wire      the JTAG clocks, and how long they take at 4 MHz
#   ratio     beyond of the script to ours: of the medians, and of each board's pair
#   steps     read_back is a part of burn
set -eu
chip=${1:-stm32l476} n=${2:-20} goal_ms=150 goal_ratio=4
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../../build}
build=$(cd "$build" && pwd)
T=$(mktemp -d)
board=
trap '[ -z "$board" ] || kill "$board" 2>/dev/null; rm -rf "$T"' EXIT

"$build/fuseline" init "$T/line" >"$T/out" 2>&1
"$here/baseline.sh" "$T" init >"$T/out" 2>&1
"$build/vchip" --chip "$chip" --state "$T/state" --jtag "$T/jtag" --control "$T/control" --usart "$T/usart" >"$T/log" 2>&1 &
board=$!
for _ in {1..200}; do
    if [ -S "$T/jtag" ] && [ -S "$T/control" ]; then break; fi
    sleep 0.02
done
ctl() {
    local answer
    answer=$(echo "$*" | socat -t 60 - "UNIX-CONNECT:$T/control")
    case $answer in ok*) echo "$answer" ;; *) echo "line.sh: $*: $answer" >&2 && exit 1 ;; esac
}
printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$T/jtag" >"$T/adapter.cfg"
# no console: nobody is at the plug for the question after the lock
printf '\n[slot bench]\nchip = %s\nadapter = %s\n' "$chip" "$T/adapter.cfg" >>"$T/line/fuseline.conf"
"$build/fuseline" -C "$T/line" --json product add bench --chip "$chip" --scheme sealed --psk --lock 1 >"$T/out"

fuseline() { "$build/fuseline" -C "$T/line" --json provision --product bench --slot bench --burn; }
script() { "$here/baseline.sh" "$T" "$chip" "$build/firmware/sealed-$chip.elf" "$(printf '%016x' "$1")"; }

TIMEFORMAT='%U %S'

run() { # run WHO [ARGUMENT]: on a fresh board; figures are added to $T/figures, one a line: who what value
    ctl new >"$T/answer"
    ctl busy "$busy" >"$T/answer"
    ctl stats clear >"$T/answer"
    local begin=$EPOCHREALTIME end
    { time "$@" >"$T/$1.out" 2>"$T/$1.err"; } 2>"$T/time" || { cat "$T/$1.out" "$T/$1.err" >&2 && exit 1; }
    end=$EPOCHREALTIME
    ctl stats | tr ' ' '\n' | awk -F = -v who="$1" -v a="$begin" -v b="$end" -v busy="$busy" -v time="$T/time" '
        { v[$1] = $2 }
        END {
            wall = (b - a) * 1000; cpu = v["cpu_ns"] / 1e6
            if (busy == 0) { print who, "beyond", wall - cpu; exit }
            getline own <time; split(own, s, " "); print who, "own", (s[1] + s[2]) * 1000
            print who, "wall", wall; print who, "cpu", cpu; print who, "busy", v["busy_ns"] / 1e6
            print who, "tck", v["tck"]; print who, "wire", v["tck"] / 4000; print who, "instructions", v["instructions"]
        }' >>"$T/figures"
}

for ((i = 1; i <= n; i++)); do
    busy=0
    run fuseline
    run script $((i + n))
    tail -n 2 "$T/figures" | awk '{ v[NR] = $3 } END { print "pair ratio", v[2] / v[1] }' >"$T/pair" && cat "$T/pair" >>"$T/figures"
    busy=1000 # the data sheet's
    run fuseline
    grep -q '"verdict":"PASS"' "$T/fuseline.out" || { cat "$T/fuseline.out" >&2 && exit 1; }
    sed 's/.*"steps_ms":{\([^}]*\)}.*/\1/' "$T/fuseline.out" | tr ',' '\n' | sed 's/"\([a-z_]*\)":\(.*\)/step \1 \2/' >>"$T/figures"
    run script "$i"
done

sort -k 1,1 -k 2,2 -k 3,3g "$T/figures" | awk -v chip="$chip" -v n="$n" -v goal_ms=$goal_ms -v goal_ratio=$goal_ratio '
    function q(who, what, p,   k) { k = count[who, what]; return v[who, what, int((k - 1) * p + 0.5) + 1] }
    function tenth(x) { return int(x * 10 + 0.5) / 10 }
    function both(who, what) { return sprintf("{\"p50\": %.10g, \"p95\": %.10g}", tenth(q(who, what, 0.5)), tenth(q(who, what, 0.95))) }
    function all(who) {
        return sprintf("\"wall_ms\": %s, \"own_cpu_ms\": %s, \"vchip_cpu_ms\": %s, \"vchip_busy_ms\": %s, \"beyond_ms\": %s, \"tck\": %s, \"wire_ms_at_4mhz\": %s, \"instructions\": %s",
            both(who, "wall"), both(who, "own"), both(who, "cpu"), both(who, "busy"), both(who, "beyond"), both(who, "tck"), both(who, "wire"), both(who, "instructions"))
    }
    { v[$1, $2, ++count[$1, $2]] = $3 }
    END {
        steps = split("probe exam key intent burn read_back firmware proof lock record", name, " ")
        printf "{\"bench\": \"line\", \"chip\": \"%s\", \"boards\": %d, \"steps_ms\": {", chip, n
        for (i = 1; i <= steps; i++) printf "%s\"%s\": %s", (i > 1 ? ", " : ""), name[i], both("step", name[i])
        ms = q("fuseline", "beyond", 0.5); ratio = q("script", "beyond", 0.5) / ms
        printf "}, %s, \"script\": {%s}, \"ratio\": %.2f, ", all("fuseline"), all("script"), ratio
        printf "\"ratio_by_board\": {\"p5\": %.2f, \"p50\": %.2f, \"p95\": %.2f}}\n", q("pair", "ratio", 0.05), q("pair", "ratio", 0.5), q("pair", "ratio", 0.95)
        printf "{\"name\": \"%s: milliseconds beyond the wire, p50, at most\", \"goal\": %d, \"is\": %.1f, \"met\": %s}\n", chip, goal_ms, ms, (ms <= goal_ms ? "true" : "false")
        printf "{\"name\": \"%s: times less than the script, at least\", \"goal\": %d, \"is\": %.2f, \"met\": %s}\n", chip, goal_ratio, ratio, (ratio >= goal_ratio ? "true" : "false")
    }'
