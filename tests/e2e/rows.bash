# tests/e2e/rows.bash - what stock OpenOCD must see on a simulated board, one function for each row.
# openocd_rows_l476.bats and openocd_rows_f407.bats name them as tests.  Numbers: RM0351, RM0090; texts: OpenOCD 0.12.

source "$BATS_TEST_DIRNAME/board.bash"

rows_setup_file() { # rows_setup_file CHIP: one board for the file; each test gets a new part on it
    T=$(mktemp -d)
    export T BUILD
    cells 176 >"$T/otp.bin"
    cells 176 | tr 0-9 a-j >"$T/other.bin"
    cells 32768 >"$T/32k.bin"
    cells 65536 >"$T/64k.bin"
    # vectors {SP 0x20001000, PC 0x08000008}; movs r0,#0; 1: adds r0,#1; b 1b; nop
    printf '\x00\x10\x00\x20\x09\x00\x00\x08\x00\x20\x01\x30\xfd\xe7\x00\xbf' >"$T/count.bin"
    board_start "$1" board
    ctl busy 0
}

rows_setup() { # rows_setup CHIP
    chip_facts "$1"
    board=$T/board
    if ! kill -0 "$(cat "$board/pid")" 2>/dev/null; then
        echo "vchip died in an earlier test:" && cat "$board/log"
        board_start "$1" board
    fi
    ctl new
    ctl busy 0
    enable="$driver otp 1 enable"
    write="flash write_bank 1 $T/otp.bin 0"
}

cells() { # cells N: N bytes; each 8 of them a different decimal number, none 00 or ff
    seq -f %07.0f 1 $(($1 / 8))
}

word() { # word FILE OFFSET: the little-endian 32-bit word there, as mdw prints it
    od -An -v -tx4 -j "$2" -N 4 "$1" | tr -d ' '
}

# ---- section 1: what works ----

row_chain() {
    ocd init "dap info"
    exits 0
    says "JTAG tap: $cpu tap/device found: 0x4ba00477" "JTAG tap: $name.bs tap/device found: $bs_idcode" \
        "Cortex-M4 r0p1 processor detected" "target has 6 breakpoints, 4 watchpoints" "AP ID register 0x24770011" \
        "Cortex-M4 SCS"
    says_not "Invalid ACK" "STICKY ERROR" # a blank part's core is locked up: that error is not the chain's
}

load_counter="reset halt; flash write_image $T/count.bin 0x08000000; reset halt"

row_halt() { # in RAM: b .
    ocd init "reset halt; mwh 0x20000000 0xe7fe; reg pc 0x20000000; reg xPSR 0x01000000; resume; sleep 5; halt; reg pc"
    exits 0
    says "halted due to debug-request" "pc (/32): 0x20000000"
}

row_reset_halt() {
    ocd init "$load_counter"
    exits 0
    says "halted due to debug-request" "pc: 0x08000008 msp: 0x20001000"
}

row_resume() {
    ocd init "$load_counter; set a 0" \
        "for {set i 0} {\$i < 500 && \$a <= 1000} {incr i} {resume;sleep 20;halt;set a [lindex [reg r0] 2]}" \
        "if {\$a > 1000} {echo counted}"
    exits 0
    says counted
}

row_step() {
    ocd init "$load_counter; step; reg pc; step; reg pc; step; reg pc; step; reg r0"
    exits 0
    says "pc (/32): 0x0800000a" "pc (/32): 0x0800000c" "r0 (/32): 0x00000002"
}

row_hw_breakpoint() {
    ocd init "$load_counter; bp 0x0800000c 2 hw; resume; wait_halt 20000; reg pc; rbp 0x0800000c; reg r0"
    exits 0
    says "halted due to breakpoint" "pc (/32): 0x0800000c" "r0 (/32): 0x00000001"
}

row_soft_breakpoint() {
    ocd init "reset halt; mww 0x20000000 0x30012000; mww 0x20000004 0xbf00e7fd; reg pc 0x20000000; reg xPSR 0x01000000" \
        "bp 0x20000004 2; resume; wait_halt 20000; reg pc; rbp 0x20000004; mdh 0x20000004"
    exits 0
    says "halted due to breakpoint" "pc (/32): 0x20000004" "0x20000004: e7fd"
}

