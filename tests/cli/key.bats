#!/usr/bin/env bats
# key list, show, new, retire: fleets' keys and rotation authorities, made once and ended once.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
}

teardown() {
    end
}

objects() { # objects FOLDER: how many key files its tokens have
    ls "$T/$1"/*/*.object | grep -vc /token.object
}

@test "new --fleet makes the key once, and says the same x again" {
    local x
    fl --json key new --fleet 7
    succeeds
    prints '"label":"fleet/7/1"' '"role":"server"' '"kind":"fleet"' '"state":"whole"' '"result":"made"'
    x=$(json public)
    [[ $x =~ ^[0-9a-f]{64}$ ]]
    fl --json key new --fleet 7
    succeeds
    prints '"result":"kept"' "$x"
    fl key new --fleet 7 --epoch 255
    succeeds
    prints "made" "fleet/7/255" "in server"
    fl --json key show fleet/7/1
    [ "$(json public)" = "$x" ]
    [[ $(json made) == 20* ]]
    fl audit list
    [ "$(grep -c "fleet/7/1=$x" <<<"$output")" = 1 ]
    [ "$(objects tokens)" = "$(objects keep)" ]
}

@test "new --suite 2 makes an X25519 key; the other suite of that epoch is refused" {
    fl --json key new --fleet 8 --suite 2
    succeeds
    prints '"kind":"fleet-x25519"'
    fl --json key new --fleet 8
    refuses 80 hsm-key-wrong "fleet/8/1"
}

@test "new --ra and --backup-ra go to the vault" {
    fl --json key new --ra
    succeeds
    prints '"label":"ra"' '"role":"vault"' '"kind":"ra"'
    fl --json key new --backup-ra
    succeeds
    prints '"label":"ra-backup"' '"role":"vault"'
    fl --json key list --role vault
    succeeds
    [ "${#lines[@]}" = 2 ]
}

@test "new --rsa prints the digest that devices have" {
    fl --json key new --rsa 9
    succeeds
    prints '"label":"rsa/9/1"' '"kind":"rsa"'
    [[ $(json public) =~ ^$(json kcv)[0-9a-f]{58}$ ]]
}

@test "list shows every token's keys, and no secret" {
    fl key new --fleet 7
    fl key list
    succeeds
    prints "line    kek " "server  master/1" "a copy" "log     checkpoint" "fleet/7/1"
    fl --json key list
    [ "${#lines[@]}" = 8 ]
    [ "$(grep -c '"label":"kek-secret","role":"[a-z]*","kind":"kek-secret"' <<<"$output")" = 2 ]
    fl --json key list --role server
    [ "${#lines[@]}" = 4 ]
}

@test "a token that can't be had does not hide the others" {
    rm "$T/pins/vault.pin"
    fl --json key list
    refuses 77 pin-source vault
    prints '"label":"checkpoint"'
    fl --json key list --role vault
    refuses 77 pin-source
}

@test "retire refuses without the registry's answer; forced, it needs a reason and --burn" {
    fl key new --fleet 7
    fl --json key retire fleet/7/1 --burn
    refuses 80 key-needed "fleet/7/1"
    fl --json key retire fleet/7/1 --burn --force
    refuses 64 force-reason
    fl --json key retire fleet/7/1 --force --reason "a test"
    succeeds
    prints '"result":"plan"'
    fl --json key show fleet/7/1
    succeeds
    local before
    before=$(objects keep)
    fl --json key retire fleet/7/1 --force --reason "a test" --burn
    succeeds
    prints '"result":"destroyed"'
    [ "$(objects keep)" = $((before - 2)) ] && [ "$(objects tokens)" = $((before - 2)) ]
    fl --json key show fleet/7/1
    refuses 69 hsm-key-missing
    fl audit list
    prints "key.retiring" "forced=yes label=fleet/7/1 reason=a test" "key.retired"
    fl --json key retire fleet/7/1
    succeeds
    prints '"result":"gone"'
    fl --json key new --fleet 7
    refuses 80 key-retired "fleet/7/1"
}

@test "retire: what never ends, what is not there, what is no key" {
    fl --json key retire kek --burn --force --reason x
    refuses 80 hsm-key-kept kek
    fl --json key retire fleet/7/1 --burn --force --reason x
    refuses 69 hsm-key-missing "fleet/7/1"
    fl --json key retire ra --burn --force --reason $'two\nlines'
    refuses 64 bad-reason
}

@test "a rotation authority may come again after its end, and its next end is asked for again" {
    fl --json key new --ra
    fl --json key retire ra --burn --force --reason x
    succeeds
    fl --json key new --ra
    succeeds
    prints '"result":"made"'
    fl --json key retire ra --burn
    refuses 80 key-needed
}

@test "misuse: 64" {
    fl --json key new
    refuses 64 key-choice
    fl --json key new --ra --rsa 1
    refuses 64 key-choice
    fl --json key new --ra --epoch 2
    refuses 64 key-choice
    fl --json key new --rsa 1 --suite 2
    refuses 64 key-choice
    fl --json key new --tls web --epoch 2
    refuses 64 key-choice
    fl --json key new --tls "a/b"
    refuses 64 key-choice
    fl --json key new --tls abcdefghijklmnopqrstuvwxyz012
    refuses 64 key-choice
    local bad
    for bad in "--fleet 0" "--fleet 65536" "--fleet 1 --epoch 256" "--fleet 1 --epoch 0" "--fleet 1 --suite 3" "--fleet x"; do
        fl --json key new $bad
        refuses 64 bad-number
    done
    fl --json key list --role nobody
    refuses 64 unknown-role nobody
}

lose() { # lose CLASS: the newest object file of that CKA_CLASS (2 public, 3 private key), and its kept copy: a power cut
    local f
    for f in $(ls -t "$T"/tokens/*/*.object); do
        [ "$(od -An -tu1 -j31 -N1 "$f" | tr -d ' ')" = "$1" ] || continue # SoftHSM2 writes it first, in clear
        rm -f "$f" "${f/tokens/keep}"
        return 0
    done
    return 1
}

