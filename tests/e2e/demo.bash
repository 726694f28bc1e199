# tests/e2e/demo.bash - what the demonstrations share: a folder of their own with a line in it, simulated boards, a hand at the
# plug.  Sets tree, build, dir, line and start, and goes to $dir; whoever sources it sets `hands`, and product[SLOT] before
# provision.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(realpath "${BUILD:-$tree/build}") # BUILD may be said from the folder we leave below
PATH=$build:$PATH
dir=$(mktemp -d /tmp/fuseline-demo.XXXXXX)
line=$dir/line
pids=()
trap '((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
start=$EPOCHREALTIME
declare -A product

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
say() { printf '\n\033[1m$ %s\033[0m\n' "$*" && "$@"; }
hand() { # hand SLOT COMMAND...: what the operator's hand does to the board
    local answer
    answer=$(echo "${*:2}" | socat -t 60 - "UNIX-CONNECT:$line/$1.control")
    [ "${answer%% *}" = ok ] || { echo "demo: board $1: $2: $answer" >&2 && exit 1; }
}

board() { # board SLOT CHIP: a simulated board, and its slot in the configuration
    vchip --chip "$2" --state "$line/$1.board" --jtag "$line/$1.jtag" --control "$line/$1.control" --usart "$line/$1.usart" \
        >"$line/$1.log" 2>&1 &
    pids+=($!)
    printf 'adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n' "$line/$1.jtag" >"$line/$1.cfg"
    # the boards are programs, too: one that has no processor for a while is not gone
    grep -q '^timeout_ms' "$line/fuseline.conf" || sed -i 's/^\[station\]$/&\ntimeout_ms = 60000/' "$line/fuseline.conf"
    printf '\n[slot %s]\nchip = %s\nadapter = %s.cfg\nconsole = %s.usart\n' "$1" "$2" "$1" "$1" >>"$line/fuseline.conf"
    for _ in {1..6000}; do
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
                wait "${pid#*:}" || { bad=1 && echo "demo: slot ${pid%:*} failed" >&2; }
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
