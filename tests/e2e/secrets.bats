#!/usr/bin/env bats
# Where secrets are not: a whole line is made, provisions a board of each kind and opens their frames, and then the PSK and the PINs
# are looked for in everything that was said, written or left behind.  The PSK is known by reading the board past all protection.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    SPY=$(find /usr/lib -name pkcs11-spy.so 2>/dev/null | head -n 1)
    MODULE=$(find /usr/lib -name libsofthsm2.so 2>/dev/null | head -n 1)
    G=$(mktemp -d) # what the test itself knows: never searched
}

teardown() {
    [ -z "${sampler:-}" ] || kill "$sampler" 2>/dev/null || true
    end
    rm -rf "$G"
}

# ---- looking: haystack and needle are both hexadecimal, of whatever bytes ----

hex() { # hex [FILE]: on one line
    od -An -v -tx1 "$@" | tr -d ' \n'
}

spell() { # spell HEX: this secret as it may stand in a file or on a line, each spelling in hexadecimal, one a line
    local bytes at
    bytes=$(sed 's/../\\x&/g' <<<"$1")
    fold -w 16 <<<"$1" | grep -E '.{16}'                                   # any eight bytes of it
    printf '%s' "$1" | hex && echo                                          # digits, small and capital
    printf '%s' "${1^^}" | hex && echo
    for at in 0 1 2; do                                                     # base64, however it is aligned
        { printf 'xxx' | head -c $at && printf '%b' "$bytes"; } | base64 -w 0 | tail -c +5 | head -c 32 | hex && echo
    done
    { printf '%b' "$bytes" | od -An -v -tx4 -w4 && printf '%b' "$bytes" | od -An -v -tu4 -w4; } | while read -r word; do
        # words of the part, as numbers; the shortest would be found by chance
        [ ${#word} -lt 8 ] || { printf '%s' "$word" | hex && echo; }
    done
}

found_in() { # found_in FILE...: prints the names of those that hold a spelling of $G/needles
    local file
    for file; do
        hex "$file" >"$G/hay"
        if grep -q -F -f "$G/needles" "$G/hay"; then echo "$file"; fi
    done
}

whole_flow() { # whole_flow PREFIX...: from nothing to opened frames; each fuseline runs behind PREFIX; two boards are left in place
    local slot
    "$@" "$BUILD/fuseline" init "$T"
    patient
    [ -z "${module:-}" ] || sed -i "s|^module = .*|module = $module|" "$T/fuseline.conf"
    board_in l4 stm32l476
    board_in f4 stm32f407
    "$@" "$BUILD/fuseline" -C "$T" product add l4 --chip stm32l476 --scheme sealed --psk --lock 0
    "$@" "$BUILD/fuseline" -C "$T" product add f4 --chip stm32f407 --scheme sealed --psk --lock 0
    "$@" "$BUILD/fuseline" -C "$T" doctor
    for slot in l4 f4; do
        "$@" "$BUILD/fuseline" -C "$T" --json provision --product $slot --slot $slot --burn || return 1
        board=$T/$slot
        restart
        "$@" "$BUILD/fuseline" -C "$T" --json open --console "$board/usart" --count 2 --seconds 20 || return 1
        "$@" "$BUILD/fuseline" -C "$T" otp show --slot $slot
    done
    "$@" "$BUILD/fuseline" -C "$T" --json device list
    "$@" "$BUILD/fuseline" -C "$T" --json audit list
}

watch_proc() { # until killed: arguments and environment of every fuseline and OpenOCD of this test
    local pid
    while :; do
        for pid in $(pgrep -f "$T"); do
            { cat "/proc/$pid/cmdline" && echo && cat "/proc/$pid/environ" && echo; } 2>/dev/null
        done
    done
}

needles() { # the PSK of both boards, and the PINs
    local pin
    : >"$G/needles"
    at_slot l4 stm32l476 && spell "$(otp_bytes 0x40 32)" >>"$G/needles"
    at_slot f4 stm32f407 && spell "$(otp_bytes 0x40 32)" >>"$G/needles"
    for pin in "$T"/pins/*; do printf '%s' "$(cat "$pin")" | hex && echo; done >>"$G/needles"
    [ "$(wc -l <"$G/needles")" -ge 30 ]
    [ -z "$(grep -E '^(ff){8}|^$' "$G/needles")" ] # the slot was burned; an empty needle would be found everywhere
}

@test "PSK and PINs are in no file, no argument, no environment, no log, no answer" {
    begin
    touch "$G/stamp"
    watch_proc >"$G/proc" 2>&1 3>&- &
    sampler=$!
    # -v: environments whole; -xx: every byte as hexadecimal
    whole_flow strace -f -v -y -xx -s 65535 -A -o "$G/trace" -e trace=execve,openat,creat,write,writev,pwrite64,pwritev,sendto,sendmsg \
        >"$G/said" 2>&1 || { tail -n 20 "$G/said" && return 1; }
    kill "$sampler" && sampler=
    grep -q '"verdict":"PASS".*' "$G/said"
    needles

    # the search can find: the PSKs did go through the pipe to OpenOCD, as words, and both tools were seen at work
    sed 's/\\x//g' "$G/trace" >"$G/bytes" # paths in it are hexadecimal now too
    local pipe file
    pipe="$(printf pipe: | hex)|$(printf socket: | hex)" file=$(printf / | hex)
    grep -E "^[0-9]+ +writev?\([0-9]+<($pipe)" "$G/bytes" | grep -q -F -f "$G/needles"
    grep -a -q openocd "$G/proc"
    grep -a -q provision "$G/proc"

    [ -z "$(found_in "$G/said")" ]
    [ -z "$(found_in "$G/proc")" ]
    # every exec, and everything written to what is neither a pipe nor a socket, but the PIN files themselves
    grep -E 'execve\(' "$G/bytes" >"$G/execs"
    grep -q -F "$(printf openocd | hex)" "$G/execs"
    grep -E "^[0-9]+ +p?write(v|64)?\([0-9]+<$file" "$G/bytes" | grep -v -E "^[^>]*$(printf /pins/ | hex)" >"$G/written"
    [ "$(wc -l <"$G/written")" -ge 50 ]
    local seen
    seen=$(grep -n -F -f "$G/needles" "$G/execs" "$G/written" | cut -c 1-300)
    [ -z "$seen" ] || { echo "$seen" && return 1; }

    # files that are left: the line's own folder, and any temporary ones; a board's state is silicon
    local files
    mapfile -d '' files < <(find "$T" "${TMPDIR:-/tmp}" /dev/shm /var/tmp -xdev -maxdepth 4 -type f -newer "$G/stamp" -user "$(id -un)" \
        -size -4096k -not -path "$G/*" -not -path "$T/*/state" -not -path "$T/pins/*" -not -path '*/fuseline-frames.*' -print0 2>/dev/null)
    [ "${#files[@]}" -ge 10 ]
    seen=$(found_in "${files[@]}")
    [ -z "$seen" ] || { echo "found in: $seen" && return 1; }
    # nor an unwrapped P-256 private key: PKCS#8 and SEC 1 both hold 02 01 01 04 20 before its 32 bytes
    printf '0201010420\n' >"$G/needles"
    seen=$(found_in "${files[@]}" "$G/said")
    [ -z "$seen" ] || { echo "private key in: $seen" && return 1; }
    printf '\x30\x25\x02\x01\x01\x04\x20' >"$G/key"
    [ "$(found_in "$G/key")" = "$G/key" ]
}

@test "after PASS no part of the PSK is in the board's RAM" {
    line_make
    local slot words word
    for slot in l4:stm32l476 f4:stm32f407; do
        board_in ${slot%:*} ${slot#*:}
        product ${slot%:*} ${slot#*:} --psk
        provision ${slot%:*} ${slot%:*}
        verdict PASS done 0
        words=$(otp_bytes 0x40 32 | fold -w 16)
        for word in $words; do
            [ "$(ctl find "$word")" = "ok 0" ] || { echo "$slot: $word: $(ctl find "$word")" && return 1; }
        done
    done
}

# judge: reads a trace of pkcs11-spy; prints "calls values wrong".  A CKA_VALUE may be asked of an object that was made to be read:
# with CKA_SENSITIVE false in the template of the call that made it (ECDH's result, a device's secret on its way to the chip).
judge() {
    awk '
        function done_call() {
            if (call == "C_GetAttributeValue" && asks) { values++; if (!(object in shown)) wrong++ }
            asks = exposed = 0; object = "none"
        }
        $1 ~ /^[0-9]+:$/ && $2 ~ /^C_/ { done_call(); call = $2; calls++ }
        /CKA_SENSITIVE/ && /False/ { exposed = 1 }
        /CKA_VALUE / && call == "C_GetAttributeValue" { asks = 1 }
        /\[in\] hObject = / { object = $NF }
        /\[out\] (hKey|\*phKey|phKey) = / { if (exposed) shown[$NF] = 1; else delete shown[$NF] }
        END { done_call(); print calls + 0, values + 0, wrong + 0 }' "$1"
}

@test "over the whole flow no value of a private key or of a KEK is ever asked for" {
    [ -n "$SPY" ] && [ -n "$MODULE" ] || { echo "pkcs11-spy.so or libsofthsm2.so is not there: install opensc and softhsm2" && return 1; }
    begin
    export PKCS11SPY=$MODULE PKCS11SPY_OUTPUT=$G/spy.log
    module=$SPY whole_flow env >"$G/said" 2>&1 || { tail -n 20 "$G/said" && return 1; }
    [ "$(grep -c '"verdict":"PASS"' "$G/said")" = 2 ]
    [ "$(grep -c '"status":"opened"' "$G/said")" = 4 ]
    local calls values wrong
    read -r calls values wrong <<<"$(judge "$G/spy.log")"
    echo "$calls calls, $values values read, $wrong of them sealed"
    [ "$calls" -gt 200 ]
    [ "$values" -ge 6 ] # the trace is understood: Z of two proofs and two OPENs, two secrets for the chips
    [ "$wrong" = 0 ]
    # wrapped out and in, never brought in clear (a secret key is: the known answer of the module's self-test)
    grep -q ': C_WrapKey' "$G/spy.log"
    grep -q ': C_UnwrapKey' "$G/spy.log"
    ! grep -A 12 ': C_CreateObject' "$G/spy.log" | grep CKO_PRIVATE_KEY
}

@test "the judge of the trace can say no" {
    begin
    printf '%s\n' '1: C_UnwrapKey' '    CKA_SENSITIVE         True' '[out] hKey = 0x9' '2: C_GetAttributeValue' '[in] hObject = 0x9' \
        '    CKA_VALUE             0/0' >"$G/log"
    [ "$(judge "$G/log")" = "2 1 1" ]
    sed -i 's/True/False/' "$G/log"
    [ "$(judge "$G/log")" = "2 1 0" ]
}
