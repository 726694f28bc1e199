#!/usr/bin/env bats
# rekey: the next generation of a derived device is announced once, with a salt of its own.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    source "$BATS_TEST_DIRNAME/fleet.bash"
    begin
    line
    product 7 5 1
    device 7 1
    device 7 2
    device 7 3 LOCKED
    first=$(serial_of 7 1)
    second=$(serial_of 7 2)
}

teardown() {
    end
}

@test "without --burn the plan; with it each device gets a fresh salt, once" {
    fl --json rekey "$first" "$second"
    succeeds
    [ "${#lines[@]}" = 2 ]
    prints "{\"serial\":\"$first\",\"product\":\"f7\",\"one_way\":false,\"generation\":0,\"pending\":null,\"result\":\"plan\"}"
    [ "$(registry 'SELECT count(*) FROM generation')" = 0 ]
    fl --json rekey "$first" "$second" --burn
    succeeds
    [ "$(grep -c '"generation":0,"pending":1,"result":"begun"' <<<"$output")" = 2 ]
    [ "$(registry "SELECT count(DISTINCT pending_salt) FROM generation WHERE pending_salt <> zeroblob(16)")" = 2 ]
    registry "SELECT hex(pending_salt) FROM generation ORDER BY serial" >"$T/salts"
    fl --json rekey "$first" --burn
    succeeds
    prints '"pending":1,"result":"pending"'
    registry "SELECT hex(pending_salt) FROM generation ORDER BY serial" | diff "$T/salts" -
    fl audit list
    [ "$(grep -c "device.rekey " <<<"$output")" = 2 ] || show
}

@test "of a one-way product it is told that nobody will hear" {
    fl rekey "$first"
    [[ $stderr != *one-way* ]] || show
    registry "UPDATE product SET policy = policy | 1"
    fl rekey "$first" "$second"
    succeeds
    tells "2 of them are one-way"
    fl --json rekey "$first" --burn
    succeeds
    prints '"one_way":true,' '"result":"begun"'
}

@test "show and status tell the generation; after it was confirmed the next one may be announced" {
    fl --json status "$first"
    prints '"generation":0,"pending":null,"epoch":null,"epoch_is":null,"heard":null'
    fl rekey "$first" --burn
    succeeds
    prints "$first  begun" "generation 0 -> 1"
    fl status "$first"
    prints "generation 0, 1 pending"
    fl --json device show "$first"
    prints '"generation":0,"pending":1'
    registry "UPDATE generation SET gen = 1, salt = pending_salt, pending = NULL, pending_salt = NULL"
    fl device show "$first"
    prints "keys      generation 1"
    fl --json rekey "$first" --burn
    prints '"generation":1,"pending":2,"result":"begun"'
}

@test "--product takes all that are DONE; one that has used its generations up does not keep the others from theirs" {
    registry "INSERT INTO generation (serial, gen, salt) VALUES ('$first', 255, zeroblob(16))"
    fl --json rekey --product f7 --burn
    [ "$status" = 1 ] || show
    prints '"name":"generations-used-up"' "{\"serial\":\"$second\"" '"result":"begun"'
    [ "${#lines[@]}" = 2 ]
    [ "$(registry 'SELECT count(*) FROM generation WHERE pending IS NOT NULL')" = 1 ]
}

@test "refused before anything is announced: another scheme, not DONE, unknown, nobody" {
    product 8 1 1
    device 8 1
    fl --json rekey "$first" "$(serial_of 8 1)" --burn
    refuses 80 no-rekey "f8"
    fl --json rekey --product f8 --burn
    refuses 80 no-rekey "f8"
    fl --json rekey "$first" "$(serial_of 7 3)" --burn
    refuses 80 rekey-state LOCKED
    fl --json rekey "$first" "$(serial_of 7 9)" --burn
    refuses 66 device-unknown
    fl --json rekey "$first" --product f7 --burn
    refuses 64 rekey-choice
    fl --json rekey --burn
    refuses 64 rekey-choice
    fl --json rekey 1234 --burn
    refuses 64 bad-serial 1234
    [ "$(registry 'SELECT count(*) FROM generation')" = 0 ]
}