@test "a power cut took the public half of a fleet's key: it is the same key, in every command" {
    local suite x
    for suite in 1 2; do
        fl --json key new --fleet "$suite" --suite "$suite"
        x=$(json public)
        lose 2
        fl --json key list --role server
        succeeds
        prints "\"label\":\"fleet/$suite/1\"" '"state":"whole"' "\"public\":\"$x\""
        fl --json key new --fleet "$suite" --suite "$suite"
        succeeds
        prints '"result":"kept"' "$x"
    done
    fl audit list
    [ "$(grep -c "fleet/./1=" <<<"$output")" = 2 ] || show
    fl --json recover
    succeeds
}

@test "the private half of a key that the log knows is gone: no other key takes its name" {
    local before
    fl --json key new --fleet 7
    lose 3
    before=$(objects tokens)
    fl --json key new --fleet 7
    refuses 69 key-lost "fleet/7/1" "keep/"
    [ "$(objects tokens)" = "$before" ]
    fl audit list
    [ "$(grep -c "fleet/7/1=" <<<"$output")" = 1 ] || show
    fl --json key new --fleet 7 --epoch 2
    succeeds
    fl --json key new --ra
    lose 3
    fl --json key new --ra
    refuses 69 key-lost "'ra'"
}

@test "doctor knows the fleets' keys: all there, without a public half, without a private one" {
    fl --json doctor
    [[ $output != *'"fleet keys"'* ]]
    fl --json key new --ra
    fl --json key new --backup-ra
    fl --json product add p --chip stm32l476 --scheme sealed-fleet --lock 0
    succeeds
    fl --json doctor
    prints '"check":"fleet keys","slot":null,"status":"ok","detail":"1, all in the server token"'
    lose 2
    fl --json doctor
    prints '"check":"fleet keys","slot":null,"status":"ok"'
    lose 3
    fl --json doctor
    prints '"check":"fleet keys","slot":null,"status":"fail"' '"name":"key-lost"' "fleet/1/1"
}

@test "nothing is recorded of a key before its files are synced and kept: new, product add" {
    local d
    fl --json key new --ra
    fl --json key new --backup-ra
    for d in "$T"/keep/*/; do mkdir "$d.fuseline-new"; done # nothing can be kept
    fl --json key new --fleet 7
    refuses 73 hsm-init keep
    fl --json product add p --chip stm32l476 --scheme sealed-fleet --lock 0
    refuses 73 hsm-init keep
    fl audit list
    [[ $output != *fleet* ]] || show
    fl --json product list
    [ -z "$output" ] || show
    for d in "$T"/keep/*/; do rmdir "$d.fuseline-new"; done
    lose 2
    fl --json product add p --chip stm32l476 --scheme sealed-fleet --lock 0 # with the key that is there
    succeeds
    fl --json key list --role server
    [[ $(grep '"fleet/1/1"' <<<"$output") == *'"state":"whole"'*'"epoch":"ACTIVE"'* ]] || show
    fl --json key new --fleet 7
    prints '"result":"kept"'
}
