#!/usr/bin/env bats
# The README is true: each command in its sh blocks is run here, in the order of the page, in an empty folder.

setup() {
    tree=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    BUILD=$(realpath "${BUILD:-build}")
    T=$(mktemp -d)
    cd "$T"
}

teardown() {
    local control
    for control in "$T"/line/*control; do
        [ ! -S "$control" ] || "$BATS_TEST_DIRNAME/ctl" "$control" quit || true
    done
    cd /
    rm -rf "$T"
}

blocks() { # the lines of the README's sh blocks
    awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$tree/README.md"
}

@test "make's jobs in the README are there" {
    local job
    for job in $(blocks | sed -n 's/^make \([a-z]*\).*/\1/p') all; do
        env -u MAKEFLAGS -u MAKELEVEL make -n -C "$tree" "$job" >"$T/out" 2>&1 || { cat "$T/out" && return 1; }
    done
}

@test "each command of the README does what it says" {
    ln -s "$BUILD" build
    {
        echo 'set -e'
        # one thing only is ours: a simulated board needs a moment before it listens
        blocks | grep -v '^make' | sed 's/^\(vchip .*--control \([^ ]*\) .*\)$/\1\nuntil [ -S \2 ]; do sleep 0.02; done/'
    } >script
    [ "$(grep -c '^fuseline ' script)" -ge 10 ]
    bash -x script >out 2>said 3>&- </dev/null || { cat said out && return 1; }
    [ "$(grep -c '^opened  ' out)" = 3 ] || { cat out && return 1; }
    grep -q 'PLAN .*: plan$' out
    grep -q 'PASS .*: done$' out
    grep -q 'PASS .*: already-done$' out
    grep -q '"verdict":"PASS","code":"done","exit":0' out
    [ "$(grep -c '"state":"DONE"' out)" = 3 ] # provision, and two devices listed
    grep -q 'device.done .*serial=' out
}

@test "the demo runs what the README shows" {
    local command
    sed -n 's/.*fuseline \(-C line \)\?\(--json \)\?\([a-z]*\( [a-z]\+\)\?\).*/\3/p' "$tree"/tests/e2e/demo.{sh,bash} | sort -u >commands
    [ "$(wc -l <commands)" -ge 6 ] || { cat commands && return 1; }
    while read -r command; do
        blocks | grep -q "fuseline .*\b$command\b" || { echo "not in the README: $command" && return 1; }
    done <commands
    # nothing else is asked of a board's hands
    [ -z "$(grep -oh 'hand "[^"]*" [a-z ]*' "$tree"/tests/e2e/demo.{sh,bash} | grep -v -E '" (insert|power (cycle|off|on))$')" ]
}

@test "the README's pages are there" {
    local page
    for page in $(grep -o '](docs/[^)#]*' "$tree/README.md" | sed 's/](//' | sort -u); do
        [ -s "$tree/$page" ] || { echo "$page" && return 1; }
    done
}
