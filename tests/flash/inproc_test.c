/* The in-process chip keeps the contract of flash/chip.h. */
#include "tests/flash/line.h"

static void test_probe_tells_who_the_part_is(void **state)
{
    (void)state;
    assert_int_equal(line.id.idcode, desc()->debug.jtag_idcode);
    assert_int_equal(line.id.dbgmcu & 0xFFF, desc()->dbgmcu.dev_id);
    assert_memory_equal(line.id.uid, silicon_uid(inproc_silicon(line.c)), CHIP_UID_LEN);
    assert_int_equal(line.id.flash_bytes, desc()->flash.size);
    assert_int_equal(line.id.rdp, 0);
}

static void test_probe_without_power_finds_no_chip(void **state)
{
    struct chip_identity id;
    struct err e;

    (void)state;
    inproc_power(line.c, false);
    expect(chip_probe(line.c, &id, &e), &e, FLASH_NO_CHIP);
}

static void test_a_uid_that_no_part_has_is_refused(void **state)
{
    static const uint8_t fill[] = { 0x00, 0xFF };
    struct chip_identity id;
    struct err e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        uint8_t uid[CHIP_UID_LEN];
        memset(uid, fill[i], sizeof uid);
        silicon_new_part(inproc_silicon(line.c), uid);
        expect(chip_probe(line.c, &id, &e), &e, FLASH_BAD_UID);
    }
}

static void test_every_cell_can_be_programmed_once_and_read_back(void **state)
{
    const uint32_t len = desc()->otp.cell, n = desc()->otp.size / len;
    uint8_t got[CHIP_OTP_MAX];
    enum otp_cell_state st[CHIP_OTP_MAX];
    struct err e;

    (void)state;
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(chip_otp_program(line.c, i, line.image + i * len, &e), ERR_OK);
    assert_int_equal(chip_otp_read(line.c, 0, n, got, st, &e), ERR_OK);
    assert_memory_equal(got, line.image, desc()->otp.size);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(st[i], OTP_CELL_READ);
        expect(chip_otp_program(line.c, i, line.image, &e), &e, FLASH_OTP_CONFLICT);
    }
}

static void test_cells_and_blocks_outside_the_area_are_refused(void **state)
{
    const uint32_t n = desc()->otp.size / desc()->otp.cell;
    uint8_t got[CHIP_OTP_MAX];
    enum otp_cell_state st[CHIP_OTP_MAX];
    struct err e;

    (void)state;
    expect(chip_otp_read(line.c, 0, n + 1, got, st, &e), &e, FLASH_OTP_RANGE);
    expect(chip_otp_read(line.c, UINT32_MAX, 2, got, st, &e), &e, FLASH_OTP_RANGE);
    expect(chip_otp_program(line.c, n, line.image, &e), &e, FLASH_OTP_RANGE);
    expect(chip_otp_lock(line.c, 16, &e), &e, desc()->otp.block != 0 ? FLASH_OTP_RANGE : FLASH_UNSUPPORTED);
}

static void test_a_cell_programmed_with_all_ones_elsewhere_is_refused_or_taken_as_silicon_does(void **state)
{
    uint8_t ones[8];
    struct err e;

    (void)state;
    memset(ones, 0xFF, sizeof ones);
    assert_int_equal(chip_otp_program(line.c, 0, ones, &e), ERR_OK); /* "never call it": what if somebody did */
    const enum err_code rc = chip_otp_program(line.c, 0, line.image, &e);
    if (desc()->controller == FLASH_STM32L4)
        expect(rc, &e, FLASH_OTP_REFUSED);
    else
        assert_int_equal(rc, ERR_OK);
}

static void test_a_stuck_bit_is_found_by_the_read_back(void **state)
{
    struct err e;

    (void)state;
    assert_true(silicon_stick_bit(inproc_silicon(line.c), desc()->otp.base, 0, true)); /* image[0] is 0x5A */
    expect(chip_otp_program(line.c, 0, line.image, &e), &e, FLASH_OTP_READBACK);
}

static void test_a_torn_cell_is_unreadable_on_l4_and_a_conflict_on_f4(void **state)
{
    uint8_t got[8];
    enum otp_cell_state st;
    struct err e;
    const bool l4 = desc()->controller == FLASH_STM32L4;

    (void)state;
    assert_true(silicon_tear_cell(inproc_silicon(line.c), desc()->otp.base));
    assert_int_equal(chip_otp_read(line.c, 0, 1, got, &st, &e), ERR_OK);
    assert_int_equal(st, l4 ? OTP_CELL_UNREADABLE : OTP_CELL_READ);
    expect(chip_otp_program(line.c, 0, line.image, &e), &e, l4 ? FLASH_OTP_UNREADABLE : FLASH_OTP_CONFLICT);
}

