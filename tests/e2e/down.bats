#!/usr/bin/env bats
# Application data on its way down: queued, through serve and relay to a board, which repeats in its next sample what it was told.

setup_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    line_make
    board_in a stm32l476
    product p stm32l476 --two-way
    mkdir "$T/firmware" # the firmware that has something to say every 10 ms
    cp "$BUILD/firmware/sealed-fast-$chip.elf" "$T/firmware/sealed-$chip.elf"
    printf '\n[firmware]\npath = firmware\n' >>"$T/fuseline.conf"
    "$BUILD/fuseline" -C "$T" --json provision --product p --slot a --burn >"$T/made"
    printf '\n[serve]\nlisten = 127.0.0.1:0\nmetrics = 0\n' >>"$T/fuseline.conf"
    printf 'TEST valve 17 on' >"$T/order" # 16 bytes, as a sample has
    printf 'TEST valve 18 on' >"$T/other"
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    end
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    cd "$T"
    at_slot a stm32l476
    serial=$(sed -n 's/.*"serial":"\([0-9a-f]*\)".*/\1/p' made)
    rm -rf buffer
    : >told
    server= phone=
    serve
}

teardown() {
    [ -z "$phone" ] || kill -KILL "$phone"
    stop
    registry 'DELETE FROM down_waiting'
}

serve() {
    : >served
    "$BUILD/fuseline" -C "$T" --json serve --self-signed >served 2>said 3>&- &
    server=$!
    local i
    for ((i = 0; i < 400; i++)); do
        [ ! -s served ] || break
        sleep 0.05
    done
    url=https://localhost:$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' served)
}

stop() { # cut off
    [ -z "$server" ] || { kill -KILL "$server" && wait "$server"; } 2>/dev/null || true
    server=
}

registry() {
    sqlite3 -cmd '.timeout 60000' "$T/registry.db" "$1"
}

queue() { # queue FILE [OPTION...]
    fl --json down send "$serial" --file "$@"
    succeeds
}

session() { # session COMMAND...: a board that starts, and a phone beside it, until that succeeds
    local i
    ctl power off >cycle
    drain
    ctl power on >cycle
    "$BUILD/fuseline" --json relay --url "$url" --cacert "$T/serve-cert.pem" --buffer "$T/buffer" --console "$board/usart" \
        >>told 2>phone.said 3>&- &
    phone=$!
    for ((i = 0; i < 300; i++)); do
        ! "$@" || break
        sleep 0.1
    done
    sleep 0.5 # it would obey twice by now
    ctl power off >cycle
    kill -TERM $phone && wait $phone || true
    phone=
}

repeated() { # repeated FILE: how often the board said what it was told
    grep -c "\"data\":\"$(od -An -v -tx1 "$1" | tr -d ' \n')\"" served || true
}

obeyed() { # obeyed N: so many orders
    [ $(($(repeated order) + $(repeated other))) -ge "$1" ]
}

heard() { # more than a few frames since the last order was queued
    [ "$(registry 'SELECT count(*) > 5 FROM frame WHERE received > (SELECT queued FROM down_waiting)')" = 1 ]
}

downs() { # DOWN frames that the phone was given
    grep -c '"event":"down","frame":"69' told || true
}

then_other() { # the board repeats the last order alone: the second one waits until the first was repeated
    obeyed 1 || return 1
    [ "$(registry 'SELECT count(*) FROM down_waiting')" != 0 ] || queue other --sessions 9
    [ "$(repeated other)" -ge 1 ]
}

sent() { # in how many sessions
    registry 'SELECT sent FROM down_waiting'
}

as_often_as_sessions() { # order once; other at most once in each session that there was: 255 samples are soon over
    [ "$(repeated order)" = 1 ] && [ "$(repeated other)" -le "$(sent)" ] && [ "$(downs)" -le $((1 + $(sent))) ] &&
        [ "$(sent)" -le "$(registry 'SELECT count(*) FROM frame WHERE ctr = 0')" ] ||
        { echo "$(repeated order) $(repeated other) $(downs) $(sent)" && cat phone.said && tail -n 3 served && false; }
}

@test "what is queued reaches the device, once a session, in no more sessions than it may" {
    queue order --sessions 1
    session then_other
    as_often_as_sessions
    fl audit list
    prints "reason=sent"
    session obeyed $((2 + $(repeated other)))
    as_often_as_sessions
    [ "$(repeated other)" -ge 2 ]
    [ -z "$(grep -l 'TEST valve' registry.db* told buffer/* 2>/dev/null)" ]
}

@test "an answer that is lost, and a server that is killed, cost a counter: it comes in the next session, under another key" {
    queue order --sessions 9
    frames_of 3 | head -n 3 >in
    ctl power off >cycle
    while read -r frame; do printf '%04x%s' $((${#frame} / 2)) "$frame"; done <in | xxd -r -p >body
    curl --silent --show-error --fail --cacert serve-cert.pem --header 'Content-Type: application/octet-stream' --data-binary @body \
        --output lost "$url/v1/frames"
    [ "$(stat -c %s lost)" = $((3 * 9 + 2 + 28)) ] # it was given out, to nobody
    [ "$(registry 'SELECT count(*) FROM down JOIN down_waiting USING (session)')" = 1 ]
    stop
    serve
    fl --json relay --url "$url" --cacert "$T/serve-cert.pem" --buffer "$T/buffer" --from in
    succeeds
    [ "$(grep -c '"status":"duplicate"' served)" = 3 ]
    [[ $output == *'"down":0,'* ]] || show
    session obeyed 1
    [ "$(sent)" -ge 2 ] && [ "$(repeated order)" -lt "$(sent)" ]
    [ "$(registry 'SELECT count(*) FROM down')" = "$(registry 'SELECT count(DISTINCT hex(session) || ctr) FROM down')" ]
}

@test "nothing goes down that was cancelled, or to a device that is quarantined" {
    queue order
    fl --json down cancel "$(value id)"
    succeeds
    queue other
    registry "UPDATE device SET state = 'QUARANTINED', reason = 'test' WHERE serial = '$serial'"
    session heard
    [ "$(repeated order) $(repeated other) $(downs)" = "0 0 0" ]
    heard
    [ "$(registry 'SELECT sent FROM down_waiting')" = 0 ]
    registry "UPDATE device SET state = 'DONE', reason = '' WHERE serial = '$serial'"
}