row_memory() {
    ocd init "reset halt" "mww 0x20000100 0x11223344; mwh 0x20000104 0x5566; mwb 0x20000106 0x77; mwb 0x20000107 0x88" \
        "mdw 0x20000100 2; mdh 0x20000100; mdh 0x20000102; mdb 0x20000100 8; mdh 0x20000106"
    exits 0
    says "0x20000100: 11223344 88775566" "0x20000100: 3344" "0x20000102: 1122" "0x20000100: 44 33 22 11 66 55 77 88" \
        "0x20000106: 8877"
}

row_memory_across_4k() { # TAR auto-increment wraps at 4 KB: OpenOCD must set TAR anew there
    ocd init "reset halt; load_image $T/32k.bin 0x20000800 bin; dump_image $T/ram.bin 0x20000800 32768"
    exits 0
    cmp "$T/32k.bin" "$T/ram.bin"
}

row_flash_probe() {
    ocd init "reset halt; flash probe 0; flash info 0"
    exits 0
    says "= 0x$dbgmcu" "flash size = 1024"
}

flash_written() { # flash_written FILE BYTES LAST_SECTOR
    ocd init "reset halt; flash erase_sector 0 0 $3; flash erase_check 0" \
        "flash write_image $1 0x08000000; verify_image $1 0x08000000; dump_image $T/part.bin 0x08004000 1024"
    exits 0
    says "erased sectors 0 through $3 on flash bank 0" "wrote $2 bytes from file" "verified $2 bytes"
    no_errors
    says_not "falling back" "checksum mismatch" # the loader wrote, the part's own CRC compared
    cmp "$T/part.bin" <(tail -c +16385 "$1" | head -c 1024)
}

row_flash_32k() {
    flash_written "$T/32k.bin" 32768 "$sectors_32k"
}

row_flash_64k() {
    flash_written "$T/64k.bin" 65536 "$sectors_64k"
}

row_otp_enable_write_verify() {
    ocd init "reset halt; flash probe 1" "code {$write}" "$enable" "code {$write}" \
        "code {flash verify_bank 1 $T/otp.bin 0}" "mdw $otp"
    exits 0
    says "wrote 176 bytes from file" "contents match" "$otp: $(word "$T/otp.bin" 0)"
    codes -4 0 0
}

row_otp_survives_power() {
    ocd init "reset halt; $enable; $write; board power cycle" # the session ends with the board
    ocd init "reset halt; $enable; flash verify_bank 1 $T/otp.bin 0"
    exits 0
    says "contents match"
}

row_otp_second_write_l4() {
    ocd init "reset halt; $enable; $write; flash write_bank 1 $T/other.bin 0"
    exits 1
    says "flash write failed = 00000008" "error writing to flash at address $otp at offset 0x00000000" # PROGERR
    ocd init "reset halt; flash verify_bank 1 $T/otp.bin 0"
    says "contents match"
}

row_otp_second_write_f4() { # the silicon takes it: old AND new
    ocd init "reset halt; $enable; $write; code {flash write_bank 1 $T/other.bin 0}" \
        "flash read_bank 1 $T/back.bin 0 176"
    exits 0
    says "code 0" "wrote 176 bytes from file $T/other.bin"
    cmp "$T/back.bin" <(and_of "$T/otp.bin" "$T/other.bin")
}

and_of() { # and_of A B: each byte of A AND the one of B
    paste <(od -An -v -tu1 -w1 "$1") <(od -An -v -tu1 -w1 "$2") |
        while read -r a b; do printf "\\x$(printf %x $((a & b)))"; done
}

unlock_f4="mww 0x40023c04 0x45670123; mww 0x40023c04 0xcdef89ab"
lock_block_0="$unlock_f4; mww 0x40023c10 0x1; mwb 0x1fff7a00 0; mdw 0x40023c0c; mww 0x40023c10 0x80000000"

row_otp_lock_f4() {
    ocd init "reset halt; $enable; $write; $lock_block_0; mdb 0x1fff7a00 2"
    exits 0
    says "0x40023c0c: 00000000" "0x1fff7a00: 00 ff" # no error in FLASH_SR; block 0 locked, block 1 not
    ocd init "reset halt; $enable; flash write_bank 1 $T/other.bin 0"
    exits 1
    says "flash memory write protected" "flash write failed = 0x00000010" # WRPERR
    ocd init "reset halt; flash verify_bank 1 $T/otp.bin 0"
    says "contents match"
}

