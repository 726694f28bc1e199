#!/usr/bin/env bats
# docs/field-lessons.md names tests; each of them is there, word by word.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    T=$(mktemp -d)
}

teardown() {
    rm -rf "$T"
}

named() { # "FILE NAME" for each test that the page names
    sed -nE 's/.*\| `(tests\/[^`]+)`: (.*[^ ]) *\|$/\1 \2/p' docs/field-lessons.md
}

there() { # there FILE NAME: the test, or of what is no test the text
    case $1 in
    *.bats) grep -qF "@test \"$2\"" "$1" ;;
    *_test.c) grep -q "^static void $2(" "$1" && [ "$(grep -cw "$2" "$1")" -ge 2 ] ;; # written, and in the list of those that run
    *) grep -qF "$2" "$1" ;;
    esac
}

@test "each test that the page names is there" {
    local file name bad=0
    named >"$T/named"
    [ "$(wc -l <"$T/named")" -ge 50 ]
    [ "$(wc -l <"$T/named")" = "$(grep -c '`tests/[^`]*`:' docs/field-lessons.md)" ]
    while read -r file name; do
        there "$file" "$name" || { echo "$file: $name" && bad=1; }
    done <"$T/named"
    [ $bad = 0 ]
}

@test "the judge can say no" {
    ! there tests/e2e/field.bats "a test that nobody wrote"
    ! there tests/cli/fault_test.c test_that_nobody_wrote
}

@test "all 16 failures are there, in order" {
    [ "$(sed -nE 's/^\| ([0-9]+) \|.*/\1/p' docs/field-lessons.md | tr '\n' ' ')" = "$(seq -s ' ' 1 16) " ]
}

@test "no row is empty-handed: a test, or what comes later" {
    ! sed -n '/^|/p' docs/field-lessons.md | grep -vE '^\| (#|what others|trap) |^\|---' | grep -vE '`tests/[^`]+`: |\*later\*' ||
        return 1
}