static void test_locks_hold_and_are_seen(void **state)
{
    uint32_t locks = 7;
    struct err e;

    (void)state;
    assert_int_equal(chip_otp_locks(line.c, &locks, &e), ERR_OK);
    assert_int_equal(locks, 0);
    if (desc()->otp.block == 0) {
        expect(chip_otp_lock(line.c, 0, &e), &e, FLASH_UNSUPPORTED);
        return;
    }
    assert_int_equal(chip_otp_lock(line.c, 2, &e), ERR_OK);
    assert_int_equal(chip_otp_lock(line.c, 2, &e), ERR_OK);
    assert_int_equal(chip_otp_lock(line.c, 15, &e), ERR_OK);
    assert_int_equal(chip_otp_locks(line.c, &locks, &e), ERR_OK);
    assert_int_equal(locks, 1u << 2 | 1u << 15);
    expect(chip_otp_program(line.c, 2 * 16, line.image, &e), &e, FLASH_OTP_REFUSED);
}

static void test_firmware_is_written_over_sector_borders_and_over_old_firmware(void **state)
{
    static uint8_t fw[3 * 16384];
    const uint32_t base = desc()->flash.base;
    const struct fw_segment seg[] = { { base, sizeof fw, fw }, { base + 0x80000 - 8, 16, fw } };
    uint8_t got[16];
    struct err e;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof fw; i++)
            fw[i] = (uint8_t)(i * 31 + (size_t)round);
        assert_int_equal(chip_flash_write(line.c, seg, 2, &e), ERR_OK);
        assert_memory_equal(silicon_flash(inproc_silicon(line.c)), fw, sizeof fw);
        assert_int_equal(chip_mem_read(line.c, base + 0x80000 - 8, got, 16, &e), ERR_OK);
        assert_memory_equal(got, fw, 16);
    }
}

static void test_firmware_outside_flash_or_off_its_boundary_is_refused(void **state)
{
    static const uint8_t fw[16];
    const uint32_t base = desc()->flash.base, end = base + desc()->flash.size;
    const struct fw_segment bad[] = { { base - 8, 16, fw }, { end - 8, 16, fw }, { base + 4, 8, fw }, { base, 12, fw } };
    struct err e;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        expect(chip_flash_write(line.c, &bad[i], 1, &e), &e, FLASH_UNSUPPORTED);
}

static void test_a_stuck_bit_in_flash_is_a_mismatch(void **state)
{
    static const uint8_t fw[16];
    const struct fw_segment seg = { desc()->flash.base, sizeof fw, fw };
    struct err e;

    (void)state;
    assert_true(silicon_stick_bit(inproc_silicon(line.c), desc()->flash.base + 5, 1, true));
    expect(chip_flash_write(line.c, &seg, 1, &e), &e, FLASH_FIRMWARE_MISMATCH);
}

static void test_ram_is_written_read_and_wiped_and_nothing_else_takes_a_write(void **state)
{
    const uint32_t addr[] = { desc()->ram.base + desc()->ram.size - 8, desc()->ram2.base };
    uint8_t got[8];
    struct err e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chip_mem_write(line.c, addr[i], line.image, 8, &e), ERR_OK);
        assert_int_equal(chip_mem_read(line.c, addr[i], got, 8, &e), ERR_OK);
        assert_memory_equal(got, line.image, 8);
    }
    assert_int_equal(chip_wipe_ram(line.c, &e), ERR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chip_mem_read(line.c, addr[i], got, 8, &e), ERR_OK);
        assert_memory_equal(got, "\0\0\0\0\0\0\0", 8);
    }
    expect(chip_mem_write(line.c, desc()->flash.base, line.image, 8, &e), &e, FLASH_UNSUPPORTED);
    expect(chip_mem_write(line.c, addr[0], line.image, 12, &e), &e, FLASH_UNSUPPORTED);
    expect(chip_mem_read(line.c, 0x60000000, got, 4, &e), &e, FLASH_READ_FAILED);
    assert_int_equal(chip_mem_read(line.c, desc()->ram.base, got, 4, &e), flash_fault[FLASH_READ_FAILED].code);
}

static void firmware(void *io, struct chip *c)
{
    memcpy(inproc_ram(c, c->desc->ram.base, 4), io, 4);
}

static void test_run_calls_what_stands_for_the_firmware(void **state)
{
    char said[4] = "ran", got[4];
    struct err e;

    (void)state;
    assert_int_equal(chip_run(line.c, &e), ERR_OK);
    inproc_on_run(line.c, firmware, said);
    assert_int_equal(chip_run(line.c, &e), ERR_OK);
    assert_int_equal(chip_mem_read(line.c, desc()->ram.base, got, 4, &e), ERR_OK);
    assert_string_equal(got, "ran");
}

