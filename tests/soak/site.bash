# tests/soak/site.bash - a line's folder $T/w with devices that need no boards, and its server: for frames.sh and for the bench.
# The caller sets T, build and, as long as it is to be ended by him, $server.

site_make() { # site_make SCHEME...: the folder, and a product of each, two-way where its name ends with +
    local s
    "$build/fuseline" init "$T/w"
    "$build/fuseline" -C "$T/w" key new --ra
    "$build/fuseline" -C "$T/w" key new --backup-ra
    for s; do
        "$build/fuseline" -C "$T/w" product add "${s%+}" --chip stm32l476 --scheme "${s%+}" --lock 0 \
            $([ "${s%+}" = "$s" ] || echo --two-way)
    done
}

serve() { # serve WORKERS: without a limit of rate; $server, $url
    local i
    sed -i '/^\[serve\]/,$d' "$T/w/fuseline.conf"
    printf '[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\nrate = 0\nworkers = %s\n' "$1" >>"$T/w/fuseline.conf"
    : >"$T/served"
    "$build/fuseline" -C "$T/w" --json serve --self-signed >"$T/served" 2>"$T/said" 3>&- &
    server=$!
    for ((i = 0; i < 400; i++)); do
        [ ! -s "$T/served" ] || break
        sleep 0.05
    done
    url=https://localhost:$(sed -n '1s/.*"port":\([0-9]*\).*/\1/p' "$T/served")
}

unserve() { # SIGTERM; returns its exit status
    local rc=0
    kill "$server" && wait "$server" || rc=$?
    server=''
    return $rc
}

ask() { # ask SQL
    sqlite3 -readonly -cmd '.timeout 60000' "$T/w/registry.db" "$1"
}