# Set readout protection as each driver can, and take the power away so that it is in force.
protect() { # protect LEVEL_BYTE
    case $driver in
    stm32l4x) ocd init "reset halt; stm32l4x option_write 0 0x20 0x$1 0xff; code {stm32l4x option_load 0}" ;;
    stm32f2x) ocd init "reset halt; mww 0x40023c08 0x08192a3b; mww 0x40023c08 0x4c5d6e7f" \
        "mww 0x40023c14 0x0fff${1}ec; code {mww 0x40023c14 0x0fff${1}ee}" ;;
    esac
}

row_rdp1_reads_refused_unlock_erases() {
    ocd init "reset halt; $enable; $write; flash write_image $T/count.bin 0x08000000"
    exits 0
    protect 00
    ctl power cycle
    ocd init "code {reset halt}; code {mdw 0x08000000}; code {mdw $otp}"
    says "code -107" "Failed to read memory at"
    says_not "0x08000000: 20001000" "$otp: $(word "$T/otp.bin" 0)"
    ocd init "reset halt; $driver unlock 0; $([ $driver = stm32l4x ] && echo "stm32l4x option_load 0")"
    ctl power cycle
    ocd init "reset halt; mdw 0x08000000; $enable; flash verify_bank 1 $T/otp.bin 0"
    exits 0
    says "0x08000000: ffffffff" "contents match"
}

row_rdp2_debug_port_is_dead() {
    protect cc
    ctl power cycle
    ocd init
    exits 1
    says "JTAG scan chain interrogation failed: all ones"
    ctl power cycle
    ocd init
    exits 1
    says "JTAG scan chain interrogation failed: all ones"
}

# ---- section 1: the firmware of tests/firmware/selftest.c ----

symbol() { # symbol NAME: its address
    arm-none-eabi-nm "$elf" | awk -v n="$1" '$3 == n { print "0x" $1 }'
}

row_selftest_firmware() { # .data, .bss, SVC, SysTick, PendSV, interrupts, WFI, recovered HardFaults, FPU, RNG, USART
    elf=$BUILD/firmware/selftest-$chip.elf
    local result
    result=$(symbol selftest_result)
    timeout 120 cat "$board/usart" >"$T/usart.txt" 3>&- &
    local reader=$! i
    ocd init "reset halt; flash write_image erase $elf; verify_image $elf; reset run" \
        "for {set i 0} {\$i < 3000 && [read_memory $result 32 1] ni {0x600dc0de 0xbadc0de5}} {incr i} {sleep 10}" \
        "mdw $result 3"
    for i in {1..400}; do
        ! grep -q PASS "$T/usart.txt" || break
        sleep 0.05
    done
    kill "$reader" || true
    exits 0
    says "$result: 600dc0de"
    grep PASS "$T/usart.txt"
}

# ---- section 1: injected faults ----

row_wait_ack() {
    ocd init "reset halt; board wait 3; mww 0x20000000 0xcafe0001; mdw 0x20000000"
    exits 0
    says "DAP transaction stalled (WAIT)" "0x20000000: cafe0001"
}

row_swap_under_live_openocd() { # at the second attempt: the first finds the debug regions unpowered
    ocd init "poll off; reset halt; echo first-[read_memory $uid 32 3]" "board new" \
        "jtag arp_init; code {$cpu arp_examine}; code {$cpu arp_examine}; reset halt" \
        "echo second-[read_memory $uid 32 3]; $enable; $write; flash verify_bank 1 $T/otp.bin 0"
    exits 0
    says "contents match"
    [ "$(sed -n 's/^first-//p' <<<"$output")" != "$(sed -n 's/^second-//p' <<<"$output")" ]
    codes 1 0
}

# ---- section 4: errors ----

row_adapter_socket_missing() {
    local board=$T/nowhere
    ocd init
    exits 1
    says "Error: Error on socket 'connect': errno==2, message: No such file or directory."
}

row_no_device() {
    ctl remove
    ocd init
    exits 1
    says "JTAG scan chain interrogation failed: all ones" "Check JTAG interface, timings, target power, etc." \
        "Trying to use configured scan chain anyway..." "$cpu: IR capture error; saw 0x0f not 0x01" \
        "Bypassing JTAG setup events due to errors" "Invalid ACK (7) in DAP response"
}

row_no_device_codes() {
    ocd init "poll off; reset halt; board remove" "code {jtag arp_init}; code {$cpu arp_examine}; code {reset halt}" \
        "echo [format {still 0x%08x} [jtag cget $cpu -idcode]]"
    codes 0 1 -4
    says "JTAG-DP STICKY ERROR" "still 0x4ba00477" # of the chip that was there: never believe it
}

