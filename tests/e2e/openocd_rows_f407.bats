#!/usr/bin/env bats
# Stock OpenOCD on a simulated STM32F407: each test is a row of what was measured (see rows.bash).

setup_file() {
    source "$BATS_TEST_DIRNAME/rows.bash"
    rows_setup_file stm32f407
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/rows.bash"
    board_stop
    rm -rf "$T"
}

setup() {
    source "$BATS_TEST_DIRNAME/rows.bash"
    rows_setup stm32f407
}

@test "stm32f407: the JTAG chain has two TAPs, a Cortex-M4 r0p1, 6 breakpoints, 4 watchpoints" {
    row_chain
}

@test "stm32f407: halt" {
    row_halt
}

@test "stm32f407: reset halt stops at the reset vector" {
    row_reset_halt
}

@test "stm32f407: resume" {
    row_resume
}

@test "stm32f407: step" {
    row_step
}

@test "stm32f407: hardware breakpoint" {
    row_hw_breakpoint
}

@test "stm32f407: software breakpoint in RAM" {
    row_soft_breakpoint
}

@test "stm32f407: mdw, mdh, mdb, mww, mwh, mwb" {
    row_memory
}

@test "stm32f407: block transfers cross 4 KB" {
    row_memory_across_4k
}

@test "stm32f407: flash probe" {
    row_flash_probe
}

@test "stm32f407: erase and write 32 KB by the loader, verify by CRC" {
    row_flash_32k
}

@test "stm32f407: erase and write 64 KB by the loader, verify by CRC" {
    row_flash_64k
}

@test "stm32f407: OTP write is refused until enabled, then written and verified" {
    row_otp_enable_write_verify
}

@test "stm32f407: OTP survives a power cycle" {
    row_otp_survives_power
}

@test "stm32f407: a second OTP write is accepted, the bits are ANDed" {
    row_otp_second_write_f4
}

@test "stm32f407: an OTP block is locked by register writes, then refuses (WRPERR)" {
    row_otp_lock_f4
}

@test "stm32f407: RDP 1 refuses reads, unlock erases the flash and keeps the OTP" {
    row_rdp1_reads_refused_unlock_erases
}

@test "stm32f407: RDP 2 kills the debug port, also after power-on" {
    row_rdp2_debug_port_is_dead
}

@test "stm32f407: the self-test firmware runs" {
    row_selftest_firmware
}

@test "stm32f407: a WAIT answer is replayed" {
    row_wait_ack
}

@test "stm32f407: another board under a live OpenOCD" {
    row_swap_under_live_openocd
}

@test "stm32f407: error: adapter socket missing" {
    row_adapter_socket_missing
}

@test "stm32f407: error: no device" {
    row_no_device
}

@test "stm32f407: error: no device, codes in a live session" {
    row_no_device_codes
}

@test "stm32f407: error: a wrong IDCODE is provisioned anyway" {
    row_wrong_idcode_provisions_anyway
}

@test "stm32f407: error: chip gone in mid-write" {
    row_chip_gone_in_mid_write
}

@test "stm32f407: error: chip gone in mid-write, code" {
    row_chip_gone_codes
}

@test "stm32f407: error: adapter link closed in mid-write" {
    row_link_dropped_in_mid_write
}

@test "stm32f407: error: OTP not enabled" {
    row_otp_not_enabled
}

@test "stm32f407: error: OTP block locked" {
    row_otp_locked_f4
}

@test "stm32f407: error: OTP rewritten, unlocked" {
    row_otp_rewritten_f4
}

@test "stm32f407: error: erase OTP" {
    row_erase_otp
}

@test "stm32f407: error: verify_bank differs" {
    row_verify_bank_differs
}

@test "stm32f407: error: verify_image differs" {
    row_verify_image_differs
}

@test "stm32f407: error: read at RDP 1" {
    row_rdp1_read
}

@test "stm32f407: error: BSY too long" {
    row_busy_too_long
}

@test "stm32f407: Tcl port: the Tcl pipe answers code, result and log" {
    row_tcl_pipe_answers_code_result_and_log
}

@test "stm32f407: Tcl port: what is answered is also logged" {
    row_tcl_pipe_copies_answers_to_the_log
}

@test "stm32f407: Tcl port: a second adapter driver is ignored" {
    row_second_adapter_is_ignored
}

@test "stm32f407: secrets: the loader leaves the data in RAM until it is wiped" {
    row_loader_leaves_the_data_in_ram
}

@test "stm32f407: secrets: without a work area nothing is left in RAM" {
    row_without_work_area_nothing_is_left_in_ram
}
