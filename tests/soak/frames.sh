#!/bin/bash
# tests/soak/frames.sh FRAMES OUT.json - FRAMES frames of devices of every scheme, through relays that do all that a bad network
# does, to one server of two workers; meanwhile workers and relays are killed.  Every frame must be recorded once, and told on
# standard output at most once; every relay must end with an empty buffer; nothing may be recorded that nobody sent.  Messages for
# devices are queued meanwhile: each is sent once a session, in no more sessions than it may, and leaves the list only when it was.
# DEVICES (12) of each scheme, PHONES (3), CUT (0.01) power cuts a frame, KILL (1) seconds to the first kill -9 and as many more to each
# next, PIECE (100000) frames that a phone hears before it must have a receipt for each, SEED (1), SCHEMES (all; with a + two-way),
# MESSAGES (12) that are queued.
# CONTROL=lost|strange|shown|unsent: spoil the result, to see that it is noticed.
# All files are in memory: what is asked here is what becomes of frames, not how fast a disk is.
set -eu -o pipefail
frames=$1 out=$2
cd "$(dirname "$0")/../.."
build=$(realpath "${BUILD:-build}")
source tests/soak/site.bash
schemes=${SCHEMES:-sealed+ sealed-fleet identity identity-x25519+ secret+ derived+ session session-rsa signup}
phones=${PHONES:-3} piece=${PIECE:-100000} seed=${SEED:-1}
tricks=(--drop 0.01 --duplicate 0.02 --delay 0.01 --reorder 0.05 --flip 0.0005)
T=$(mktemp -d /dev/shm/fuseline-frames.XXXXXX)
server='' killer='' queuer='' phone=()

end() { # every process that was started, and the folder
    local pid
    touch "$T/stop"
    for pid in $killer $queuer "${phone[@]}" $server; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$T"
}
trap end EXIT
trap 'exit 1' INT TERM

failed() { # failed TEXT
    echo "frames: $*" >&2
    exit 1
}

# ---- what the devices say ----

make_frames() {
    local i file=()
    for ((i = 0; i < phones; i++)); do mkdir "$T/$i" && file+=("$T/$i/all"); done
    "$build/tests/soak/devices" "$T/w" "${DEVICES:-12}" |
        "$build/tests/soak/senders" "$frames" "${CUT:-0.01}" "$seed" "${file[@]}" 2>"$T/sent"
    sort "${file[@]}" >"$T/want"
    for ((i = 0; i < phones; i++)); do split -a 4 -d -l "$piece" "$T/$i/all" "$T/$i/piece-" && rm "$T/$i/all"; done
    [ "$(sort -u "$T/want" | wc -l)" = "$frames" ] || failed "two frames are equal"
}

# ---- phones ----

relay() { # relay I N FILE: phone I's N-th
    exec "$build/fuseline" -C "$T/w" --json relay --from "$3" --url "$url" --cacert "$T/w/serve-cert.pem" --buffer "$T/$1/buffer" \
        --posts 4 "${tricks[@]}" --seed $((seed * 10000 + $1 * 1000 + $2)) --seconds $((frames / 250 + 120)) >>"$T/$1/did" 2>>"$T/$1/said"
}

phone() { # phone I: its pieces, one after the other; killed, it starts again, with the buffer that it had
    local i=$1 n=0 rc=0 relay='' p
    trap 'kill "$relay" || true; exit 1' TERM
    for p in "$T/$i"/piece-*; do
        for ((rc = 137; rc == 137; n++)); do
            relay "$i" "$n" "$p" &
            relay=$!
            echo "$relay" >"$T/$i/pid"
            rc=0
            wait "$relay" || rc=$?
        done
        [ $rc = 0 ] || break
    done 2>>"$T/$i/said"
    rm "$T/$i/pid"
    return $rc
}

victim() { # victim N: its kind and process, in turn
    local pid
    if (($1 % 2 == 0)); then
        pid=$(pgrep -P "$server" | shuf -n 1) && echo "worker $pid"
    else
        pid=$(cat "$T/$(($1 / 2 % phones))/pid") && [ "$(cat "/proc/$pid/comm")" = fuseline ] && echo "relay $pid"
    fi
}

kill_now_and_then() { # less and less often: a slow machine must come to an end, and serve waits longer for whoever dies again
    local n i kind pid
    for ((n = 0; ; n++)); do
        for ((i = 0; i < ${KILL:-1} * 10 * (n + 1); i++)); do
            [ ! -e "$T/stop" ] || return 0
            sleep 0.1
        done
        if read -r kind pid < <(victim "$n"); then kill -9 "$pid" && echo "$kind" >>"$T/killed"; fi
    done 2>"$T/killer"
}

