#!/usr/bin/env bats
# rotate, rotate status, and the end of a fleet's key: by what the registry knows.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    source "$BATS_TEST_DIRNAME/fleet.bash"
    begin
    line
}

teardown() {
    end
}

fleet() { # fleet F SCHEME: with an authority, and a backup in scheme 2, and its first key
    ra=$(authority)
    backup=""
    [ "$2" != 2 ] || backup=$(authority --backup-ra)
    product "$1" "$2" 1 "$ra" "$backup"
    first_key "$1"
}

keys() { # keys F: how many keys of that fleet the server token has
    "$BUILD/fuseline" -C "$T" --json key list --role server | grep -c "\"label\":\"fleet/$1/"
}

@test "without --burn the plan: nothing is made; with it key, frame and events" {
    fleet 7 2
    fl rotate --fleet 7
    succeeds
    prints "plan" "epoch 1 -> 2, signed by ra"
    tells "give --burn" "--deadline"
    [ "$(keys 7)" = 1 ] && [ "$(registry 'SELECT count(*) FROM fleet_key')" = 1 ]
    fl --json rotate --fleet 7 --deadline 30 --burn
    succeeds
    prints '"fleet":7' '"from":1' '"epoch":2' '"label":"fleet/7/2"' '"signer":"ra"' '"result":"rotated"' '"deadline":"20'
    local x rotate
    x=$(json public) rotate=$(json rotate)
    [[ $rotate == 8002$x* ]] && [ "${#rotate}" = 196 ]
    [ "$(registry "SELECT lower(hex(rotate)) FROM fleet_key WHERE epoch = 2 AND state = 'ACTIVE' AND signer = 0")" = "$rotate" ]
    [ "$(registry 'SELECT state FROM fleet_key WHERE epoch = 1')" = PREVIOUS ]
    fl --json key show fleet/7/2
    prints "\"public\":\"$x\"" '"epoch":"ACTIVE"'
    [[ $(json made) == 20* ]]
    fl key list --role server
    prints "  PREVIOUS" "  ACTIVE"
    fl audit list
    prints "fleet.key-added" "fleet/7/2=$x"
    [ "$(ls "$T"/tokens/*/*.object | wc -l)" = "$(ls "$T"/keep/*/*.object | wc -l)" ]
}

@test "key rotate: the same by the label of the key to leave; repeated it does nothing; other keys have no next one" {
    fleet 7 2
    fl key rotate fleet/7/1
    succeeds
    prints "plan" "epoch 1 -> 2, signed by ra"
    fl --json key rotate fleet/7/1 --burn
    prints '"epoch":2' '"result":"rotated"'
    fl --json key rotate fleet/7/1 --burn
    prints '"epoch":2' '"result":"kept"'
    [ "$(keys 7)" = 2 ]
    local label
    for label in ra kek fleet/7 fleet/7/1x fleet/x/1 fleet//1 tls/web rsa/7/1; do
        fl --json key rotate $label --burn
        refuses 64 no-key-rotation "'$label'"
    done
    [ "$(keys 7)" = 2 ]
}

@test "of a one-way product it is told that no device will hear" {
    fleet 7 2
    fl rotate --fleet 7
    [[ $stderr != *one-way* ]] || show
    fl --json rotate --fleet 7
    prints '"one_way":false,"result":"plan"'
    registry "UPDATE product SET policy = policy | 1"
    fl rotate --fleet 7
    succeeds
    tells "the product is one-way"
    fl --json rotate --fleet 7 --burn
    succeeds
    prints '"one_way":true,"result":"rotated"'
}

