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
