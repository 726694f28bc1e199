#!/usr/bin/env bats
# What is missing or wrong is found before the board is touched: PIN, token, module, registry, disk.  Each is refused by name, with
# one message and one hint, no OTP pulse, and every recorded thing still there; and when it is mended the same command passes.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in l4 stm32l476
    product meter stm32l476
}

teardown() {
    end
}

refused() { # refused CODE EXIT: to provision; nothing is burned and nothing is lost
    provision meter l4
    verdict REFUSED "$1" "$2"
    burns_nothing
}

passes() { # once it is mended
    provision meter l4
    verdict PASS done 0
}

role_says() { # role_says ROLE KEY VALUE: in fuseline.conf
    sed -i "/^\[hsm $1\]/,/^\[/s|^$2 = .*|$2 = $3|" "$T/fuseline.conf"
}

registry_is() { # registry_is FILE
    sed -i "s|^path = .*|path = $1|" "$T/fuseline.conf"
}

# ---- tokens ----

@test "PIN wrong: tried once, told as such" {
    local role
    for role in line server; do
        cp "$T/pins/$role.pin" "$T/right"
        chmod 600 "$T/pins/$role.pin" && echo 1111 >"$T/pins/$role.pin" && chmod 400 "$T/pins/$role.pin"
        refused pin-wrong 77
        tells "$role"
        [[ $stderr != *1111* ]] || show
        chmod 600 "$T/pins/$role.pin" && cat "$T/right" >"$T/pins/$role.pin" && chmod 400 "$T/pins/$role.pin"
    done
    passes
}

@test "PIN file missing, or readable by others" {
    mv "$T/pins/line.pin" "$T/elsewhere"
    refused pin-source 77
    mv "$T/elsewhere" "$T/pins/line.pin"
    chmod 444 "$T/pins/line.pin"
    refused pin-source-open 77
    chmod 400 "$T/pins/line.pin"
    passes
}

@test "the PIN may come from elsewhere: another file, an open descriptor" {
    mv "$T/pins/line.pin" "$T/elsewhere"
    fl --json provision --product meter --slot l4 --burn --pin-source fd:9 9<"$T/elsewhere"
    verdict PASS done 0
    fl --json provision --product meter --slot l4 --burn --pin-source "file:$T/elsewhere"
    verdict PASS already-done 0
    fl --json provision --product meter --slot l4 --burn --pin-source 1234
    [ "$status" = 64 ] || show
}

@test "the token is not there" {
    role_says line token lime
    refused hsm-token-missing 69
    role_says line token line
    passes
}

@test "the token's files are gone" {
    mv "$T/tokens" "$T/tokens.away"
    mkdir -m 700 "$T/tokens"
    refused hsm-token-missing 69
    rmdir "$T/tokens"
    mv "$T/tokens.away" "$T/tokens"
    passes
}

@test "the module is not there, or is no module" {
    local module
    module=$(sed -n 's/^module = //p' "$T/fuseline.conf" | head -n 1)
    role_says line module /nowhere/token.so
    refused hsm-module-missing 69
    role_says line module "$(ldconfig -p | sed -n 's|.*=> \(/.*/libsqlite3\.so\.[0-9]*\)$|\1|p' | head -n 1)"
    refused hsm-not-a-module 78
    printf 'not even a library\n' >"$T/text.so"
    role_says line module "$T/text.so"
    refused hsm-not-a-module 78
    role_says line module "$module"
    passes
}

