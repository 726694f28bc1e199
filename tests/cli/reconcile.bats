#!/usr/bin/env bats
# reconcile: each difference between rows, events, keys, images, frames and a board is listed by its serial; nothing changes.

setup_file() { # two devices, one with frames
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line stm32l476 --psk
    burn_board
    json serial >"$T/serial"
    capture 2
    "$BUILD/fuseline" -C "$T" open "$T/raw" >"$T/opened"
    cp "$T/registry.db" "$T/good.db"
    export LINE_DIR=$T
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/line.bash"
    T=$LINE_DIR
    end
}

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    T=$LINE_DIR
    board=$T/board
    chip_facts stm32l476
    cd "$T"
    serial=$(cat serial)
    cp good.db registry.db
}

reconcile() { # reconcile [OPTION...]: changes no byte
    local before
    before=$(sha256sum registry.db registry.mark)
    fl --json reconcile "$@"
    [ "$(sha256sum registry.db registry.mark)" = "$before" ]
}

sql() {
    sqlite3 registry.db "$1"
}

finds() { # finds N KIND SERIAL: N differences, the first of that kind and of that device
    [ "$status" = 1 ] || show
    [[ ${lines[0]} == '{"serial":'"$3"',"kind":"'"$2"'","is":"'*'","should":"'*'","action":"'?*'"}' ]] || show
    [[ ${lines[-1]} == *'"differences":'"$1"'}' ]] || show
    [ "${#lines[@]}" = $(($1 + 1)) ] || show
}

@test "no difference: 0, and a sum" {
    reconcile --slot a
    succeeds
    [[ $output =~ ^'{"devices":1,"events":'[0-9]+',"frames":2,"keys":2,"differences":0}'$ ]] || show
    reconcile --keys 0
    succeeds
    prints '"keys":0'
    reconcile --keys 1
    prints '"keys":2'
    fl reconcile
    succeeds
    [ -z "$output" ]
    tells "1 devices" "0 differences"
}

@test "a row that the events tell otherwise: state, UID, product, reason, digest" {
    sql "UPDATE device SET state = 'LOCKED'"
    reconcile
    finds 1 row-state "\"$serial\""
    prints '"is":"LOCKED","should":"DONE"'
    cp good.db registry.db
    sql "UPDATE device SET uid = '0123456789abcdef01234567'"
    reconcile
    finds 1 row-uid "\"$serial\""
    cp good.db registry.db
    sql "UPDATE device SET reason = 'board-torn'"
    reconcile
    finds 1 row-reason "\"$serial\""
    cp good.db registry.db
    sql "UPDATE device SET image_sha256 = randomblob(32)"
    reconcile
    finds 1 image-digest "\"$serial\""
    fl reconcile
    prints "$serial  image-digest" "restore the newest copy"
}

@test "the image and the row: a field, the whole of it" {
    sql "UPDATE device SET day = day + 1"
    reconcile
    finds 1 image-field "\"$serial\""
    prints '"is":"day '
    cp good.db registry.db
    sql "UPDATE device SET station = 9"
    reconcile
    finds 1 image-field "\"$serial\""
    cp good.db registry.db
    sql "UPDATE device SET image = NULL"
    reconcile
    [ "$status" = 1 ] || show
    prints '"kind":"image-presence","is":"no image","should":"an image"'
}

@test "the log: a gap, other bytes, another hash, a step left out, a device without a row" {
    sql "DELETE FROM event WHERE n = 3"
    reconcile
    [ "$status" = 1 ] || show
    prints '"kind":"event-gap","is":"event 4","should":"event 3"' '"kind":"event-step"'
    cp good.db registry.db
    sql "UPDATE event SET canonical = replace(canonical, '\"at\":\"20', '\"at\":\"19') WHERE n = 4"
    reconcile
    finds 1 event-hash "\"$serial\""
    cp good.db registry.db
    sql "UPDATE event SET canonical = canonical || ' ' WHERE n = 4"
    reconcile
    [ "$status" = 1 ] || show
    prints '"kind":"event-bytes"' '"kind":"event-hash"'
    cp good.db registry.db
    sql "UPDATE event SET leaf_hash = randomblob(32) WHERE n = 4"
    reconcile
    [ "$status" = 1 ] || show
    prints '"kind":"event-hash"'
    cp good.db registry.db
    sql "PRAGMA foreign_keys = OFF; DELETE FROM device"
    reconcile --keys 0
    [ "$status" = 1 ] || show
    prints '"kind":"row-missing","is":"no row","should":"DONE"'
}

@test "keys: one gone, another digest, a blob that does not unwrap, two that changed places" {
    sql "DELETE FROM wrapped_key WHERE role = 'psk'"
    reconcile
    finds 1 key-count "\"$serial\""
    cp good.db registry.db
    sql "UPDATE wrapped_key SET digest = randomblob(32) WHERE role = 'server'"
    reconcile
    finds 2 key-digest "\"$serial\""
    prints '"kind":"key-value"'
    cp good.db registry.db
    sql "UPDATE wrapped_key SET blob = zeroblob(length(blob))"
    reconcile
    finds 2 key-unwrap "\"$serial\""
    cp good.db registry.db
    sql "UPDATE wrapped_key SET kek_kcv = x'000000'"
    reconcile
    finds 2 key-kek "\"$serial\""
}

@test "frames: other bytes; of a device that never was done" {
    sql "UPDATE frame SET frame = CAST(x'00' || frame AS BLOB) WHERE n = 0"
    reconcile
    finds 1 frame-hash "\"$serial\""
    cp good.db registry.db
    sql "DELETE FROM event WHERE canonical LIKE '%device.done%'; UPDATE device SET state = 'LOCKED'"
    reconcile
    [ "$status" = 1 ] || show
    prints '"kind":"frame-device"'
}

@test "the board: unknown, cut, and one that holds something else" {
    ctl new
    reconcile --slot a
    finds 1 board-unknown null
    ctl cut otp 5 none
    provision --burn
    [ "$status" = 81 ] || show
    local cut
    cut=$(json serial)
    ctl power on
    ctl stats clear
    reconcile --slot a
    finds 1 board-unfinished "\"$cut\""
    prints '"is":"BURNING","should":"DONE"' "recover"
    burns_nothing
    ctl remove
    reconcile --slot a
    [ "$status" = 69 ] || show
    ctl insert
}
