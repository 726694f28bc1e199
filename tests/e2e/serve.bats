#!/usr/bin/env bats
# `fuseline serve`, asked by curl as a phone's app would: receipts for what opened, the same answer to all else, nothing lost.
# One device and its first six frames are made for the file; each test has a server and a registry of its own.

setup_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in a stm32l476
    sed -i '/^console/d' "$T/fuseline.conf" # one proof, in the mailbox, is enough here
    product p stm32l476
    mkdir "$T/firmware" # the firmware that has something to say every 10 ms
    cp "$BUILD/firmware/sealed-fast-$chip.elf" "$T/firmware/sealed-$chip.elf"
    printf '\n[firmware]\npath = firmware\n' >>"$T/fuseline.conf"
    "$BUILD/fuseline" -C "$T" --json provision --product p --slot a --burn >"$T/made"
    frames_of 6 | head -n 6 >"$T/frames"
    [ "$(wc -l <"$T/frames")" = 6 ]
    ctl power off >/dev/null
    cp "$T/registry.db" "$T/registry.made"
    cp "$T/registry.mark" "$T/mark.made"
    cp "$T/fuseline.conf" "$T/conf.made"
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    cd "$T"
    rm -f registry.db-journal served said head.*
    cp registry.made registry.db
    cp mark.made registry.mark
    mapfile -t f <frames
    server=
    how=(--self-signed)
}

teardown() {
    if [ -n "$server" ] && kill -KILL "$server" 2>/dev/null; then wait "$server" || true; fi
}

# ---- the server ----

configure() { # configure [LINE...]: [serve] with these lines; any free ports, no limit of rate
    { cat conf.made && printf '\n[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\n' && printf '%s\n' "$@"; } >fuseline.conf
}

serve() { # serve [LINE...]: a server with that configuration; $server, $url and $metrics; $with is put before the command
    configure "$@"
    : >served
    ${with:-} "$BUILD/fuseline" -C "$T" --json serve ${how[@]+"${how[@]}"} >served 2>said 3>&- &
    server=$!
    local i
    for ((i = 0; i < 400; i++)); do
        [ ! -s served ] || break
        sleep 0.05
    done
    url=https://localhost:$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' served)
    metrics=http://127.0.0.1:$(sed -n 's/.*"metrics_port":\([0-9]*\).*/\1/p' served)
    [[ $(head -n 1 served) == '{"serving":"https://127.0.0.1:'* ]] || { cat served said && return 1; }
}

stops() { # stops EXIT: on SIGTERM
    local rc=0
    kill -TERM "$server"
    wait "$server" || rc=$?
    server=
    [ "$rc" = "$1" ] || { echo "exit $rc" && cat said && return 1; }
}

ended() { # ended EXIT FAULT: by itself, with that fault as its last object
    local rc=0
    wait "$server" || rc=$?
    server=
    [ "$rc" = "$1" ] && [[ $(tail -n 1 served) == '{"error":{"name":"'"$2"'"'* ]] || { echo "exit $rc" && cat served said && return 1; }
}

refuses_to_serve() { # refuses_to_serve EXIT FAULT [TEXT...]
    fl --json serve "${how[@]}"
    refuses "$@"
}

ask() { # ask CURL-ARGUMENT...: what curl prints; its answer's body in $T/answer
    curl -sS --max-time 30 --cacert serve-cert.pem -D head -o answer "$@"
}

