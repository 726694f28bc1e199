#!/usr/bin/env bats
# The house keeps its rules: floors, contracts, banned calls, lengths.  Each rule is a test; each test is tried on a wrong example too.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    TMP=$(mktemp -d)
}

teardown() {
    rm -rf "$TMP"
}

sources() { # every C file of the product, not of its tests
    git ls-files --cached --others --exclude-standard '*.[ch]' | grep -v '^tests/'
}

@test "no include goes up or sideways" {
    sources | xargs awk -f tests/house/floors.awk
}

@test "the floors script sees an arrow that goes up" {
    mkdir -p "$TMP/base" "$TMP/flash"
    echo '#include "flash/chip.h"' >"$TMP/base/x.c"
    echo '#include "cli/cmd.h"' >"$TMP/flash/x.c"
    cd "$TMP"
    run awk -f "$BATS_TEST_DIRNAME/floors.awk" base/x.c flash/x.c
    [ "$status" -eq 1 ]
    [[ $output == *"base may not look into flash"* ]]
    [[ $output == *"flash may not look into cli"* ]]
}

@test "every header compiles alone" {
    for h in $(sources | grep '\.h$'); do
        echo "#include \"$h\"" >"$TMP/alone.c"
        gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -I. -Ibuild/gen -I/usr/include/p11-kit-1 -fsyntax-only "$TMP/alone.c"
    done
}

@test "no banned call" {
    run grep -nEw '(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|mktime|system|popen|rand|srand|gets|atoi|tmpnam|mktemp)[[:space:]]*\(' $(sources)
    echo "$output"
    [ "$status" -eq 1 ]
}

@test "no file over 500 lines, no function over 100" {
    run awk 'FNR == 1 { start = 0 }
        FNR == 501 { print FILENAME ": over 500 lines"; bad = 1 }
        /^\{/ { start = FNR }
        /^\}/ && start { if (FNR - start > 100) { printf "%s:%d: function of %d lines\n", FILENAME, start, FNR - start; bad = 1 } start = 0 }
        END { exit bad }' $(sources)
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "the C files are formatted" {
    run bash -c "git ls-files --cached --others --exclude-standard '*.[ch]' | xargs clang-format --dry-run -Werror 2>&1"
    grep -o '^[^ ]*: error.*' <<<"$output" || true
    [ "$status" -eq 0 ]
}

@test "cppcheck finds nothing" {
    sources | grep '\.c$' | xargs cppcheck --enable=warning,portability,performance --std=c11 --error-exitcode=1 --inline-suppr -q \
        -I. -Ibuild/gen --suppress=missingIncludeSystem
}

@test "the shell scripts parse" {
    for f in $(git ls-files --cached --others --exclude-standard '*.sh' tests/run tests/packages .ci/run); do
        bash -n "$f"
    done
}

@test "nothing generated, secret or private is tracked" {
    run bash -c "git ls-files | grep -E '\.(o|a|d|elf|bin|db|sqlite|pem|key|pin|tap)$|^build/|(^|/)tokens/|softhsm2\.conf'"
    echo "$output"
    [ "$status" -eq 1 ]
}