@test "the frame is what a second implementation verifies under the authority's x, and not under the backup's" {
    fleet 7 2
    fl --json rotate --fleet 7 --burn
    succeeds
    python3 - "$ra" "$backup" "$(json rotate)" >"$T/verify" <<'PYTHON'
import hashlib, sys
p = 2**256 - 2**224 + 2**192 + 2**96 - 1
n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
def add(P, Q):
    if P is None or Q is None: return P or Q
    if P[0] == Q[0] and (P[1] + Q[1]) % p == 0: return None
    l = ((3 * P[0]**2 - 3) * pow(2 * P[1], -1, p) if P == Q else (Q[1] - P[1]) * pow(Q[0] - P[0], -1, p)) % p
    x = (l * l - P[0] - Q[0]) % p
    return x, (l * (P[0] - x) - P[1]) % p
def mul(k, P):
    R = None
    while k:
        if k & 1: R = add(R, P)
        P, k = add(P, P), k >> 1
    return R
def even(x):
    y = pow(x**3 - 3 * x + b, (p + 1) // 4, p)
    return x, y if y % 2 == 0 else p - y
f = bytes.fromhex(sys.argv[3])
payload = b"\xa2\x01" + f[1:2] + b"\x02\xa4\x01\x02\x20\x01\x21\x58\x20" + f[2:34] + b"\x22\xf4"
tbs = b"\x84\x6aSignature1\x43\xa1\x01\x28\x4efl1 rotate" + bytes([0, 1, 0, 7]) + b"\x58" + bytes([len(payload)]) + payload
z, r, s = (int.from_bytes(v, "big") for v in (hashlib.sha256(tbs).digest(), f[34:66], f[66:98]))
for x in sys.argv[1:3]:
    w = pow(s, -1, n)
    print(add(mul(z * w % n, G), mul(r * w % n, even(int(x, 16))))[0] % n == r)
PYTHON
    [ "$(tr '\n' ' ' <"$T/verify")" = "True False " ]
}

@test "a key that was made and not recorded is taken up; no epoch has two keys" {
    fleet 7 3
    fl --json key new --fleet 7 --epoch 2
    local x
    x=$(json public)
    fl rotate --fleet 7
    tells "fleet/7/2 is there and not recorded"
    fl --json rotate --fleet 7 --burn
    succeeds
    prints "\"public\":\"$x\"" '"epoch":2'
    [ "$(keys 7)" = 2 ]
    fl audit list
    [ "$(grep -c "fleet/7/2=$x" <<<"$output")" = 1 ]
}

@test "an epoch whose key was destroyed before it was recorded is never used" {
    fleet 7 3
    fl --json key new --fleet 7 --epoch 5
    fl --json key retire fleet/7/5 --burn --force --reason "made by mistake"
    succeeds
    fl --json rotate --fleet 7 --burn
    succeeds
    prints '"from":1,"epoch":6'
}

@test "--epoch makes it repeatable: done is kept, another number is refused" {
    fleet 7 3
    fl --json rotate --fleet 7 --epoch 3 --burn
    refuses 80 epoch-not-next "next epoch is 2"
    fl --json rotate --fleet 7 --epoch 2 --burn
    succeeds
    prints '"result":"rotated"'
    local frame
    frame=$(json rotate)
    fl --json rotate --fleet 7 --epoch 2 --burn
    succeeds
    prints '"result":"kept"' "$frame"
    [ "$(keys 7)" = 2 ]
}

@test "the backup authority ends the first one's word; elsewhere than in sealed-fleet there is none" {
    fleet 7 2
    fl rotate --fleet 7 --backup-ra
    tells "ends the first one's"
    fl --json rotate --fleet 7 --backup-ra --burn
    succeeds
    prints '"signer":"ra-backup"'
    [[ $(json rotate) == 8102* ]]
    fl --json rotate --fleet 7 --burn
    refuses 80 ra-revoked "fleet 7"
    fl --json rotate --fleet 7 --backup-ra --burn
    succeeds
    prints '"epoch":3'
    product 8 3 1 "$ra"
    first_key 8
    fl --json rotate --fleet 8 --backup-ra --burn
    refuses 80 no-authority "identity"
}

@test "refused before anything is made: no such fleet, a scheme that has none, RSA, another authority, no epoch left, no vault" {
    fleet 7 2
    fl --json rotate --fleet 9 --burn
    [ "$status" = 66 ] || show
    product 9 5 1
    fl --json rotate --fleet 9 --burn
    refuses 80 no-rotation "derived"
    product 10 6 16 "$ra"
    fl --json rotate --fleet 10 --burn
    refuses 80 no-rotation "fleet 10: scheme session-rsa"
    product 11 3 1 "$(printf 'ab%.0s' {1..32})"
    first_key 11
    fl --json rotate --fleet 11 --burn
    refuses 80 ra-other "fleet 11"
    product 12 8 1 "$ra"
    fl --json rotate --fleet 12 --burn
    refuses 66 fleet-key-unknown "fleet 12"
    registry "UPDATE fleet_key SET epoch = 255 WHERE fleet = 7"
    fl --json rotate --fleet 7 --burn
    refuses 1 epochs-used-up "fleet 7"
    rm "$T/pins/vault.pin"
    fl --json rotate --fleet 7 --burn
    refuses 77 pin-source
    [ "$(keys 7)" = 1 ] && [ "$(keys 11)" = 1 ]
}

@test "misuse: 64" {
    local bad
    fl --json rotate
    refuses 64 missing-option fleet
    fl --json rotate status
    refuses 64 missing-option fleet
    for bad in "--fleet 0" "--fleet 65536" "--fleet 7 --epoch 0" "--fleet 7 --deadline x" "--fleet 7 --deadline 36501"; do
        fl --json rotate $bad
        refuses 64 bad-number
    done
    fl --json rotate --fleet 7 now
    refuses 64 unexpected-operand now
}

@test "status: who answered is known where first frames are signed" {
    fleet 7 3
    device 7 1
    device 7 2
    device 7 3
    fl --json rotate --fleet 7 --deadline 30 --burn
    heard 7 1 2
    heard 7 2 1
    fl --json rotate status --fleet 7
    succeeds
    prints '"epoch":2' '"known":true' '"devices":3' '"answered":1' '"behind":2' '"silent":1' '"claimed":null' \
        '"deadline":"20' '"deadline_passed":false' '{"epoch":1,"state":"PREVIOUS"' '"devices":1'
    fl rotate status --fleet 7
    prints "1 of 3 devices have answered" "1 were never heard" "may go from 20"
    fl --json status "$(serial_of 7 1)"
    prints '"epoch":2' '"epoch_is":"acknowledged"' '"generation":null'
    fl device show "$(serial_of 7 1)"
    prints "epoch 2 acknowledged"
}

@test "status: in sealed-fleet only claims, in session not even these" {
    fleet 7 2
    device 7 1
    fl --json rotate --fleet 7 --burn
    heard 7 1 2
    fl --json rotate status --fleet 7
    prints '"known":false' '"answered":null' '"claimed":1'
    fl rotate status --fleet 7
    prints "can't be known" "claimed" "by force alone"
    fl status "$(serial_of 7 1)"
    prints "epoch 2 claimed"
    product 8 6 1 "$ra"
    first_key 8
    device 8 1
    fl --json rotate status --fleet 8
    prints '"known":false' '"claimed":null' '"devices":1'
    fl rotate status --fleet 8
    prints "no frame says whose it is"
}

@test "retire: refused while ACTIVE, and while a device has not acknowledged a later key; then destroyed" {
    fleet 7 8
    device 7 1
    device 7 2
    device 7 3 QUARANTINED
    fl --json key retire fleet/7/1 --burn
    refuses 80 key-needed ACTIVE
    fl --json rotate --fleet 7 --burn
    heard 7 1 2
    fl --json key retire fleet/7/1 --burn
    refuses 80 key-needed "1 device has not acknowledged"
    heard 7 2 2
    fl --json key retire fleet/7/1
    succeeds
    prints '"result":"plan"' '"unreached":null'
    local before
    before=$(ls "$T"/keep/*/*.object | wc -l)
    fl --json key retire fleet/7/1 --burn
    succeeds
    prints '"result":"destroyed"' '"unreached":"backups'
    [ "$(keys 7)" = 1 ] && [ "$(ls "$T"/keep/*/*.object | wc -l)" = $((before - 2)) ]
    [ "$(registry 'SELECT state FROM fleet_key WHERE epoch = 1')" = DESTROYED ]
    fl audit list
    prints "key.retiring" "fleet.key-retired" "fleet.key-destroyed" "key.retired"
    fl --json key retire fleet/7/1 --burn
    succeeds
    prints '"result":"gone"'
    fl --json rotate status --fleet 7
    prints '"state":"DESTROYED"'
    fl --json rotate --fleet 7 --burn
    prints '"epoch":3'
}

@test "retire: a board on its way counts; where nobody can know, only the deadline helps" {
    fleet 7 2
    device 7 1 LOCKED
    fl --json rotate --fleet 7 --deadline 1 --burn
    heard 7 1 2
    fl --json key retire fleet/7/1 --burn
    refuses 80 key-needed "nobody can know"
    registry "UPDATE fleet_key SET deadline = '2020-01-01T00:00:00.000Z' WHERE epoch = 2"
    fl key retire fleet/7/1 --burn
    succeeds
    prints "destroyed"
    tells "nobody can know" "not reached: backups"
    fl --json key retire fleet/7/2 --burn --force --reason "the fleet's end"
    succeeds
    [ "$(registry "SELECT count(*) FROM fleet_key WHERE state = 'DESTROYED'")" = 2 ]
    [ "$(keys 7)" = 0 ]
}
