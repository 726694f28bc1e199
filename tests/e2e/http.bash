# tests/e2e/http.bash - a server for relay tests: $H holds its certificate, key and tests/fakes/http/server.py's files.

http_begin() { # the folder and the certificate; nothing listens yet
    H=$T/http
    mkdir "$H"
    certificate "$H"
}

certificate() { # certificate DIR: a self-signed one for 127.0.0.1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=TEST -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
}

http_up() { # starts the server, on the port it had before if it ran before
    local i
    rm -f "$H/port.was"
    [ ! -e "$H/port" ] || cp "$H/port" "$H/port.was"
    touch "$H/marker"
    /usr/bin/python3 "$BATS_TEST_DIRNAME/../fakes/http/server.py" "$H" >"$H/out" 2>&1 3>&- &
    HTTP_PID=$!
    for ((i = 0; i < 400; i++)); do
        [ ! "$H/port" -nt "$H/marker" ] || break
        kill -0 $HTTP_PID || { cat "$H/out" && return 1; }
        sleep 0.05
    done
    URL=https://127.0.0.1:$(cat "$H/port")
}

http_down() {
    [ -z "${HTTP_PID:-}" ] || { kill -9 "$HTTP_PID" && wait "$HTTP_PID"; } 2>/dev/null || true
    HTTP_PID=
}

mode() { # mode NAME: from the next request on
    echo "$1" >"$H/mode.new" && mv "$H/mode.new" "$H/mode"
}

pin_of() { # pin_of DIR: SHA-256 of the public key of its certificate
    openssl x509 -in "$1/cert.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d ' ' -f 1
}
