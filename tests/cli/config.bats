#!/usr/bin/env bats
# fuseline.conf: each way to get it wrong has one message with file and line, one exit status, and changes nothing.

setup() {
    source "$BATS_TEST_DIRNAME/board.bash"
    begin
}

teardown() {
    end
}

good='[station]\nopenocd = /usr/bin/openocd\n\n[slot a]\nchip = stm32l476\nadapter = a.cfg\n'

wrong() { # wrong CONFIG LINE FAULT TEXT...: exit 78 at that line, and the directory is as it was
    local line=$2 fault=$3 before
    config "$1"
    shift 3
    before=$(cd "$T" && sha256sum ./*)
    fl --json chip show --slot a
    refuses 78 "$fault" "$T/fuseline.conf:$line: " "$@" || return 1
    [ "$(cd "$T" && sha256sum ./*)" = "$before" ]
}

@test "there is no file: 66" {
    fl --json chip show --slot a
    refuses 66 config-missing "$T/fuseline.conf"
    fl --json -C "$T/nowhere" chip show --slot a 2>/dev/null
    [ "$status" = 64 ] # -C is given twice
    run --separate-stderr "$BUILD/fuseline" --json -C "$T/nowhere" doctor
    [ "$status" = 66 ]
}

@test "the default directory is the current one" {
    config "$good"
    cd "$T"
    run --separate-stderr "$BUILD/fuseline" --json chip show --slot b
    refuses 78 no-slot "./fuseline.conf"
}

@test "it is no file, a FIFO, or too large: 74" {
    mkdir "$T/fuseline.conf"
    fl --json chip show --slot a
    refuses 74 config-unreadable
    rmdir "$T/fuseline.conf"
    mkfifo "$T/fuseline.conf"
    fl --json chip show --slot a
    refuses 74 config-unreadable
    rm "$T/fuseline.conf"
    truncate -s 65537 "$T/fuseline.conf"
    fl --json chip show --slot a
    refuses 74 config-unreadable
}

@test "it may not be read: 77" {
    [ "$(id -u)" != 0 ] || command -v setpriv
    config "$good"
    chmod 000 "$T/fuseline.conf"
    local drop=()
    [ "$(id -u)" != 0 ] || drop=(setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all)
    run --separate-stderr "${drop[@]}" "$BUILD/fuseline" --json -C "$T" chip show --slot a
    refuses 77 config-rights "$T/fuseline.conf"
}

@test "an unknown key, with a suggestion" {
    wrong '[slot a]\nchp = stm32l476\nadapter = a.cfg\n' 2 config-key "'chp', did you mean 'chip'?"
    wrong '[slot a]\nchip = stm32l476\nadapter = a.cfg\nconsle = x\n' 4 config-key "did you mean 'console'?"
    wrong '[station]\nopenocdd = /x\n' 2 config-key "did you mean 'openocd'?"
    wrong '[station]\nzzzzzz = /x\n' 2 config-key "'zzzzzz'"
    [[ $stderr != *"did you mean"* ]]
}

@test "a key of the other kind of section" {
    wrong '[station]\nchip = stm32l476\n' 2 config-key "'chip'"
    wrong '[slot a]\nopenocd = /x\n' 2 config-key "'openocd'"
}

@test "an unknown section, with a suggestion" {
    wrong '[sation]\n' 1 config-section "'sation', did you mean 'station'?"
    wrong "$good"'[slots b]\n' 7 config-section "did you mean 'slot'?"
    wrong '[]\n' 1 config-section "''"
    wrong '[station two]\n' 1 config-section "has no name"
}

@test "an unknown chip, with a suggestion and what there is" {
    wrong '[slot a]\nchip = stm32l467\n' 2 config-chip "'stm32l467', did you mean 'stm32l476'?" "known: stm32l476, stm32f407"
    wrong '[slot a]\nchip = pic16\n' 2 config-chip "'pic16'" "known: stm32l476, stm32f407"
    wrong '[slot a]\nchip =\n' 2 config-chip "''"
    wrong '[slot a]\nchip = STM32L476\n' 2 config-chip "'STM32L476'"
}

@test "a missing key, at the line of its section" {
    wrong '\n[slot a]\nadapter = a.cfg\n' 2 config-missing-key "[slot a] has no 'chip'"
    wrong '\n[slot a]\nchip = stm32l476\n\n[slot b]\n' 2 config-missing-key "[slot a] has no 'adapter'"
    wrong "$good"'[slot b]\n' 7 config-missing-key "[slot b] has no 'chip'"
}

@test "a doubled key, naming both lines" {
    wrong '[slot a]\nchip = stm32l476\nadapter = a.cfg\nchip = stm32f407\n' 4 config-doubled-key "'chip' was given in line 2"
}

@test "a doubled slot and a doubled station, naming both lines" {
    wrong "$good"'[slot a]\nchip = stm32f407\n' 7 config-doubled-section "'slot a' was given in line 4"
    wrong "$good"'[slot  a]\nchip = stm32f407\n' 7 config-doubled-section "'slot a' was given in line 4"
    wrong "$good"'[station]\n' 7 config-doubled-section "'station' was given in line 1"
}

@test "a line over 199 bytes is refused, not cut" {
    local long
    long=$(printf 'x%.0s' {1..190})
    wrong "[slot a]\nadapter = $long\nchip = stm32l476\n" 2 config-long-line
    wrong "[slot a]\n# $long 12345678\nchip = stm32l476\nadapter = a.cfg\n" 2 config-long-line
    # what would be cut off here is itself a good line
    wrong "[slot a]\nconsole = $(printf '/%.0s' {1..189})chip = stm32l476\nadapter = a.cfg\n" 2 config-long-line
    config "[slot a]\nchip = stm32l476\nadapter = a.cfg\n#$(printf 'x%.0s' {1..198})\n"
    fl --json chip show --slot none
    refuses 78 no-slot # 199 bytes are read
}

@test "a key before the first section" {
    wrong '\nchip = stm32l476\n[slot a]\n' 2 config-key-outside
}

@test "lines that are no INI" {
    wrong '[slot a]\nchip stm32l476\n' 2 config-syntax "chip stm32l476"
    wrong '[slot a\nchip = stm32l476\n' 1 config-syntax
    wrong '[slot a] chip = stm32l476\n' 1 config-syntax
    wrong '[slot a]\n= stm32l476\n' 2 config-syntax
}

@test "control bytes: shown as ?, never sent to the terminal" {
    wrong '[slot a]\nchip = \033[31mred\n' 2 config-control-byte "chip = ?[31mred"
    wrong '[slot a]\nchip = stm32l476\0x\n' 2 config-control-byte
}

@test "a bad slot name" {
    local n
    for n in '' 'a b' 'a/b' '../a' 'a.b' 'ä' "$(printf 'x%.0s' {1..33})"; do
        wrong "[slot $n]\nchip = stm32l476\nadapter = a.cfg\n" 1 config-slot-name
    done
}

@test "bad values of the station" {
    wrong '[station]\nopenocd = openocd\n' 2 config-value "absolute path"
    wrong '[station]\nopenocd =\n' 2 config-value "absolute path"
    local n
    for n in '' 0 99 600001 -1 1e3 5000ms 99999999999999999999; do
        wrong "[station]\ntimeout_ms = $n\n" 2 config-value "milliseconds"
    done
    wrong '[slot a]\nchip = stm32l476\nadapter =\n' 3 config-value "path"
}

@test "console-seconds that is no number in 1..600" {
    local n
    for n in 0 601 -1 1.5 x; do
        wrong "[slot a]\nconsole-seconds = $n\n" 2 config-value "seconds in 1..600"
    done
}

@test "the first error in the file wins" {
    wrong '[slot a]\nchp = x\nnonsense\n' 2 config-key
    wrong '[slot a]\nnonsense\nchp = x\n' 2 config-syntax
}

@test "no such slot: which there are, and the nearest" {
    config "$good"'[slot left-1]\nchip = stm32f407\nadapter = a.cfg\n'
    fl --json chip show --slot left_1
    refuses 78 no-slot "'left_1', did you mean 'left-1'?" "it has: a, left-1"
    fl --json otp burn --burn --slot zzzz --at 0 --data 00
    refuses 78 no-slot "'zzzz'" "it has: a, left-1"
}

@test "no slot at all" {
    config '[station]\n'
    fl --json chip show --slot a
    refuses 78 no-slots
    config ''
    fl --json otp read --slot a
    refuses 78 no-slots
}

@test "an adapter file that is missing, or no file, at its line" {
    config "$good"
    rm "$T/a.cfg"
    fl --json chip show --slot a
    refuses 78 config-adapter "$T/fuseline.conf:6: slot 'a': $T/a.cfg"
    mkdir "$T/a.cfg"
    fl --json chip show --slot a
    refuses 78 config-adapter "$T/fuseline.conf:6: slot 'a': $T/a.cfg is no regular file"
}

@test "a broken adapter file of one slot does not stop another" {
    fake_openocd ""
    printf '[slot b]\nchip = stm32l476\nadapter = nowhere.cfg\n' >>"$T/fuseline.conf"
    fl chip show --slot a
    succeeds
    fl --json chip show --slot b
    refuses 78 config-adapter "slot 'b'"
}

@test "comments, indentation, colons and Windows line ends are fine" {
    fake_openocd ""
    printf '\xEF\xBB\xBF# c\r\n[station]\r\n  openocd : %s ; c\r\n\r\n[slot a] ; c\r\n\tchip = stm32l476\r\n\tadapter = a.cfg\r\n' \
        "$FAKES/openocd" >"$T/fuseline.conf"
    fl chip show --slot a
    succeeds
}

@test "the line's sections: values that do not fit, sections twice, unknown roles" {
    wrong '[station]\nid = 65536\n' 2 config-value "id = '65536'"
    wrong '[station]\nid = -1\n' 2 config-value "id = '-1'"
    wrong '[registry]\npath =\n' 2 config-value "path = ''"
    wrong '[registry two]\n' 1 config-section "a registry has no name"
    wrong '[firmware]\npth = x\n' 2 config-key "'pth', did you mean 'path'?"
    wrong '[hsm]\n' 1 config-role "''"
    wrong '[hsm serer]\n' 1 config-role "'serer', did you mean 'server'?"
    wrong '[hsm line]\nuri = file:/x\n' 2 config-value "uri = 'file:/x'"
    wrong '[hsm line]\ntoken =\n' 2 config-value "token = ''"
    wrong '[hsm line]\ntoken = 123456789012345678901234567890123\n' 2 config-value "1 to 32 bytes"
    wrong '[hsm line]\nuri = pkcs11:token=x\n[hsm  line]\n' 3 config-doubled-section "'hsm line' was given in line 1"
    wrong '[hsm line]\nmodule = x\n' 1 config-missing-key "no 'token'"
}
