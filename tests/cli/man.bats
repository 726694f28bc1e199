#!/usr/bin/env bats
# The manual says what the program says.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
    page=$BATS_TEST_DIRNAME/../../docs/man/fuseline.1.scd
}

teardown() {
    end
}

section() { # section NAME: of the page, without scdoc's marks
    sed -n "/^# $1\$/,/^# /p" "$page" | grep -v '^#' | sed 's/\*//g; s/++$//; s/\\//g'
}

commands() {
    "$BUILD/fuseline" --help | sed -n '/^commands:/,/^$/p' | sed -n 's/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p'
}

@test "SYNOPSIS is that of --help, command by command" {
    local c
    commands | while read -r c; do "$BUILD/fuseline" $c --help | sed -n '1s/^usage: //p'; done >"$T/program"
    "$BUILD/fuseline" --help | sed -n '2,3s/^ *//p' >>"$T/program"
    [ "$(wc -l <"$T/program")" -ge 8 ]
    section SYNOPSIS | grep . >"$T/page"
    diff "$T/program" "$T/page"
}

@test "EXIT STATUS is that of --help" {
    "$BUILD/fuseline" --help | sed -n '/^exit status:/,/^$/p' | sed -n 's/^ *\([0-9]\+\)  /\1 /p' >"$T/program"
    [ "$(wc -l <"$T/program")" = 16 ]
    section "EXIT STATUS" | awk '/^[0-9]/ { n = $1 } /^\t/ { sub(/^\t/, ""); print n " " $0 }' >"$T/page"
    diff "$T/program" "$T/page"
}

@test "every option of every command is described" {
    local c
    commands | while read -r c; do "$BUILD/fuseline" $c --help; done | grep -oE '^  (-[a-zA-Z], )?--[a-z-]+' |
        grep -oE -- '--[a-z-]+' | sort -u >"$T/options"
    [ "$(wc -l <"$T/options")" -ge 8 ]
    while read -r c; do grep -qF -- "*$c*" "$page" || { echo "$c" && return 1; }; done <"$T/options"
}

@test "scdoc takes the page" {
    scdoc <"$page" >"$T/fuseline.1"
    grep -q '^\.TH' "$T/fuseline.1"
}

@test "the page's configuration is a right one" {
    sed -n '/^# CONFIGURATION/,/^# EXIT/p' "$page" | sed -n '/^```/,/^```/p' | grep -v '^```' >"$T/fuseline.conf"
    fl --json chip show --slot nowhere
    refuses 78 no-slot "it has: left"
}
