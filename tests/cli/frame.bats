#!/usr/bin/env bats
# frame expand: a frame as the COSE_Encrypt0 that it stands for.  No key, no configuration.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
    open=20$(printf '%016x' 0x1122334455667788)$(printf 'ab%.0s' {1..32})$(printf 'cd%.0s' {1..20})
}

teardown() {
    end
}

@test "DATA: protected header, kid, Partial IV, ciphertext" {
    fl --json frame expand 4901020511121314aabbccddeeff0011
    succeeds
    [ "$output" = '{"frame":"DATA","cose":"8343a1010aa204420102064105'"4c11121314aabbccddeeff0011"'","diagnostic":"[h'\''a1010a'\'', {4: h'\''0102'\'', 6: h'\''05'\''}, h'\''11121314aabbccddeeff0011'\'']","external_aad":"49010205","data_bytes":4}' ] || show
}

@test "OPEN: tag of 16 bytes, the ephemeral key's x under -4" {
    fl --json frame expand "$open"
    succeeds
    prints '"frame":"OPEN","cose":"8344a101181ea204481122334455667788235820abab' '"data_bytes":4' "{4: h'1122334455667788', -4: h'ab"
    fl frame expand "$open"
    prints "COSE_Encrypt0 8344a101181ea2" "external_aad  h'20112233"
}

@test "from standard input, one a line" {
    printf '%s\n\n%s\n' "$open" 4901020511121314aabbccddeeff0011 >"$T/in"
    run --separate-stderr "$BUILD/fuseline" --json frame expand <"$T/in"
    succeeds
    [ "${#lines[@]}" = 2 ]
    run --separate-stderr "$BUILD/fuseline" --json frame expand - <"$T/in"
    [ "${#lines[@]}" = 2 ]
}

@test "what is no frame: 65, with the reason" {
    local f
    for f in "20:frame-short" "${open:0:100}:frame-short" "49010200$(printf 'aa%.0s' {1..8}):frame-counter" "ff${open:2}:frame-header" \
        "xyz:not-hex" "123:not-hex" "${open}$(printf 'cd%.0s' {1..1100}):frame-long" "$open$(printf 'cd%.0s' {1..520}):frame-long"; do
        fl --json frame expand "${f%:*}"
        refuses 65 not-a-frame "${f##*:}"
    done
    printf '%s\nzz\n' "$open" >"$T/in"
    run --separate-stderr "$BUILD/fuseline" --json frame expand <"$T/in"
    refuses 65 not-a-frame "stdin, frame 2: not-hex"
    [ "${#lines[@]}" = 2 ]
}
