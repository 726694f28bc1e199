#!/bin/bash
# tests/bench/https.sh DIR - frames over HTTPS to `fuseline serve` with one worker and with two, its registry under DIR; prints a
# JSON object for each.  "first" are first frames, "session" frames of sessions that the server knows, 256 in a POST, 4
# connections: frames per second until the last is answered.  "post_ms" is one session frame a POST, one after the other on one
# connection.  Scheme 1; curl is the phone, on the same machine.  Each frame must have been recorded, or it is no figure.
set -eu -o pipefail
dir=$1
cd "$(dirname "$0")/../.."
build=$(realpath "${BUILD:-build}")
source tests/soak/site.bash
T=$(mktemp -d "$dir/fuseline-https.XXXXXX")
server=''
rounds=${ROUNDS:-5} devices=200 firsts=4000 sessions=40000 singles=1000

end() {
    [ -z "$server" ] || unserve || true
    rm -rf "$T"
}
trap end EXIT
trap 'exit 1' INT TERM

bodies() { # bodies NAME FRAMES <HEX: bodies of so many frames, and the requests for curl
    mkdir -p "$T/$1"
    perl -we 'my ($to, $n) = @ARGV; my ($k, $i, $body) = (0, 0, "");
        sub out { open(my $f, ">:raw", sprintf "%s/%06d", $to, $k++) or die; print $f $body; close $f; ($i, $body) = (0, "") }
        while (<STDIN>) { chomp; $body .= pack "n/a*", pack "H*", $_; out() if ++$i == $n }
        out() if $i' "$T/$1" "$2"
}

post() { # post NAME OPTION...: all its bodies; a line for each: HTTP status and seconds
    local f
    for f in "$T/$1"/*; do
        printf 'url = "%s/v1/frames"\ndata-binary = "@%s"\nheader = "Content-Type: application/octet-stream"\noutput = /dev/null\n' "$url" "$f"
        printf 'cacert = "%s"\nwrite-out = "%%{http_code} %%{time_total}\\n"\nnext\n' "$T/w/serve-cert.pem"
    done | sed '$d' >"$T/requests"
    curl "${@:2}" --config "$T/requests" >"$T/answers" 2>"$T/meter" || { tail -n 3 "$T/meter" >&2 && exit 1; }
    ! grep -v '^200 ' "$T/answers" || { echo "https: a POST failed" >&2 && exit 1; }
}

seconds() { # seconds COMMAND...
    local begin=$EPOCHREALTIME
    "$@"
    awk "BEGIN { print $EPOCHREALTIME - $begin }"
}

quantile() { # quantile P <FIGURES
    sort -g | awk -v p="$1" '{ v[NR] = $1 } END { print v[int((NR - 1) * p + 0.5) + 1] }'
}

prepare() {
    site_make sealed >"$T/made" 2>&1 || { cat "$T/made" >&2 && exit 1; }
    "$build/tests/soak/devices" "$T/w" $devices >"$T/images"
    "$build/tests/soak/senders" $firsts 1 1 "$T/first.hex" <"$T/images" 2>"$T/sent"
    "$build/tests/soak/senders" $((sessions + 3 * singles)) 0 2 "$T/all.hex" <"$T/images" 2>"$T/sent"
    grep '^20' "$T/all.hex" >"$T/open.hex"
    grep -v '^20' "$T/all.hex" >"$T/data.hex"
    bodies first 256 <"$T/first.hex"
    bodies open 256 <"$T/open.hex"
    head -n $sessions "$T/data.hex" | bodies session 256
    tail -n $singles "$T/data.hex" | bodies single 1
    cp "$T/w/registry.db" "$T/registry.made"
    cp "$T/w/registry.mark" "$T/mark.made"
}

round() { # round WORKERS
    local want
    cp "$T/registry.made" "$T/w/registry.db"
    cp "$T/mark.made" "$T/w/registry.mark"
    serve "$1"
    seconds post first -Z --parallel-max 4 >>"$T/first.s"
    post open
    seconds post session -Z --parallel-max 4 >>"$T/session.s"
    post single
    awk '{ print $2 * 1000 }' "$T/answers" >>"$T/single.ms"
    unserve
    want=$((firsts + sessions + singles + $(wc -l <"$T/open.hex")))
    [ "$(ask 'SELECT count(*) FROM frame')" = "$want" ] || { echo "https: not every frame was recorded" >&2 && exit 1; }
}

per_second() { # per_second NAME N: of its seconds
    local p
    for p in 0.95 0.5 0.05; do quantile $p <"$T/$1.s"; done | awk -v n="$2" '{ v[NR] = n / $1 }
        END { printf "{\"p5\": %.0f, \"p50\": %.0f, \"p95\": %.0f}", v[1], v[2], v[3] }'
}

prepare
for workers in 1 2; do
    rm -f "$T"/*.s "$T"/*.ms
    for ((i = 0; i < rounds; i++)); do round $workers; done
    printf '{"bench": "https", "workers": %d, "rounds": %d, "first": {"per_s": %s}, "session": {"per_s": %s}, "post_ms": {"p50": %.2f, "p99": %.2f}}\n' \
        $workers "$rounds" "$(per_second first $firsts)" "$(per_second session $sessions)" \
        "$(quantile 0.5 <"$T/single.ms")" "$(quantile 0.99 <"$T/single.ms")"
done
