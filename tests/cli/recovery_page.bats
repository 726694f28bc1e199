#!/usr/bin/env bats
# docs/recovery.md, "What an operator sees", says what the program says.

setup() {
    root=$BATS_TEST_DIRNAME/../..
    page=$root/docs/recovery.md
    BUILD=$(realpath "$BUILD")
    T=$(mktemp -d)
    "$BUILD/fuseline" --json explain --all >"$T/all"
    sed -n '/^## What an operator sees/,/^## What is compared/p' "$page" | grep '^| .*`' >"$T/seen"
}

teardown() {
    rm -rf "$T"
}

field() { # field N ROW: the N-th cell of a row of the table
    cut -d'|' -f$(($1 + 1)) <<<"$2" | sed 's/^ *//; s/ *$//; s/^`//; s/`$//'
}

@test "each row has a known code with that exit status, that fate and that text" {
    local row code
    [ "$(wc -l <"$T/seen")" -ge 15 ]
    while read -r row; do
        code=$(sed 's/^[^`]*| `\([a-z-]*\)` | .*/\1/' <<<"$row")
        sed -n 's/^{"code":"'"$code"'","exit":\([0-9]*\),"cause":"\(.*\)","action":"\(.*\)","board":"\([a-z]*\)"}$/\1 | \4 | \2: \3 |/p' \
            "$T/all" >"$T/want"
        [ -s "$T/want" ] && [ "${row##*"| \`$code\` | "}" = "$(cat "$T/want")" ] || { echo "$row" && cat "$T/want" && return 1; }
    done <"$T/seen"
}

@test "each row's screen word fits its code: PASS ships, PLAN goes on, nothing else has exit 0" {
    local row word code
    while read -r row; do
        word=$(field 3 "$row") code=$(field 4 "$row")
        case $word:$code in
        PASS:done | PASS:already-done | PLAN:plan) ;;
        REFUSED:* | FAIL:*) [ "$(field 5 "$row")" != 0 ] && [ "$(field 6 "$row")" != ship ] ;;
        *) echo "$row" && return 1 ;;
        esac
    done <"$T/seen"
}

@test "each fault that recovery can end with has its row" {
    local id name
    grep -oE 'STATION_[A-Z_]+ \}' "$root/station/recovery.c" | sed 's/ }//' | grep -vx 'STATION_NO_FAULT' | sort -u >"$T/ids"
    [ "$(wc -l <"$T/ids")" -ge 6 ]
    while read -r id; do
        name=$(tr -d '\n' <"$root/station/fault.c" | grep -oE "\[$id\] = \{ +\"[a-z-]+" | sed 's/.*"//')
        [ -n "$name" ] && grep -q "| \`$name\` |" "$T/seen" || { echo "$id '$name'" && return 1; }
    done <"$T/ids"
}

@test "each code that the table above names has its row" {
    local code
    sed -n '/^| chip OTP/,/^$/p' "$page" | grep -oE '`[a-z][a-z-]+`' | tr -d '`' | sort -u >"$T/named"
    [ "$(wc -l <"$T/named")" -ge 6 ]
    while read -r code; do
        grep -q '^{"code":"'"$code"'"' "$T/all" || continue # the name of an event
        grep -q "| \`$code\` |" "$T/seen" || { echo "$code" && return 1; }
    done <"$T/named"
}
