#!/usr/bin/env bats
# docs/vectors is what `make vectors` writes, and docs/schemes.md says of sizes and times what follows from it.

setup() {
    tree=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    BUILD=$(realpath "${BUILD:-build}")
    T=$(mktemp -d)
    cd "$tree"
}

teardown() {
    rm -rf "$T"
}

@test "make vectors changes nothing" {
    "$BUILD/vectors/make" "$T"
    diff -r "$T" docs/vectors
    env -u MAKEFLAGS -u MAKELEVEL make -n vectors | grep -q 'vectors/make docs/vectors$'
}

@test "vectors that can't be written are an error" {
    run "$BUILD/vectors/make" "$T/none"
    [ "$status" -eq 70 ]
    run "$BUILD/vectors/make"
    [ "$status" -eq 64 ]
}

sizes() { # product, place, header byte, bytes of data, bytes of frame: of every frame in docs/vectors
    awk -f tests/vectors/docs/sizes.awk docs/vectors/*.json
}

rows() { # the table of docs/schemes.md, its cells with single blanks between
    sed -nE 's/^\| `([a-z0-9-]+)` \|/\1 /p' docs/schemes.md | tr -d '|'
}

@test "bytes in docs/schemes.md are those of the vectors, seconds follow from them" {
    sizes >"$T/sizes"
    rows >"$T/rows"
    [ "$(wc -l <"$T/rows")" -eq 15 ]
    awk 'function frame(product, place) { return product SUBSEP place in bytes ? bytes[product, place] : "-" }
        function seconds(n) { return n == "-" ? "-" : sprintf("%.2f", n * 8 / 2000) }
        function is(have, want) { if (have "" != want "") { print $1 ": " have " stands there, not " want; bad = 1 } }
        NR == FNR { if ($4 == 16) bytes[$1, $2] = $5; next }
        { first = frame($1, 0); compact = frame($1 "-compact", 0); later = frame($1, 1)
          is($2, first); is($3, compact); is($4, later); is($5, seconds(first)); is($6, seconds(compact)); is($7, seconds(later)) }
        END { exit bad }' "$T/sizes" "$T/rows"
}

@test "the sizes in the prose of docs/schemes.md are those of the vectors" {
    local size
    size() { # product, header byte, bytes of data
        sizes | awk -v p="$1" -v h="$2" -v d="$3" '$1 == p && $3 == h && $4 == d { print $5; exit }'
    }
    tr '\n' ' ' <docs/schemes.md >"$T/page"
    grep -q "6 with no data at all: $(size session-compact 39 0) compact\. ROTATE is $(size docs/vectors/rotate.json 80 0) bytes, REKEY $(size docs/vectors/rekey.json C0 0), DOWN $(size session 69 16)\." "$T/page"
    grep -q "RSA: $(size session-rsa 30 16) bytes and 2 seconds at 2 kbit/s instead of $(size session 31 16) and 0\.26" "$T/page"
    grep -q "4, 5: $(size secret 55 16) bytes each time, no first frame\. 6: $(size session-compact 39 16) once, then $(size session 49 16) " "$T/page"
}

@test "flash in docs/schemes.md is what the Makefile allows, and what the firmware takes" {
    local product firmware limit kb elf bytes n=0
    while read -r product _ _ _ _ _ _ limit kb; do
        firmware=${product%-psk}
        firmware=${firmware%-unsigned-data}
        grep -qE "^${firmware}_ROW += [a-z0-9_]+ $limit( |\$)" Makefile || { echo "$product: $limit" && return 1; }
        [ "$kb" != - ] || continue
        elf=$BUILD/firmware/$firmware-stm32l476.elf
        bytes=$(arm-none-eabi-size "$elf" | awk 'NR == 2 { print $1 + $2 }')
        [ $((bytes - kb * 1000)) -lt 1200 ] && [ $((kb * 1000 - bytes)) -lt 1200 ] || { echo "$product: $kb, but $bytes" && return 1; }
        n=$((n + 1))
    done < <(rows)
    [ "$n" -eq 15 ]
}

@test "bytes in docs/protocol.md are those of the vectors" {
    sizes >"$T/sizes"
    sed -nE 's/^\| ([0-9A-C]{2}) \| .*`.*\| ([0-9]+)(, without data)? \|$/\1 \2/p' docs/protocol.md >"$T/rows"
    [ "$(wc -l <"$T/rows")" -eq 21 ]
    awk 'NR == FNR { if ($4 == 16 || $3 ~ /^[8C]/) found[$3, $5] = 1; next }
        !(($1, $2) in found) { print $1 ": " $2 " is no size of such a frame"; bad = 1 }
        END { exit bad }' "$T/sizes" "$T/rows"
}

@test "the sizes script sees every frame that the files have" {
    [ "$(sizes | wc -l)" -eq "$(cat docs/vectors/*.json | grep -c '"bytes": ')" ]
    [ "$(sizes | wc -l)" -ge 148 ]
}
