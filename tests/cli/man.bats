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
    commands | while read -r c; do "$BUILD/fuseline" $c --help; done | grep -oE '^  (-[a-zA-Z], )?--[a-z0-9-]+' |
        grep -oE -- '--[a-z0-9-]+' | sort -u >"$T/options"
    [ "$(wc -l <"$T/options")" -ge 8 ]
    while read -r c; do grep -qF -- "*$c*" "$page" || { echo "$c" && return 1; }; done <"$T/options"
}

whole() { # the page as it is installed
    "$BATS_TEST_DIRNAME/../../docs/man/page" "$BUILD/fuseline" "$page"
}

@test "scdoc takes the page, and its own words stand in it once, with CODES before EXAMPLES" {
    whole >"$T/page"
    scdoc <"$T/page" >"$T/fuseline.1"
    grep -q '^\.TH' "$T/fuseline.1"
    [ "$(grep '^# ' "$T/page" | tr -d '\n')" = "# NAME# SYNOPSIS# DESCRIPTION# OPTIONS# COMMANDS# CONFIGURATION# EXIT STATUS# CODES# EXAMPLES# SEE ALSO" ]
    diff "$page" <(sed '/^# CODES$/,/^# EXAMPLES$/{/^# EXAMPLES$/!d}' "$T/page")
}

@test "CODES has every code of explain --all, with its exit status and what becomes of the board" {
    "$BUILD/fuseline" --json explain --all | sed 's/^{"code":"\([^"]*\)","exit":\([0-9]*\),.*"board":"\([a-z]*\)"}$/*\1*, \2, \3/' >"$T/codes"
    [ "$(wc -l <"$T/codes")" -gt 100 ]
    whole | grep '^\*.*, [0-9]*, [a-z]*$' | diff "$T/codes" -
}

@test "every code of CODES is set in bold in the finished page, with cause and action below" {
    whole | scdoc | sed -n '/^\.SH CODES/,/^\.SH EXAMPLES/p' >"$T/codes"
    [ "$(grep -c '^\\fB[a-z0-9-]*\\fR, ' "$T/codes")" = "$("$BUILD/fuseline" --json explain --all | wc -l)" ]
    grep -A3 '^\\fBotp-foreign' "$T/codes" | grep -q 'this line did not burn'
}

@test "the page's configuration is a right one" {
    sed -n '/^# CONFIGURATION/,/^# EXIT/p' "$page" | sed -n '/^```/,/^```/p' | grep -v '^```' >"$T/fuseline.conf"
    fl --json chip show --slot nowhere
    refuses 78 no-slot "it has: left"
}