queue_messages() { # one for each of the first devices of two-way products, to be sent in 1, 2 or 3 sessions
    local n=0 serial two_way
    echo 'TEST close the valve' >"$T/order"
    two_way=$(tr ' ' '\n' <<<"$schemes" | sed -n "s/\(.*\)+$/'\1'/p" | paste -sd ,)
    for serial in $(ask "SELECT serial FROM device WHERE product IN ($two_way)
            ORDER BY substr(serial, 9), serial LIMIT ${MESSAGES:-12}"); do
        [ ! -e "$T/stop" ] || return 0
        "$build/fuseline" -C "$T/w" --json down send "$serial" --file "$T/order" --sessions $((n++ % 3 + 1)) >>"$T/queued" || return 1
    done 2>>"$T/queued.said"
}

run_phones() {
    local i rc=0
    for ((i = 0; i < phones; i++)); do
        phone "$i" &
        phone[i]=$!
    done
    kill_now_and_then &
    killer=$!
    queue_messages &
    queuer=$!
    for ((i = 0; i < phones; i++)); do
        wait "${phone[i]}" || { rc=1 && tail -n 5 "$T/$i/said" >&2; }
    done
    touch "$T/stop"
    wait "$killer" || true
    wait "$queuer" || failed "down send: $(tail -n 2 "$T/queued.said")"
    phone=() killer='' queuer=''
    [ $rc = 0 ] || failed "a relay did not end with 0"
}

# ---- what came of it ----

spoil() { # as CONTROL says
    case ${CONTROL:-} in
    lost) sed -i 1d "$T/have" ;;
    strange) sed -i '1s/^../00/' "$T/have" && sort -o "$T/have" "$T/have" ;;
    unsent) echo '{"id":999999,"sessions":1}' >>"$T/queued" ;;
    shown) grep '^{"status":"opened"' "$T/served" | head -n 1 >"$T/again" && cat "$T/again" >>"$T/served" ;;
    esac
}

shown_twice() { # a frame's data holds its number: no line "opened" may come again, whoever was killed
    sed -n 's/^{"status":"opened".*"data":"\([0-9a-f]*\)".*/\1/p' "$T/served" | sort | uniq -d | wc -l
}

total() { # total KEY: of what the relays said at their ends
    cat "$T"/[0-9]*/did | sed -n 's/^{"event":"end".*"'"$1"'":\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

line() { # line KEY VALUE...: one JSON object
    printf '"%s":%s,' "$@" | sed 's/^/{/; s/,$/}\n/'
}

# A counter is taken in the transaction that counts the message as sent, or ends it: all of them together must come to the same.
# Each device has one message at most, so that no session may have two counters.
messages_wrong() { # how many: of the list, and not in it, sent in too few or too many sessions; sessions that had one twice
    local id n sent all=0 wrong=0
    while read -r id n; do
        sent=$(ask "SELECT sent FROM down_waiting WHERE id = $id")
        if [ -n "$sent" ]; then
            [ "$sent" -lt "$n" ] || wrong=$((wrong + 1))
        else
            sent=$n
            [ "$(ask "SELECT count(*) FROM event WHERE canonical LIKE '%\"down.done\"%\"queued\":\"$id\"%\"reason\":\"sent\"%'")" = 1 ] ||
                wrong=$((wrong + 1))
        fi
        all=$((all + sent))
    done < <(sed 's/^{"id":\([0-9]*\),.*"sessions":\([0-9]*\)}$/\1 \2/' "$T/queued")
    [ "$(ask 'SELECT count(*) FROM down')" = "$all" ] || wrong=$((wrong + 1))
    echo $((wrong + $(ask 'SELECT count(*) - count(DISTINCT session) FROM down')))
}

judge() { # recorded: different frames
    local recorded lost strange twice left messages
    ask 'SELECT lower(hex(frame)) FROM frame' | sort >"$T/have"
    spoil
    recorded=$(uniq "$T/have" | wc -l)
    lost=$(comm -23 "$T/want" "$T/have" | wc -l)
    strange=$(uniq "$T/have" | comm -13 "$T/want" - | wc -l)
    twice=$(($(uniq -d "$T/have" | wc -l) + $(ask 'SELECT count(*) - count(DISTINCT hex(session) || ctr) FROM frame') + $(shown_twice)))
    left=$(find "$T"/[0-9]*/buffer -type f | wc -l)
    messages=$(messages_wrong)
    line frames "$frames" recorded "$recorded" lost "$lost" twice "$twice" strange "$strange" left "$left" \
        opens "$(sed 's/.*"opens":\([0-9]*\).*/\1/' "$T/sent")" answered_again "$(grep -c '^{"status":"duplicate"' "$T/served" || true)" \
        posts "$(total posts)" refused "$(total refused)" workers_killed "$(grep -c worker "$T/killed" || true)" \
        messages "$(wc -l <"$T/queued")" messages_sent "$(ask 'SELECT count(*) FROM down')" messages_wrong "$messages" \
        downs "$(cat "$T"/[0-9]*/did | grep '^{"event":"down"' | sort -u | wc -l)" \
        relays_killed "$(grep -c relay "$T/killed" || true)" seconds "$seconds" | tee "$out"
    [ "$recorded $lost $twice $strange $left $messages" = "$frames 0 0 0 0 0" ] || failed "see above"
}

touch "$T/killed" "$T/queued"
site_make $schemes >"$T/made" 2>&1 || { cat "$T/made" && exit 1; }
make_frames
serve 2
begin=$EPOCHREALTIME
run_phones
seconds=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $begin }")
unserve || failed "serve: exit $?: $(tail -n 3 "$T/said")"
judge
