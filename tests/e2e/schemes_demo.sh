#!/usr/bin/env bash
# tests/e2e/schemes_demo.sh all - each scheme and variant that this version provisions, a simulated board of each: provisioned, and
# heard through `relay` and `serve`; then each fleet's key is rotated and the derived board rekeyed, over the way that the frames came.
# Ends with a line of JSON; exit 1 if a board is not DONE, a frame did not open or has not the bytes that docs/protocol.md's table
# says, or a new key was not taken.
set -euo pipefail
hands=2 enough=3 patience=60 # boards that are provisioned at a time; frames of each; seconds to wait for what must come
[ "$*" = all ] || { echo "schemes_demo.sh: SCHEME must be all" >&2 && exit 64; }
source "$(dirname "$0")/demo.bash"

# product, scheme, chip, first byte of its first and of its later frames, bytes that a signature adds to these, other options.
table='
sealed              sealed              stm32l476 20 49 0  --lock 1
sealed-psk          sealed              stm32f407 20 49 0  --psk --lock 2
sealed-fleet        sealed-fleet        stm32l476 21 49 0  --two-way --lock 1
sealed-fleet-x25519 sealed-fleet-x25519 stm32f407 21 49 0  --two-way --lock 1
identity            identity            stm32f407 22 49 64 --two-way --lock 2
identity-x25519     identity-x25519     stm32l476 22 49 64 --two-way --lock 2
secret              secret              stm32l476 55 55 0  --lock 2
derived             derived             stm32f407 55 55 0  --two-way --lock 2
session             session             stm32f407 31 49 0  --two-way --lock 1
session-x25519      session-x25519      stm32l476 31 49 0  --two-way --lock 1
session-rsa         session-rsa         stm32f407 30 49 0  --two-way --lock 1
signup              signup              stm32l476 23 49 64 --two-way --lock 2
signup-x25519       signup-x25519       stm32f407 23 49 64 --two-way --lock 2'
rotating=({sealed-fleet,identity,session,signup}{,-x25519})
slots=()
declare -A scheme chip first later signature options fleet phone
while read -r slot s c f l more o; do
    slots+=("$slot")
    product[$slot]=$slot scheme[$slot]=$s chip[$slot]=$c first[$slot]=$f later[$slot]=$l signature[$slot]=$more options[$slot]=$o
done < <(awk NF <<<"$table")

verdict=ok
wrong() { # wrong TEXT: said now, and in the verdict
    echo "demo: $*" >&2
    verdict=failed
}
within() { # within COMMAND...: it succeeds before our patience ends
    local end=$((SECONDS + patience))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}