@test "a token file that a kill in the login left empty is put back" {
    local file
    for file in "$T"/tokens/*/token.object; do : >"$file"; done
    passes
}

@test "the server token lacks the key: refused before the burn, for nobody could open the proof" {
    role_says server token vault
    role_says server pin-source file:pins/vault.pin
    provision meter l4
    [ "$(value verdict)" = REFUSED ] || show
    burns_nothing
    role_says server token server
    role_says server pin-source file:pins/server.pin
    passes
}

# ---- the registry ----

@test "no registry" {
    mv "$T/registry.db" "$T/away.db"
    refused registry-missing 69
    [ ! -e "$T/registry.db" ]
    mv "$T/away.db" "$T/registry.db"
    passes
}

@test "the registry can't be written" {
    chmod 755 "$T" && chmod 711 "$T/l4" && chmod 644 "$T/fuseline.conf" "$T/l4.cfg" && chmod 444 "$T/registry.db"
    local before who=()
    # root may write anything: so it is somebody else who may not
    [ "$(id -u)" != 0 ] || who=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    before=$(sha256sum <"$T/registry.db")
    run --separate-stderr "${who[@]}" "$BUILD/fuseline" -C "$T" --json provision --product meter --slot l4 --burn
    verdict REFUSED registry-read-only 77
    burns_nothing
    [ "$(sha256sum <"$T/registry.db")" = "$before" ]
    chmod 600 "$T/registry.db"
    passes
}

@test "a registry of a newer fuseline, and a file that is none, are not touched" {
    local before
    cp "$T/registry.db" "$T/newer.db"
    sqlite3 "$T/newer.db" "INSERT INTO fuseline_schema (version, applied) VALUES (999, '2099-01-01T00:00:00.000Z')"
    head -c 8192 /dev/urandom >"$T/foreign.db"
    before=$(sha256sum "$T/newer.db" "$T/foreign.db")
    registry_is newer.db
    refused registry-newer 78
    registry_is foreign.db
    refused registry-foreign 78
    [ "$(sha256sum "$T/newer.db" "$T/foreign.db")" = "$before" ]
    registry_is registry.db
    passes
}

# ---- the disk ----

small_disk() { # small_disk COMMAND...: with a tmpfs of 1 MB at $T/small, which holds the registry; needs root, or user namespaces
    local how=(-m)
    [ "$(id -u)" = 0 ] || how=(-rm)
    mkdir -p "$T/small"
    # shellcheck disable=SC2016
    unshare "${how[@]}" true 2>/dev/null || how=(-m --propagation unchanged) # in a chroot, whose root is no mount point
    unshare "${how[@]}" bash -c 'mount -t tmpfs -o size=1m small "$1/small" && cp "$1/registry.db" "$1/small/" && dir=$1 && shift &&
        { "$@"; status=$?; umount "$dir/small"; exit $status; }' _ "$T" "$@" || { echo "no small disk, or: $*" && return 1; }
}

# Runs inside: provision with ever more room on the disk until it passes.  One line per try: KB free, verdict, code, exit, OTP pulses.
cat_tries() {
    cat <<'END'
set -u
cd "$T"
for ((free = 0; free <= 400; free += 8)); do
    rm -f small/fill
    room=$(($(stat -f -c '%a * %S / 1024' small) - free))
    [ $room -le 0 ] || head -c $((room * 1024)) /dev/zero >small/fill
    answer=$("$BUILD/fuseline" -C "$T" --json provision --product meter --slot l4 --burn 2>>said)
    pulses=$("$CTL" l4/control stats | tr ' ' '\n' | sed -n 's/^otp_pulses=//p')
    echo "$free $(sed 's/.*"verdict":"\([A-Z]*\)","code":"\([a-z-]*\)","exit":\([0-9]*\),.*/\1 \2 \3/' <<<"$answer") $pulses"
    [[ $answer != *PASS* ]] || break
done
cp small/registry.db after.db
END
}

@test "disk full: refused before the burn, at any fill level at which the records would not fit" {
    registry_is small/registry.db
    cat_tries >"$T/tries.sh"
    export CTL=$BATS_TEST_DIRNAME/ctl
    small_disk bash "$T/tries.sh" >"$T/tries" || { cat "$T/tries" "$T/said" && return 1; }
    cat "$T/tries"
    [ "$(grep -c ' REFUSED registry-disk-full 75 0$' "$T/tries")" -ge 3 ]
    grep -q ' PASS done 0 1[01]$' "$T/tries"
    # never anything else: no FAIL, no burned cell without its record
    [ -z "$(grep -v -E ' REFUSED registry-disk-full 75 0$| PASS done 0 1[01]$' "$T/tries")" ]
    registry_is after.db
    [ "$("$BUILD/fuseline" -C "$T" --json device list --state DONE | wc -l)" = 1 ]
}

@test "a disk that fills up during the burn: the records up to DONE have their room" {
    registry_is small/registry.db
    cat >"$T/late.sh" <<'END'
cd "$T"
"$BUILD/fuseline" -C "$T" --json provision --product meter --slot l4 --burn >late.out 2>late.err &
# full from the intent on
until "$BUILD/fuseline" -C "$T" --json device list | grep -q -E 'BURNING|VERIFIED'; do kill -0 $! || break; done
cat /dev/zero >small/fill 2>dd
[ "$(stat -f -c %a small)" = 0 ] && "$BUILD/fuseline" -C "$T" --json device list >during
wait $!
rc=$?
cp small/registry.db after.db
exit $rc
END
    ctl busy 5000 # so that there is a during
    small_disk bash "$T/late.sh" || { cat "$T/late.out" "$T/late.err" && return 1; }
    grep -q -E 'BURNING|VERIFIED' "$T/during" # it was in time
    grep -q '"verdict":"PASS","code":"done"' "$T/late.out"
    registry_is after.db
    [ "$("$BUILD/fuseline" -C "$T" --json device list --state DONE | wc -l)" = 1 ]
}