row_wrong_idcode_provisions_anyway() { # why we compare it ourselves
    ctl idcode 0x2ba01477
    ocd init "code {jtag arp_init}; reset halt; $enable; $write"
    exits 0
    says "JTAG tap: $cpu       UNEXPECTED: 0x2ba01477" "expected 1 of 1: 0x4ba00477" "code 0" "wrote 176 bytes"
}

row_chip_gone_in_mid_write() {
    ocd init "reset halt; flash erase_sector 0 0 $sectors_32k; board gone after 20000" \
        "flash write_image $T/32k.bin 0x08000000"
    exits 1
    says "Invalid ACK (7) in DAP response" "JTAG-DP STICKY ERROR" \
        "Failed to write memory and, additionally, failed to find out where" "error writing to flash at address 0x08000000"
    [ $driver = stm32f2x ] || says "block write failed"
}

row_chip_gone_codes() {
    ocd init "reset halt; flash erase_sector 0 0 $sectors_32k; board gone after 20000" \
        "code {flash write_bank 0 $T/32k.bin 0}"
    [[ $(sed -n 's/^code //p' <<<"$output") =~ ^(-107|-4)$ ]] || { echo "$output" && return 1; }
}

row_link_dropped_in_mid_write() { # assertion in OpenOCD: it dies of SIGABRT
    ocd init "reset halt; flash erase_sector 0 0 $sectors_32k; board drop after 20000" \
        "flash write_image $T/32k.bin 0x08000000"
    exits 134
    says "remote_bitbang_read_sample: Assertion"
    ocd init "reset halt" # the board takes the next session
    exits 0
}

row_otp_not_enabled() {
    ocd init "reset halt; $write"
    exits 1
    says "OTP memory " "is disabled for write commands"
}

row_otp_used_l4() {
    ocd init "reset halt; $enable; $write; code {$write}"
    says "code -4"
    ocd init "reset halt; $enable; $write"
    exits 1
    says "flash write algorithm aborted by target" "error executing stm32l4 flash write algorithm" \
        "flash write failed = 00000008" "block write failed" "error writing to flash at address $otp at offset 0x00000000"
}

row_otp_zero_is_no_exception_l4() { # in OTP a second program is refused even with the value 0 (in main flash it is not)
    head -c 8 /dev/zero >"$T/zero.bin"
    ocd init "reset halt; $enable; $write; code {flash write_bank 1 $T/zero.bin 0}; mdw $otp" \
        "flash write_image $T/count.bin 0x08000000; code {flash write_bank 0 $T/zero.bin 0}; mdw 0x08000000 2"
    exits 0
    codes -4 0
    says "$otp: $(word "$T/otp.bin" 0)" "0x08000000: 00000000 00000000"
}

row_otp_locked_f4() {
    ocd init "reset halt; $lock_block_0; $enable; code {$write}"
    says "code -4"
    ocd init "reset halt; $enable; $write"
    exits 1
    says "error executing stm32x flash write algorithm" "flash memory write protected" "flash write failed = 0x00000010"
}

row_otp_rewritten_f4() {
    ocd init "reset halt; $enable; $write; $write"
    exits 0
    no_errors
}

row_erase_otp() { # the code and the capital letter are each driver's own
    local code=-908 text="cannot erase OTP memory"
    [ $driver = stm32l4x ] || code=-4 text="Cannot erase OTP memory"
    ocd init "reset halt; $enable; code {flash erase_sector 1 0 0}"
    codes "$code"
    ocd init "reset halt; $enable; $write; flash erase_sector 1 0 0"
    exits 1
    says "$text" "failed erasing sectors 0 to 0"
    ocd init "reset halt; flash verify_bank 1 $T/otp.bin 0"
    says "contents match"
}

row_verify_bank_differs() {
    ocd init "reset halt; $enable; $write; code {flash verify_bank 1 $T/other.bin 0}"
    codes -4
    ocd init "reset halt; flash verify_bank 1 $T/other.bin 0"
    exits 1
    says "contents differ" "diff 0 address 0x" "Was 0x30 instead of 0x61" # it prints the bytes: never for secrets
}

