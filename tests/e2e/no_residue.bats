#!/usr/bin/env bats
# What was burned is on the part and nowhere else: not in its RAM, not in OpenOCD's log, arguments or environment, not in a
# file.  The marker is printable, so that it is found as text, as hexadecimal and as decimal numbers alike.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    T=$(mktemp -d)
    mkdir "$T/given"
    marker=$T/given/marker
    draw_marker
}

teardown() {
    board_stop
    rm -rf "$T"
}

draw_marker() { # 22 cells of 8 characters
    tr -dc A-Za-z0-9 </dev/urandom | head -c 176 >"$marker" || true
    spellings >"$T/given/spellings"
}

spellings() { # how a part of the marker would look in a text: one a line
    fold -w 8 "$marker" && echo
    od -An -v -tx4 -w4 "$marker" | tr -d ' '                     # words, as mdw and write_memory have them
    od -An -v -tx1 -w4 "$marker" | tr -d ' '                     # bytes in order
    od -An -v -tu4 -w4 "$marker" | tr -d ' '                     # words, decimal
    od -An -v -tx4 -w4 "$marker" | tr -d ' ' | tr a-f A-F
}

no_residue_in() { # no_residue_in FILE...: none holds a part of the marker
    if grep -l -a -F -f "$T/given/spellings" "$@"; then
        return 1
    fi
}

burn_under_strace() {
    board_start "$1" board
    chip_facts "$1"
    slot bench
    until not_in_ram; do draw_marker; done # RAM comes up with a pattern: four bytes of it may look like ours by chance
    touch "$T/stamp"
    run strace -f -y -s 65535 -o "$T/given/trace" -e trace=execve,openat,open,creat,memfd_create,write,writev,pwrite64 \
        "$BUILD/fuseline" -C "$T" otp burn --slot bench --at 0 --file "$marker" --burn
    echo "$output" >"$T/output"
    [ "$status" = 0 ] || { cat "$T/output" && return 1; }
    part_holds "$otp" "$marker"
}

not_in_ram() {
    local word
    for word in $(od -An -v -tx1 -w4 "$marker" | tr -d ' '); do
        [ "$(ctl find "$word")" = "ok 0" ] || { echo "$word: $(ctl find "$word")" && return 1; }
    done
}

not_in_texts() {
    # it did go through the pipe to OpenOCD: the search can find it
    grep 'write([0-9]*<pipe:' "$T/given/trace" | grep -q -a -F -f "$T/given/spellings"
    grep -E 'execve\(|write[v64]*\(2<' "$T/given/trace" >"$T/said" # arguments, environment (strace shows its size), log
    grep -q 'execve("[^"]*openocd' "$T/said"
    no_residue_in "$T/said" "$T/output"
}

not_in_files() {
    # everything written that is neither a pipe nor a socket
    grep -E 'write[v64]*\([0-9]+<' "$T/given/trace" |
        grep -v -E 'write[v64]*\([0-9]+<(pipe|socket|UNIX|TCP)' >"$T/written" || true
    no_residue_in "$T/written"
    # no file was made or opened for writing
    grep -E 'O_WRONLY|O_RDWR|O_CREAT|^[0-9]+ +creat\(' "$T/given/trace" | grep -v -E '"/dev/(null|tty)"' >"$T/opened" || true
    [ ! -s "$T/opened" ] || { cat "$T/opened" && return 1; }
    # and none is there, whoever wrote it
    local new
    mapfile -d '' new < <(find "$T" "${TMPDIR:-/tmp}" /dev/shm /var/tmp -xdev -maxdepth 3 -type f -newer "$T/stamp" \
        -user "$(id -un)" -size -4096k -not -path "$T/given/*" -not -path "$T/board/state" -not -path '*/fuseline-frames.*' -print0 2>/dev/null)
    no_residue_in /dev/null "${new[@]}"
}

@test "stm32l476: a burn leaves its data on the part and nowhere else" {
    burn_under_strace stm32l476
    not_in_ram
    not_in_texts
    not_in_files
}

@test "stm32f407: a burn leaves its data on the part and nowhere else" {
    burn_under_strace stm32f407
    not_in_ram
    not_in_texts
    not_in_files
}

@test "stm32l476: a refused burn says neither what is there nor what was wanted" {
    board_start stm32l476 board
    chip_facts stm32l476
    slot bench
    until not_in_ram; do draw_marker; done
    ctl plant "$otp" "$(od -An -v -tx1 -N 8 "$marker" | tr -d ' \n')"
    head -c 176 /dev/urandom >"$T/given/other"
    run "$BUILD/fuseline" -C "$T" otp burn --slot bench --at 0 --file "$T/given/other" --burn
    [ "$status" = 80 ]
    echo "$output" >"$T/output"
    no_residue_in "$T/output"
    not_in_ram
}

@test "an adapter file that has OpenOCD log all it can to a file: the data is not in it" {
    board_start stm32l476 board
    chip_facts stm32l476
    slot bench
    printf 'log_output %s\ndebug_level 4\n' "$T/log" >>"$T/bench.cfg"
    run "$BUILD/fuseline" -C "$T" otp burn --slot bench --at 0 --file "$marker" --burn
    [ "$status" = 0 ]
    part_holds "$otp" "$marker"
    grep -q -a '^Debug' "$T/log" # up to the moment when we begin
    no_residue_in "$T/log"
}
