#!/usr/bin/env bats
# down: application data for a device is queued, wrapped; listed; taken back.  tests/e2e/down.bats sends it.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    source "$BATS_TEST_DIRNAME/fleet.bash"
    begin
    line
    product 7 4 1
    device 7 1
    device 7 2 LOCKED
    first=$(serial_of 7 1)
    printf 'TEST open valve 17' >"$T/order"
}

teardown() {
    end
}

waiting() {
    registry 'SELECT count(*) FROM down_waiting'
}

@test "what is queued waits wrapped, is listed, and can be taken back; two that come at once make one key" {
    "$BUILD/fuseline" -C "$T" down send "$first" --file "$T/order" >"$T/other" 2>&1 3>&- &
    fl --json down send "$first" --file "$T/order"
    wait $! || { cat "$T/other" && false; }
    succeeds
    [ "$(waiting)" = 2 ]
    registry "DELETE FROM down_waiting WHERE id <> $(json id)"
    id=$(json id)
    [ "$output" = "{\"id\":$id,\"serial\":\"$first\",\"product\":\"f7\",\"bytes\":18,\"sessions\":3}" ] || show
    [ "$(registry 'SELECT length(payload) FROM down_waiting')" = 67 ]
    [ -z "$(grep -rl 'open valve' "$T"/registry.db* "$T/tokens" "$T/fuseline.conf")" ]
    fl_in "$T/order" down send "$first" --file - --sessions 1
    succeeds
    prints "waits for $first: 18 bytes"
    [[ $stderr == *"goes down when"* && $stderr != *anyone* ]] || show
    fl key list --role server
    [ "$(grep -c ' down  *master ' <<<"$output")" = 1 ] || show
    fl audit list
    [ "$(grep -c 'keys.made .*down=' <<<"$output")" = 1 ] || show
    [ "$(registry 'SELECT count(DISTINCT substr(payload, 2, 32)) FROM down_waiting')" = 2 ]

    fl --json down list "$first"
    succeeds
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[0]} == "{\"id\":$id,\"serial\":\"$first\",\"bytes\":18,\"queued\":\"20"*"\",\"sent\":0,\"sessions\":3}" ]] || show
    fl down list
    prints "$first" "0 of 3" "0 of 1"
    fl --json status "$first"
    succeeds
    [[ $output == *',"down_waiting":2}' ]] || show
    fl status "$first"
    [[ ${#lines[@]} == 1 && $output == *"  messages waiting: 2" ]] || show
    fl --json status "$(serial_of 7 2)"
    [[ $output == *',"down_waiting":0}' ]] || show
    fl status "$(serial_of 7 2)"
    [[ $output != *waiting* ]] || show
    fl --json down cancel "$id"
    succeeds
    prints "{\"id\":$id,\"serial\":\"$first\"," '"sent":0'
    [ "$(waiting)" = 1 ]
    fl --json down cancel "$id"
    refuses 66 down-unknown "$id"
    fl audit list
    prints "down.queued" "reason=cancelled"
}

@test "refused, and nothing is queued: who can hear nothing, who is not DONE, what is no message" {
    registry "UPDATE product SET policy = 9 WHERE name = 'f7'"
    fl --json down send "$first" --file "$T/order"
    refuses 80 no-down "one-way"
    registry "UPDATE product SET policy = 8 WHERE name = 'f7'"
    product 8 6 1
    device 8 1
    fl --json down send "$(serial_of 8 1)" --file "$T/order"
    refuses 80 no-down "f8"
    fl --json down send "$(serial_of 7 2)" --file "$T/order"
    refuses 80 down-state LOCKED
    registry "UPDATE device SET state = 'QUARANTINED', reason = 'clone' WHERE serial = '$first'"
    fl --json down send "$first" --file "$T/order"
    refuses 80 down-state QUARANTINED
    registry "UPDATE device SET state = 'DONE', reason = '' WHERE serial = '$first'"
    fl --json down send "$(serial_of 7 9)" --file "$T/order"
    refuses 66 device-unknown
    fl --json down send 1234 --file "$T/order"
    refuses 64 bad-serial
    head -c 513 /dev/zero >"$T/long"
    fl --json down send "$first" --file "$T/long"
    refuses 65 input-size "1 to 512 bytes"
    fl --json down send "$first" --file /dev/null
    refuses 65 input-size
    fl --json down send "$first" --file "$T/none"
    refuses 66 input-missing
    fl --json down send "$first" --file "$T/order" --sessions 0
    refuses 64 bad-number "1..255"
    fl --json down send "$first" --file "$T/order" --sessions 256
    refuses 64 bad-number
    fl --json down list "$(serial_of 7 9)"
    refuses 66 device-unknown
    [ "$(waiting)" = 0 ]

    product 9 2 1
    device 9 1
    fl down send "$(serial_of 9 1)" --file "$T/order"
    succeeds
    [[ $stderr == *"anyone who knows the device's public key"* ]] || show # that is said, not refused
    head -c 512 /dev/zero >"$T/long"
    fl --json down send "$first" --file "$T/long"
    succeeds
    registry "INSERT INTO down_waiting (id, serial, payload, queued) WITH RECURSIVE i (n) AS (SELECT 1000 UNION ALL
        SELECT n + 1 FROM i LIMIT 15) SELECT n, '$first', zeroblob(60), '$(now)' FROM i"
    fl --json down send "$first" --file "$T/order"
    refuses 1 down-full
}