row_verify_image_differs() {
    ocd init "reset halt; flash write_image $T/count.bin 0x08000000; code {verify_image $T/other.bin 0x08000000}"
    codes -4
    ocd init "reset halt; verify_image $T/other.bin 0x08000000"
    exits 1
    says "checksum mismatch - attempting binary compare" "diff 0 address 0x08000000. Was 0x00 instead of 0x61"
}

row_rdp1_read() {
    protect 00
    ctl power cycle
    ocd init "halt; code {mdw 0x08000000}"
    says "code -107" "JTAG-DP STICKY ERROR" "Failed to read memory at 0x08000004"
    ctl power cycle
    ocd init "halt; mdw 0x08000000"
    exits 1
}

row_rdp2_option_load() { # the error is the success
    protect cc
    codes -107
    ctl new
    ocd init "reset halt; stm32l4x option_write 0 0x20 0xcc 0xff; stm32l4x option_load 0"
    exits 1
    says "Invalid ACK (7)" "stm32l4x option load failed"
    ocd init
    exits 1
    says "JTAG scan chain interrogation failed: all ones"
}

row_busy_too_long() {
    ctl busy 1000000
    ocd init "reset halt; flash erase_sector 0 0 $sectors_32k"
    exits 1
    says "timed out waiting for flash" "failed erasing sectors 0 to $sectors_32k"
    [ $driver = stm32l4x ] || return 0 # the F4 driver waits for 10 s: once is enough
    ctl new
    ctl busy 1000000
    ocd init "reset halt; code {flash erase_sector 0 0 $sectors_32k}"
    codes -4
}

# ---- section 4.1: the Tcl port ----

rpc() { # rpc COMMAND...: each through the wrapper that tells code, result and log apart; fills the array `answer`
    local c wrapped=
    for c in "$@"; do
        wrapped+="set _o [capture {set _c [catch {$c} _r]}]; list \$_c \$_r \$_o"$'\x1a'
    done
    printf %s "$wrapped" "shutdown"$'\x1a' >"$T/questions"
    timeout -s KILL 30 env -i PATH="$PATH" openocd -c "gdb_port disabled; telnet_port disabled; tcl_port pipe" \
        -c "adapter driver remote_bitbang; remote_bitbang port 0; remote_bitbang host $board/jtag" -f "target/$name.cfg" \
        -c "adapter srst delay 0; jtag_ntrst_delay 0; $cpu configure -event reset-start {}" -c init \
        <"$T/questions" >"$T/answers" 2>"$T/log" || true
    mapfile -d $'\x1a' -t answer <"$T/answers"
}

row_tcl_pipe_answers_code_result_and_log() {
    rpc "poll off" "reset halt" "read_memory $uid 32 3" "$write" "flash verify_bank 1 $T/otp.bin 0"
    printf '%s\n' "${answer[@]}"
    [[ ${answer[0]} == 0\ * ]]
    [[ ${answer[1]} == 0\ * ]]
    [[ ${answer[2]} == 0\ {0x* ]]
    [[ ${answer[3]} == -4\ {}\ *"is disabled for write commands"* ]]
    [[ ${answer[4]} == -4\ *"contents differ"* ]]
}

row_tcl_pipe_copies_answers_to_the_log() { # so that a secret must not be the result of a command
    rpc "poll off" "reset halt" "read_memory $uid 32 3"
    grep -q -F "${answer[2]}" "$T/log"
}

row_second_adapter_is_ignored() {
    ocd "adapter driver dummy" init
    says "Interface already configured, ignoring"
}

# ---- section 4.2: what a write leaves behind, and what it need not ----

in_ram() { # how often the burned bytes, any cell of them but the first, are in the board's RAM
    ctl find "$(word_bytes 8)"
}

word_bytes() { # word_bytes OFFSET: 8 bytes of the OTP image as hex digits
    od -An -v -tx1 -j "$1" -N 8 "$T/otp.bin" | tr -d ' \n'
}

row_loader_leaves_the_data_in_ram() {
    ocd init "reset halt; $enable; $write"
    exits 0
    in_ram | grep "^ok [1-9].*first=0x2000"
    ocd init "reset halt; mwb 0x20000000 0 40960"
    in_ram | grep -x "ok 0"
}

row_without_work_area_nothing_is_left_in_ram() {
    ocd init "$cpu configure -work-area-size 0; reset halt; $enable; $write; flash verify_bank 1 $T/otp.bin 0"
    exits 0
    says "contents match"
    in_ram | grep -x "ok 0"
}