body() { # body HEX...: these frames as a request's body
    local hex
    for hex in "$@"; do printf '%04x%s' $((${#hex} / 2)) "$hex"; done | xxd -r -p >body
}

post() { # post [PATH]: $T/body; $code and $ms
    read -r code ms < <(ask -w '%{http_code} %{time_total}\n' -H 'Content-Type: application/octet-stream' --data-binary @body \
        "$url${1:-/v1/frames}")
    ms=${ms/./} && ms=$((10#$ms / 1000))
}

receipts() { # receipts FLAG:HEX...: the answer is these, and nothing else
    local r want=
    for r in "$@"; do want+=${r%%:*}$(xxd -r -p <<<"${r#*:}" | sha256sum | cut -c 1-16); done
    [ "$code" = 200 ] && [ "$(xxd -p answer | tr -d '\n')" = "$want" ] ||
        { echo "status $code, want $want, have" && xxd -p answer && cat said && return 1; }
}

stored() { # stored N: frames in the registry
    [ "$(sqlite3 -readonly -cmd '.timeout 60000' registry.db 'SELECT count(*) FROM frame')" = "$1" ]
}

shows() { # shows STATUS N: so many objects of that status on stdout
    [ "$(grep -c '^{"status":"'"$1"'"' served)" = "$2" ] || { cat served && return 1; }
}

metric() { # metric NAME: its value
    curl -sS "$metrics/metrics" | sed -n "s/^fuseline_$1 //p"
}

flip() { # flip HEX: its last bit
    printf '%s%x' "${1:0:-1}" $((0x${1: -1} ^ 1))
}

is_dead() { # is_dead PID: though perhaps nobody has asked how it ended
    [ ! -e "/proc/$1" ] || grep -q '^State:.*[ZX]' "/proc/$1/status"
}

# ---- frames ----

@test "what opens has receipts, and is shown as open shows it" {
    serve
    body "${f[@]:0:3}"
    post /v1/frames/1
    receipts 01:"${f[0]}" 01:"${f[1]}" 01:"${f[2]}"
    body "${f[@]:3}"
    post
    receipts 01:"${f[3]}" 01:"${f[4]}" 01:"${f[5]}"
    stops 0
    fl --json open frames
    succeeds
    [ "$(tail -n +2 served | sed 's/"opened"/"duplicate"/')" = "$output" ] || { cat served && show; }
}

@test "a retry gets the same answer, and nothing is recorded twice" {
    serve
    body "${f[@]}"
    post
    cp answer first
    post
    cmp answer first
    post /v1/frames
    cmp answer first
    stored 6
    shows opened 6
    shows duplicate 12
}

@test "refusals of every kind get the same answer at the same time: 00, not before 250 ms" {
    serve
    local kinds=("${f[1]}" "$(flip "${f[0]}")" "20ffffffffffffffff${f[0]:18}" "${f[0]:0:40}" ff "${f[0]:0:18}$(printf 'ff%.0s' {1..32})${f[0]:82}" 81aa) k
    for k in "${kinds[@]}"; do
        body "$k"
        post
        receipts 00:"$k"
        grep -vi '^date:' head >head.now
        [ -e head.first ] || cp head.now head.first
        cmp head.now head.first
        [ "$ms" -ge 250 ] || { echo "$k after $ms ms" && return 1; }
    done
    body "${f[0]}" "${kinds[0]}" "${kinds[4]}"
    post
    receipts 01:"${f[0]}" 01:"${f[1]}" 00:ff
    [ "$ms" -ge 250 ]
    [ "$(metric 'frames_refused_total{reason="no-session"}')" = 1 ]
    [ "$(metric alarms_total)" -ge 1 ]
    stored 2
}

@test "a bad length anywhere: 400, and nothing is opened" {
    serve
    local bad
    for bad in 00 0000 0005aabb ffff 0401; do
        body "${f[0]}"
        xxd -r -p <<<"$bad" >>body
        post
        [ "$code" = 400 ]
    done
    printf '0001ff%.0s' {1..257} | xxd -r -p >body
    post
    [ "$code" = 400 ]
    stored 0
    : >body
    post
    receipts
}

@test "what is no such request has its status" {
    serve
    head -c 65537 /dev/zero >body
    post
    [ "$code" = 413 ]
    head -c 3000000 /dev/zero >body
    [ "$(ask -w '%{http_code}' -H 'Content-Type: application/octet-stream' --data-binary @body "$url/v1/frames" 2>/dev/null)" = 413 ]
    body "${f[0]}"
    for path in /v1/frames/ /v1/frames/70000 /v1/frames/x /v2/frames / /metrics; do
        post $path
        [ "$code" = 404 ]
    done
    local method
    for method in GET PUT DELETE; do
        [ "$(ask -X $method -w '%{http_code}' "$url/v1/frames/1")" = 405 ]
        grep -qi '^allow: POST' head
    done
    [ "$(ask -w '%{http_code}' --data-binary @body "$url/v1/frames")" = 415 ]
    [ "$(ask -w '%{http_code}' -H 'Content-Type: application/octet-stream' -H 'Transfer-Encoding: chunked' --data-binary @body \
        "$url/v1/frames")" = 411 ]
    stored 0
    post
    receipts 01:"${f[0]}"
}

@test "two workers, many phones with the same frames: each is recorded and opened once" {
    serve 'workers = 2' 'rate = 0'
    local i pids=()
    body "${f[@]}"
    for i in {1..12}; do
        curl -sS --max-time 30 --cacert serve-cert.pem -o "answer.$i" -H 'Content-Type: application/octet-stream' \
            --data-binary @body "$url/v1/frames" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    post
    receipts 01:"${f[0]}" 01:"${f[1]}" 01:"${f[2]}" 01:"${f[3]}" 01:"${f[4]}" 01:"${f[5]}"
    for i in {1..12}; do cmp "answer.$i" answer; done
    stored 6
    shows opened 6
    shows duplicate 72
    [ "$(metric 'frames_total{result="opened"}')" = 6 ]
    [ "$(metric workers)" = 2 ]
}

# ---- what goes wrong ----

@test "a full disk: 503 without receipts, unhealthy; with room again the same request is recorded" {
    gcc -shared -fPIC -o full.so "$FAKES/full_disk.c"
    with="env FULL_DISK_BYTES=1 LD_PRELOAD=$T/full.so ASAN_OPTIONS=verify_asan_link_order=0" serve
    body "${f[@]}"
    post
    [ "$code" = 503 ]
    [[ $(cat answer) == "nothing was recorded"* ]]
    [ "$(ask -w '%{http_code}' "$url/healthz")" = 503 ]
    shows opened 0
    stops 0
    stored 0
    serve
    post
    [ "$code" = 200 ]
    stored 6
    [ "$(ask -w '%{http_code}' "$url/healthz")" = 200 ]
}

@test "a worker that is killed is started again; counters go on" {
    serve
    body "${f[@]:0:2}"
    post
    receipts 01:"${f[0]}" 01:"${f[1]}"
    local old i
    old=$(pgrep -P "$server")
    kill -KILL "$old"
    for ((i = 0; i < 400; i++)); do
        [ "$(metric worker_restarts_total) $(metric workers)" != "1 1" ] || break
        sleep 0.05
    done
    [ "$(pgrep -P "$server")" != "$old" ]
    grep -q 'worker 0 ended and is started again' said
    body "${f[@]:1:3}"
    post
    receipts 01:"${f[1]}" 01:"${f[2]}" 01:"${f[3]}"
    [ "$(metric 'frames_total{result="opened"}')" = 4 ]
    stored 4
}

@test "when nobody takes the data there are no receipts, and the server says so" {
    configure
    mkfifo out
    "$BUILD/fuseline" -C "$T" --json serve --self-signed >out 2>said 3>&- &
    server=$!
    exec 9<out
    read -r -u 9 first
    url=https://localhost:$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' <<<"$first")
    exec 9<&-
    body "${f[0]}"
    post
    [ "$code" = 503 ]
    local rc=0
    wait "$server" || rc=$?
    server=
    [ "$rc" = 74 ] || { cat said && return 1; }
    rm out
    serve
    post
    receipts 01:"${f[0]}"
    shows duplicate 1
}

@test "SIGTERM: who has begun gets an answer, nobody else is let in, exit 0" {
    serve
    body "${f[0]}"
    {
        printf 'POST /v1/frames HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n' \
            "$(stat -c %s body)"
        for ((i = 0; i < 2400; i++)); do
            [ ! -e go ] || break
            sleep 0.05
        done
        cat body
        sleep 1
    } | openssl s_client -quiet -CAfile serve-cert.pem -connect "127.0.0.1:${url##*:}" >late 2>late.said 3>&- &
    local client=$! i
    for ((i = 0; i < 400; i++)); do
        [ "$(metric requests_in_progress)" != 1 ] || break
        sleep 0.05
    done
    kill -TERM "$server"
    for ((i = 0; i < 400; i++)); do
        ask "$url/healthz" 2>/dev/null || break
        sleep 0.05
    done
    ((i < 400)) && [ ! -s late ] # the door is shut, and who has begun still waits
    touch go
    stops 0
    wait $client || true
    rm go
    grep -q '^HTTP/1.1 200' late
    grep -qi '^connection: close' late
    stored 1
}

@test "the server ends with its parent" {
    serve
    local worker i
    worker=$(pgrep -P "$server")
    kill -KILL "$server"
    wait "$server" || true
    server=
    for ((i = 0; i < 400; i++)); do
        ! is_dead "$worker" || break
        sleep 0.05
    done
    is_dead "$worker"
}

# ---- limits ----

@test "more than its rate: 429, and it is let in again; /healthz is free" {
    serve 'rate = 1'
    body "${f[0]}"
    local i codes=
    for i in {1..5}; do
        post
        codes+="$code "
    done
    [[ $codes == "200 "*"429 "* ]]
    for i in {1..9}; do [ "$(ask -w '%{http_code}' "$url/healthz")" = 200 ]; done
    for ((i = 0; i < 200; i++)); do
        post
        [ "$code" != 200 ] || break
        sleep 0.2
    done
    [ "$code" = 200 ]
    [ "$(metric 'requests_total{status="429"}')" -ge 1 ]
}

@test "slow clients hold nobody up, and are ended" {
    serve 'timeout = 4'
    local i open slow=()
    for i in {1..8}; do
        { printf 'POST /v1/frames HTTP/1.1\r\nHost: x\r\n' && for ((n = 0; n < 200; n++)); do printf 'X-%d: a\r\n' $n && sleep 0.1; done; } 2>/dev/null |
            openssl s_client -quiet -CAfile serve-cert.pem -connect "127.0.0.1:${url##*:}" >/dev/null 2>&1 3>&- &
        slow+=($!)
    done
    for ((i = 0; i < 400; i++)); do
        open=$(metric connections)
        [ "$open" -lt 8 ] || break
        sleep 0.05
    done
    [ "$open" -ge 8 ]
    body "${f[0]}"
    post
    receipts 01:"${f[0]}"
    for ((i = 0; i < 1200; i++)); do # 12 s for a whole request, though never a second without a byte
        [ "$(metric connections)" -gt 0 ] || break
        sleep 0.05
    done
    [ "$(metric connections)" = 0 ]
    for i in "${slow[@]}"; do kill "$i" 2>/dev/null || true; done
}

# ---- what is around it ----

@test "metrics and health: on the loopback only, without a serial" {
    serve
    body "${f[0]}"
    post
    curl -sS "$metrics/metrics" >text
    grep -q '^fuseline_requests_total{status="200"} 1$' text
    ! grep -qi "$(sed 's/.*"serial":"\([0-9a-f]*\)".*/\1/' made)" text
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$metrics/healthz")" = 200 ]
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$metrics/v1/frames")" = 404 ]
    grep -qi " 0100007F:$(printf %04X "${metrics##*:}") 00000000:0000 0A " /proc/net/tcp
    [ "$(ask -w '%{http_code}' "$url/healthz") $(cat answer)" = "200 ok" ]
}

tls() { # tls OPENSSL-ARGUMENT...: does a handshake succeed?
    openssl s_client -brief -cipher DEFAULT@SECLEVEL=0 -CAfile serve-cert.pem -connect "127.0.0.1:${url##*:}" "$@" </dev/null >tls.out 2>&1
}

@test "TLS 1.2 and 1.3, and nothing older" {
    serve
    tls -tls1_2
    tls -tls1_3
    ! tls -tls1_1 || return 1
    ! tls -tls1 || return 1
    ! curl -sS --cacert serve-cert.pem "http://${url#https://}/healthz" >/dev/null 2>&1 || return 1
}

@test "the self-signed pair is made once, its key is closed, and its fingerprint is told" {
    rm -f serve-cert.pem serve-key.pem
    serve
    stops 0
    [ "$(stat -c %a serve-cert.pem serve-key.pem | paste -sd ' ')" = "644 400" ]
    local print
    print=$(openssl x509 -in serve-cert.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)
    grep -q "\"certificate_sha256\":\"$print\"" served
    cp serve-cert.pem kept
    serve
    cmp kept serve-cert.pem
    stops 0
    rm serve-cert.pem # as a cut between the two files would leave it
    serve
    [ "$(ask -w '%{http_code}' "$url/healthz")" = 200 ]
}

@test "the certificate's key stays in the token: both versions, a worker each, no key file anywhere" {
    how=()
    rm -f serve-cert.pem serve-key.pem # the file that ask() trusts
    fl --json key new --tls web
    succeeds
    prints '"label":"tls/web"' '"role":"server"' '"kind":"tls"' '"result":"made"'
    fl --json key certify tls/web --out serve-cert.pem
    succeeds
    [ "$output" = '{"label":"tls/web","file":"serve-cert.pem","result":"certificate"}' ] || show
    serve 'workers = 2' 'certificate = serve-cert.pem' 'key = hsm:tls/web'
    body "${f[0]}"
    post
    receipts 01:"${f[0]}"
    local i
    for i in {1..4}; do
        [ "$(ask --tlsv1.2 --tls-max 1.2 -w '%{http_code}' "$url/healthz")" = 200 ]
        [ "$(ask --tlsv1.3 -w '%{http_code}' "$url/healthz")" = 200 ]
        tls -tls1_2 -sigalgs ECDSA+SHA512
        tls -tls1_3
    done
    ! tls -tls1_2 -sigalgs RSA+SHA256 || return 1
    ! grep -rlE 'PRIVATE KEY' --include='*.pem' --include='*.key' . || return 1
    fl --json key retire tls/web --burn
    refuses 80 key-served "tls/web" "[serve]"
    stops 0
    grep -q "certificate SHA-256 $(openssl x509 -in serve-cert.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)" said
    configure
    fl --json key retire tls/web --burn
    succeeds
    prints '"result":"destroyed"'
    fl --json key new --tls web
    refuses 80 key-retired "tls/web"
    rm serve-cert.pem
}

@test "a request for a certificate names what it was told, and an authority's certificate is served" {
    how=()
    rm -f serve-cert.pem
    fl --json key new --tls web2
    fl --json key certify tls/web2 --out web.csr --request --names localhost,127.0.0.1
    succeeds
    openssl req -in web.csr -noout -verify -text >text 2>&1
    grep -q 'DNS:localhost, IP Address:127.0.0.1' text
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=TEST-CA -keyout ca.key -out serve-cert.pem 2>/dev/null
    openssl x509 -req -in web.csr -CA serve-cert.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out web.pem 2>/dev/null
    cat serve-cert.pem >>web.pem
    serve 'certificate = web.pem' 'key = hsm:tls/web2'
    [ "$(ask --tlsv1.2 --tls-max 1.2 -w '%{http_code}' "$url/healthz")" = 200 ]
    [ "$(ask --tlsv1.3 -w '%{http_code}' "$url/healthz")" = 200 ]
    stops 0
    rm serve-cert.pem ca.key web.csr web.pem
}

@test "a key in the token that is not there, not so named, or another's: nothing is served" {
    how=()
    rm -f serve-cert.pem
    fl key new --tls web3
    fl key new --tls other
    fl key certify tls/web3 --out serve-cert.pem
    fl --json key certify tls/web3 --out serve-cert.pem
    refuses 80 server-tls-there serve-cert.pem
    fl --json key certify tls/none --out none.pem
    refuses 69 hsm-key-missing tls/none
    fl --json key certify fleet/1/1 --out none.pem
    refuses 64 tls-label fleet/1/1
    fl --json key certify tls/web3 --out none.pem --names 'a b'
    refuses 64 server-tls-name
    [ ! -e none.pem ]
    configure 'certificate = serve-cert.pem' 'key = hsm:tls/none'
    refuses_to_serve 78 server-tls-key tls/none
    [[ $stderr == *"key new --tls"* ]]
    configure 'certificate = serve-cert.pem' 'key = hsm:tls/other'
    refuses_to_serve 78 server-tls-pair serve-cert.pem
    configure 'certificate = serve-cert.pem' 'key = hsm:web3'
    refuses_to_serve 78 config-value "hsm:tls/NAME"
    configure 'key = hsm:tls/web3'
    refuses_to_serve 78 serve-certificate "'certificate'"
    how=(--self-signed)
    configure 'key = hsm:tls/web3'
    refuses_to_serve 78 serve-certificate
    rm serve-cert.pem
}

@test "a token that goes and comes back under a served key: the worker ends, and the next one serves" {
    how=()
    rm -f serve-cert.pem
    fl key new --tls web4
    fl key certify tls/web4 --out serve-cert.pem
    serve 'certificate = serve-cert.pem' 'key = hsm:tls/web4'
    [ "$(ask -w '%{http_code}' "$url/healthz")" = 200 ]
    mv tokens gone
    local i
    for ((i = 0; i < 100; i++)); do
        ask "$url/healthz" >/dev/null 2>&1 || break
        sleep 0.1
    done
    for ((i = 0; i < 100; i++)); do
        ! grep -q '^fuseline: worker 0 ended' said || break
        sleep 0.1
    done
    mv gone tokens
    grep -q '^fuseline: worker 0 ended and is started again' said
    for ((i = 0; i < 400; i++)); do
        [ "$(ask -w '%{http_code}' "$url/healthz" 2>/dev/null)" != 200 ] || break
        sleep 0.1
    done
    [ "$(ask -w '%{http_code}' "$url/healthz")" = 200 ]
    stops 0
    rm serve-cert.pem
}

@test "what keeps it from starting has a name" {
    serve
    { cat conf.made && printf '\n[serve]\nlisten = 127.0.0.1:%d\nmetrics = 0\n' "${url##*:}"; } >fuseline.conf
    refuses_to_serve 78 server-listen "${url##*:}"
    stops 0
    configure "listen2 = x"
    refuses_to_serve 78 config-key "'listen2'"
    local bad
    for bad in 'workers = 0' 'workers = 65' 'rate = x' 'timeout = 0' 'connections = 0'; do
        configure "$bad"
        refuses_to_serve 78 config-value "${bad%% *}"
    done
    configure 'certificate = serve-cert.pem' 'key = serve-key.pem'
    refuses_to_serve 78 serve-certificate
    how=()
    configure 'certificate = serve-cert.pem'
    refuses_to_serve 78 serve-certificate "'key'"
    configure
    refuses_to_serve 78 serve-certificate
    configure 'certificate = serve-cert.pem' 'key = none.pem'
    refuses_to_serve 78 server-tls-file none.pem
    cp serve-key.pem open.pem && chmod 644 open.pem
    configure 'certificate = serve-cert.pem' 'key = open.pem'
    refuses_to_serve 77 server-tls-rights open.pem
    openssl ecparam -genkey -name prime256v1 -noout -out other.pem 2>/dev/null && chmod 400 other.pem
    configure 'certificate = serve-cert.pem' 'key = other.pem'
    refuses_to_serve 78 server-tls-pair other.pem
    configure
    how=(--self-signed --pin-source fd:5)
    refuses_to_serve 77 serve-pin
    cp registry.db kept && rm registry.db
    how=(--self-signed)
    refuses_to_serve 69 registry-missing
    mv kept registry.db
}

@test "a wrong PIN is tried once, though workers would start again" {
    cp pins/server.pin pin.kept
    printf 'TEST-wrong' >wrong.pin && chmod 400 wrong.pin
    configure 'workers = 1'
    how=(--self-signed --pin-source "file:$T/wrong.pin")
    refuses_to_serve 77 pin-wrong
    how=(--self-signed)
    serve
    stops 0
}
