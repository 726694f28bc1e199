#!/usr/bin/env bats
# doctor looks at what [serve] names: the certificate, how long it lasts, and its key, in a file or in the server token.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
    cp "$T/fuseline.conf" "$T/conf.made"
}

teardown() {
    end
}

serves() { # serves LINE...: the section [serve]
    { cat "$T/conf.made" && printf '[serve]\n' && printf '%s\n' "$@"; } >"$T/fuseline.conf"
    fl --json doctor
}

about() { # about CHECK STATUS TEXT...: that line of the last doctor, and only one of it
    local line word
    line=$(grep "\"check\":\"$1\"" <<<"$output") || show
    [[ $line != *$'\n'* && $line == *"\"status\":\"$2\""* ]] || show || return 1
    for word in "${@:3}"; do
        [[ $line == *"$word"* ]] || show || return 1
    done
}

certificate() { # certificate NAME DAYS: a key file, and its certificate that lasts so long
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$2" -subj /CN=TEST -keyout "$T/$1.key" \
        -out "$T/$1.pem" 2>/dev/null
    chmod 400 "$T/$1.key"
}

@test "without [serve] it says nothing of it" {
    fl --json doctor
    [[ $output != *'"check":"certificate'* ]]
    prints '"check":"token server","slot":null,"status":"ok"'
}

@test "a key file: its certificate lasts, ends soon, is over; another's key; open to others; none" {
    certificate long 90
    certificate soon 10
    serves 'certificate = long.pem' 'key = long.key'
    about certificate ok long.pem "$(openssl x509 -in "$T/long.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)" \
        "ends $(date -u -d "$(openssl x509 -in "$T/long.pem" -noout -enddate | cut -d= -f2)" +%F)"
    about "certificate key" ok long.key
    serves 'certificate = soon.pem' 'key = soon.key'
    about certificate warn soon.pem '"error":null'
    about "certificate key" ok
    fl doctor
    prints "warn  certificate: "
    [[ $output =~ "days left: "(9|10)$'\n' ]]
    openssl x509 -in "$T/long.pem" -days -1 -signkey "$T/long.key" -out "$T/over.pem" 2>/dev/null
    serves 'certificate = over.pem' 'key = long.key'
    about certificate fail server-tls-date over.pem ended
    serves 'certificate = long.pem' 'key = soon.key'
    about certificate ok
    about "certificate key" fail server-tls-pair soon.key
    chmod 644 "$T/long.key"
    serves 'certificate = long.pem' 'key = long.key'
    about "certificate key" fail server-tls-rights
    serves 'certificate = long.pem' 'key = none.key'
    about "certificate key" fail server-tls-file none.key
    serves 'certificate = none.pem' 'key = long.key'
    about certificate fail server-tls-file none.pem
    serves 'certificate = long.pem'
    about certificate fail serve-certificate "'key'"
    [[ $output != *PRIVATE* ]]
}

@test "a key in the token: there, another's, none, no token" {
    fl key new --tls web
    fl key new --tls other
    fl --json key certify tls/web --out "$T/web.pem"
    succeeds
    serves 'certificate = web.pem' 'key = hsm:tls/web'
    about certificate ok web.pem
    about "certificate key" ok tls/web
    serves 'certificate = web.pem' 'key = hsm:tls/other'
    about certificate ok
    about "certificate key" fail server-tls-pair
    serves 'certificate = web.pem' 'key = hsm:tls/none'
    about "certificate key" fail server-tls-key "no key 'tls/none'"
    serves 'certificate = none.pem' 'key = hsm:tls/web'
    about certificate fail server-tls-file
    about "certificate key" ok
    sed -i "/^\[hsm server\]/,/^$/s/^token = .*/token = nobody/" "$T/fuseline.conf" # told of the token, not again of its key
    fl --json doctor
    about "token server" fail
    [[ $output != *'"certificate key"'* ]]
}