registry() { sqlite3 -readonly -cmd '.timeout 60000' line/registry.db "$1"; }
field() { sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'; } # field KEY: of the JSON on standard input

bytes_of() { # bytes_of HEADER: as docs/protocol.md says
    awk -F ' *[|] *' -v h="$1" '$2 == h && $3 ~ /^(OPEN|DATA)/ { print $6 }' "$tree/docs/protocol.md"
}

# ---- what must have come ----
heard() { [ "$(registry "SELECT count(*) FROM (SELECT 1 FROM frame GROUP BY fleet HAVING count(*) >= $enough)")" = ${#slots[@]} ]; }
opens() { # opens SLOT: first byte and epoch of its first three OPENs
    registry "SELECT hex(substr(frame, 1, 2)) FROM frame WHERE fleet = ${fleet[$1]} AND ctr = 0 ORDER BY n LIMIT 3" | paste -sd ' '
}
rotated() { # the OPEN of an old epoch is answered with the ROTATE, and the next one has the new epoch
    local slot
    for slot in "${rotating[@]}"; do
        [ "$(opens "$slot")" = "${first[$slot]}01 ${first[$slot]}01 ${first[$slot]}02" ] || return 1
        [ "$(registry "SELECT count(*) FROM frame WHERE session = (SELECT session FROM frame WHERE fleet = ${fleet[$slot]} AND epoch = 2)")" -ge 2 ] || return 1
        grep -q '"event":"down","frame":"8002' "$slot.relay" || return 1
    done
}
rekeyed() { # a session is called serial8 gen1 boot3
    [ "$(registry "SELECT count(*) FROM frame WHERE fleet = ${fleet[derived]} AND substr(session, 9, 1) = x'01'")" -ge 2 ] &&
        grep -q '"event":"down","frame":"c0' derived.relay &&
        [ "$(fuseline -C line --json device show "$derived" | field generation)" = 1 ]
}
delivered() { [ -z "$(find ./*.phone -name '*.frame')" ]; }

# ---- the way of the frames ----
serve() {
    printf '\n[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\n' >>line/fuseline.conf
    printf '\n\033[1m$ %s\033[0m\n' "fuseline -C line --json serve --self-signed &"
    fuseline -C line --json serve --self-signed >served 2>serve.said &
    server=$!
    pids+=($server)
    within test -s served || { cat serve.said >&2 && exit 1; }
    cat serve.said
    url=https://localhost:$(head -n 1 served | field port)
}
relay() { # relay SLOT: a phone beside its board, which starts when somebody listens
    hand "$1" power off
    dd if="line/$1.usart" of=/dev/null bs=4096 iflag=nonblock 2>drained || true
    local how=(relay --console "line/$1.usart" --url "$url" --cacert line/serve-cert.pem --fleet "${fleet[$1]}" --buffer "$1.phone")
    printf '\033[1m$ %s\033[0m\n' "fuseline -C line --json ${how[*]} &"
    fuseline -C line --json "${how[@]}" >"$1.relay" 2>"$1.relay.said" &
    phone[$1]=$!
    pids+=($!)
    hand "$1" power on
}
restart() { # restart SLOT: a new session, begun between two frames: half a one would swallow the OPEN behind it
    local n
    n=$(wc -l <"$1.relay")
    within more_than "$n" "$1.relay"
    hand "$1" power cycle
}
more_than() { [ "$(wc -l <"$2")" -gt "$1" ]; } # more_than LINES FILE
hang_up() { # boards off, phones empty, then everybody goes home in order
    local slot
    for slot in "${slots[@]}"; do hand "$slot" power off; done
    within delivered || wrong "frames without a receipt: $(find ./*.phone -name '*.frame')"
    kill -TERM "${phone[@]}"
    for slot in "${slots[@]}"; do wait "${phone[$slot]}" || wrong "relay of $slot: $(cat "$slot.relay.said")"; done
    kill -TERM $server
    wait $server || wrong "serve: $(cat serve.said)"
}

# ---- what came of it ----
of_slot() { # of_slot SLOT: its row and its JSON; leaves them in $row and $json
    local is=${fleet[$1]} elf=$build/firmware/${scheme[$1]}-${chip[$1]}.elf done_ opened have want bytes=() flash
    done_=$(fuseline -C line --json device list --product "$1" --state DONE | wc -l)
    opened=$(registry "SELECT count(*) FROM frame WHERE fleet = $is")
    bytes=($(registry "SELECT length(frame) FROM frame WHERE fleet = $is ORDER BY n LIMIT 1")
        $(registry "SELECT length(frame) FROM frame WHERE fleet = $is ORDER BY ctr DESC LIMIT 1"))
    have=$(registry "SELECT DISTINCT hex(substr(frame, 1, 1)) || ' ' || length(frame) FROM frame WHERE fleet = $is ORDER BY 1")
    want=$(printf '%s\n' "${first[$1]} $(bytes_of "${first[$1]}")" "${later[$1]} $(($(bytes_of "${later[$1]}") + ${signature[$1]}))" | sort -u)
    flash=$(arm-none-eabi-size -A "$elf" | awk '$1 == ".text" || $1 == ".data" { n += $2 } END { print n }')
    [ "$done_" = 1 ] || wrong "$1 is not DONE"
    ((opened >= enough)) || wrong "$1: $opened frames opened"
    [ "$have" = "$want" ] || wrong "$1: first byte and length of its frames: $(paste -sd, <<<"$have"); by docs/protocol.md: $(paste -sd, <<<"$want")"
    row=$(printf '%-19s %-10s %5s %7s %6s %6s %6s' "$1" "${chip[$1]}" "$done_" "$opened" "${bytes[0]:-0}" "${bytes[1]:-0}" "$flash")
    json="\"$1\":{\"done\":$done_,\"opened\":$opened,\"first_bytes\":${bytes[0]:-0},\"later_bytes\":${bytes[1]:-0},\"flash_bytes\":$flash}"
}

title "a line, ${#slots[@]} boards, and the keys that some schemes want before"
say fuseline init line
for slot in "${slots[@]}"; do board "$slot" "${chip[$slot]}"; done
say fuseline -C line key new --ra
say fuseline -C line key new --backup-ra
for slot in "${slots[@]}"; do
    say fuseline -C line product add "$slot" --chip "${chip[$slot]}" --scheme "${scheme[$slot]}" ${options[$slot]}
    fleet[$slot]=$(fuseline -C line --json product show "$slot" | field fleet)
done

title "a board of each, $hands at a time"
each provision || wrong "not all boards were provisioned"

title "frames through a phone that nobody trusts to the server"
serve
for slot in "${slots[@]}"; do relay "$slot"; done
within heard || wrong "less than $enough frames of some: $(cat ./*.relay.said serve.said)"

title "new keys, over the same way"
for slot in "${rotating[@]}"; do
    say fuseline -C line rotate --fleet "${fleet[$slot]}" --burn
    restart "$slot"
done
derived=$(fuseline -C line --json device list --product derived | field serial)
say fuseline -C line rekey "$derived" --burn
is_rotated=true is_rekeyed=true
within rotated || { is_rotated=false && wrong "not all fleets send under their new key"; }
within rekeyed || { is_rekeyed=false && wrong "the derived board does not send under its new generation"; }
for slot in "${rotating[@]}"; do say fuseline -C line rotate status --fleet "${fleet[$slot]}"; done
say fuseline -C line status "$derived"

title "what is on record"
hang_up
say fuseline -C line device list
say fuseline -C line reconcile || wrong "registry, keys, log and frames do not say the same"
[ "$(grep -c '^{"status":"opened"' served)" = "$(registry 'SELECT count(*) FROM frame')" ] || wrong "serve did not say what it recorded"

printf '\n%-19s %-10s %5s %7s %6s %6s %6s\n' scheme chip done opened first later flash
parts=()
for slot in "${slots[@]}"; do
    of_slot "$slot"
    echo "$row"
    parts+=("$json")
done
seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
printf '\n{"demo":"%s","schemes":{%s},"rotated":%s,"rekeyed":%s,"seconds":%s}\n' $verdict "$(IFS=, && echo "${parts[*]}")" $is_rotated $is_rekeyed "$seconds"
[ $verdict = ok ]