static void test_level_1_leaves_uid_and_rdp_set_only(void **state)
{
    const struct fw_segment seg = { desc()->flash.base, 8, line.image };
    uint8_t got[CHIP_UID_LEN];
    enum otp_cell_state st[1];
    uint32_t locks;
    struct err e;

    (void)state;
    assert_int_equal(chip_rdp_set(line.c, 1, &e), ERR_OK);
    assert_int_equal(chip_rdp_set(line.c, 1, &e), ERR_OK);
    for (int attached = 0; attached < 2; attached++) {
        expect(chip_otp_read(line.c, 0, 1, got, st, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_otp_locks(line.c, &locks, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_otp_program(line.c, 0, line.image, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_flash_write(line.c, &seg, 1, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_mem_read(line.c, desc()->flash.base, got, 4, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_mem_read(line.c, desc()->ram.base, got, 4, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_mem_write(line.c, desc()->ram.base, got, 4, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_wipe_ram(line.c, &e), &e, FLASH_READ_PROTECTED);
        expect(chip_run(line.c, &e), &e, FLASH_READ_PROTECTED);
        assert_int_equal(chip_mem_read(line.c, desc()->uid_addr, got, CHIP_UID_LEN, &e), ERR_OK);
        assert_memory_equal(got, line.id.uid, CHIP_UID_LEN);
        probe();
        assert_int_equal(line.id.rdp, 1);
    }
}

static void test_leaving_level_1_erases_flash_and_keeps_otp(void **state)
{
    const struct fw_segment seg = { desc()->flash.base, 8, line.image };
    uint8_t got[8];
    enum otp_cell_state st[8];
    struct err e;

    (void)state;
    assert_int_equal(chip_flash_write(line.c, &seg, 1, &e), ERR_OK);
    assert_int_equal(chip_otp_program(line.c, 0, line.image, &e), ERR_OK);
    assert_int_equal(chip_rdp_set(line.c, 1, &e), ERR_OK);
    assert_int_equal(chip_rdp_set(line.c, 0, &e), ERR_OK);
    assert_int_equal(chip_otp_read(line.c, 0, 1, got, st, &e), ERR_OK);
    assert_memory_equal(got, line.image, desc()->otp.cell);
    assert_int_equal(chip_mem_read(line.c, desc()->flash.base, got, 8, &e), ERR_OK);
    assert_memory_equal(got, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
}

static void test_level_2_ends_all_contact_for_ever(void **state)
{
    struct chip_identity id;
    struct err e;

    (void)state;
    assert_int_equal(chip_rdp_set(line.c, 2, &e), ERR_OK);
    for (int i = 0; i < 2; i++) {
        expect(chip_probe(line.c, &id, &e), &e, FLASH_NO_CHIP);
        assert_true(chip_rdp_set(line.c, 0, &e) != ERR_OK);
        inproc_power(line.c, false);
        inproc_power(line.c, true);
    }
    expect(chip_rdp_set(line.c, 3, &e), &e, FLASH_UNSUPPORTED);
}

static void test_after_a_cut_nothing_goes_on_without_a_probe(void **state)
{
    struct err e;

    (void)state;
    silicon_arm_cut(inproc_silicon(line.c), CUT_OTP, 1, TEAR_NONE);
    expect(chip_otp_program(line.c, 0, line.image, &e), &e, FLASH_CONTACT_LOST);
    inproc_power(line.c, true);
    expect(chip_otp_program(line.c, 0, line.image, &e), &e, FLASH_CONTACT_LOST);
    probe();
    assert_int_equal(chip_otp_program(line.c, 0, line.image, &e), ERR_OK);
}

static void test_time_is_virtual(void **state)
{
    const uint64_t before = inproc_now_ns(line.c);
    struct err e;

    (void)state;
    assert_int_equal(chip_rdp_set(line.c, 1, &e), ERR_OK);
    assert_int_equal(chip_rdp_set(line.c, 0, &e), ERR_OK);
    assert_true(inproc_now_ns(line.c) - before > 22000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_BOTH(test_probe_tells_who_the_part_is),
        LINE_BOTH(test_probe_without_power_finds_no_chip),
        LINE_BOTH(test_a_uid_that_no_part_has_is_refused),
        LINE_BOTH(test_every_cell_can_be_programmed_once_and_read_back),
        LINE_BOTH(test_cells_and_blocks_outside_the_area_are_refused),
        LINE_BOTH(test_a_cell_programmed_with_all_ones_elsewhere_is_refused_or_taken_as_silicon_does),
        LINE_BOTH(test_a_stuck_bit_is_found_by_the_read_back),
        LINE_BOTH(test_a_torn_cell_is_unreadable_on_l4_and_a_conflict_on_f4),
        LINE_BOTH(test_locks_hold_and_are_seen),
        LINE_BOTH(test_firmware_is_written_over_sector_borders_and_over_old_firmware),
        LINE_BOTH(test_firmware_outside_flash_or_off_its_boundary_is_refused),
        LINE_BOTH(test_a_stuck_bit_in_flash_is_a_mismatch),
        LINE_BOTH(test_ram_is_written_read_and_wiped_and_nothing_else_takes_a_write),
        LINE_BOTH(test_run_calls_what_stands_for_the_firmware),
        LINE_BOTH(test_level_1_leaves_uid_and_rdp_set_only),
        LINE_BOTH(test_leaving_level_1_erases_flash_and_keeps_otp),
        LINE_BOTH(test_level_2_ends_all_contact_for_ever),
        LINE_BOTH(test_after_a_cut_nothing_goes_on_without_a_probe),
        LINE_BOTH(test_time_is_virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
