/* The rules of RM0351 ch. 3, one test each: double words with ECC that take one program. */
#include "tests/flash/vchip/part.h"

static const uint32_t OTP = 0x1FFF7000, REGS = 0x40022000, SIZERR = 1u << 6, OPTVERR = 1u << 15;
static const uint32_t PER = 1u << 1, MER1 = 1u << 2, MER2 = 1u << 15, BKER = 1u << 11;
static const uint32_t ECCR = 0x18, ECCD = 1u << 31, SYSF_ECC = 1u << 20, BK_ECC = 1u << 19, WRP1AR = 0x2C, WRP2BR = 0x50;
static const uint64_t VALUE = 0x1122334455667788;

static uint32_t reg(struct part *p, uint32_t offset)
{
    return part_read(p, REGS + offset, 4);
}

static void set_reg(struct part *p, uint32_t offset, uint32_t v)
{
    assert_int_equal(part_write(p, BUS_DEBUG, REGS + offset, 4, v), BUS_OK);
}

static void test_a_double_word_programs_as_even_then_odd_word(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, OTP + 8, 8, VALUE), 0);
    assert_int_equal(part_program(p, FLASH + 16, 8, VALUE), 0);
    assert_true(part_read64(p, OTP + 8) == VALUE && part_read64(p, FLASH + 16) == VALUE);
    assert_true(part_read64(p, OTP) == UINT64_MAX && part_read64(p, OTP + 16) == UINT64_MAX);
}

static void test_the_even_word_alone_changes_nothing(void **state)
{
    struct part *p = *state;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    assert_int_equal(part_write(p, BUS_DEBUG, OTP, 4, 1), BUS_OK);
    assert_false(silicon_busy(p->s));
    assert_true(part_read64(p, OTP) == UINT64_MAX);
}

static void test_a_second_program_of_an_otp_cell_is_refused(void **state)
{
    struct part *p = *state;
    struct silicon_stats st;

    assert_int_equal(part_program(p, OTP, 8, VALUE), 0);
    assert_int_equal(part_program(p, OTP, 8, VALUE & 0xFFFF), PROGERR);
    assert_true(part_read64(p, OTP) == VALUE);
    silicon_stats_get(p->s, &st);
    assert_int_equal(st.otp_pulses, 1);
    assert_int_equal(st.otp_refused, 1);
}

static void test_otp_has_no_exception_for_all_zero(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, OTP, 8, VALUE), 0);
    assert_int_equal(part_program(p, OTP, 8, 0), PROGERR);
    assert_true(part_read64(p, OTP) == VALUE);
}

static void test_an_otp_cell_programmed_with_all_ones_is_spent(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, OTP, 8, UINT64_MAX), 0);
    assert_true(part_read64(p, OTP) == UINT64_MAX);
    assert_int_equal(part_program(p, OTP, 8, VALUE), PROGERR);
    assert_true(part_read64(p, OTP) == UINT64_MAX);
}

static void test_main_flash_refuses_a_cell_that_is_not_erased(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, FLASH, 8, VALUE), 0);
    assert_int_equal(part_program(p, FLASH, 8, VALUE & 0xFF), PROGERR);
    assert_true(part_read64(p, FLASH) == VALUE);
}

static void test_main_flash_takes_all_zero_over_anything(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, FLASH, 8, VALUE), 0);
    assert_int_equal(part_program(p, FLASH, 8, 0), 0);
    assert_true(part_read64(p, FLASH) == 0);
}

static void test_an_odd_word_first_is_pgaerr(void **state)
{
    struct part *p = *state;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    assert_int_equal(part_write(p, BUS_DEBUG, FLASH + 4, 4, 1), BUS_OK);
    assert_int_equal(part_verdict(p), PGAERR);
}

static void test_a_second_word_of_another_double_word_is_pgaerr(void **state)
{
    static const uint32_t second[] = { 8, 12, 0 };
    struct part *p = *state;

    for (size_t i = 0; i < 3; i++) {
        part_unlock(p);
        part_set(p, PART_CR, CR_PG);
        assert_int_equal(part_write(p, BUS_DEBUG, OTP, 4, 1), BUS_OK);
        assert_int_equal(part_write(p, BUS_DEBUG, OTP + second[i], 4, 2), BUS_OK);
        assert_int_equal(part_verdict(p), PGAERR);
    }
    assert_true(part_read64(p, OTP) == UINT64_MAX && part_read64(p, OTP + 8) == UINT64_MAX);
}

static void test_bytes_and_half_words_are_sizerr(void **state)
{
    struct part *p = *state;

    for (unsigned size = 1; size <= 2; size++) {
        part_unlock(p);
        part_set(p, PART_CR, CR_PG);
        assert_int_equal(part_write(p, BUS_DEBUG, FLASH, size, 0), BUS_OK);
        assert_int_equal(part_verdict(p), SIZERR);
    }
    assert_true(part_read64(p, FLASH) == UINT64_MAX);
}

static void test_an_old_error_flag_refuses_the_next_program_and_erase(void **state)
{
    struct part *p = *state;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    (void)part_write(p, BUS_DEBUG, FLASH, 2, 0);
    assert_int_equal(part_get(p, PART_SR), SIZERR);
    (void)part_write(p, BUS_DEBUG, FLASH, 4, 1);
    (void)part_write(p, BUS_DEBUG, FLASH + 4, 4, 1);
    assert_int_equal(part_verdict(p), SIZERR | PGSERR);
    assert_true(part_read64(p, FLASH) == UINT64_MAX);

    assert_int_equal(part_program(p, FLASH, 8, VALUE), 0);
    part_set(p, PART_CR, CR_PG);
    (void)part_write(p, BUS_DEBUG, FLASH + 8, 1, 0);
    part_set(p, PART_CR, PER | CR_STRT);
    assert_int_equal(part_verdict(p), SIZERR | PGSERR);
    assert_true(part_read64(p, FLASH) == VALUE);
}

static void test_page_erase_takes_the_page_of_pnb_and_bker(void **state)
{
    static const uint32_t off[] = { 0, 2048, 4096, 0x80000, 0x80800, 0xFF800 };
    struct part *p = *state;

    for (size_t i = 0; i < 6; i++)
        assert_int_equal(part_program(p, FLASH + off[i], 8, VALUE), 0);
    assert_int_equal(part_erase(p, PER | 1u << 3), 0);
    assert_int_equal(part_erase(p, PER | BKER | 255u << 3), 0);
    for (size_t i = 0; i < 6; i++)
        assert_true((part_read64(p, FLASH + off[i]) == VALUE) == (i != 1 && i != 5));
    assert_int_equal(part_program(p, FLASH + 2048, 8, VALUE), 0); /* and it can be programmed again */
}

static void test_mass_erase_takes_bank_1_bank_2_or_both_and_never_otp(void **state)
{
    static const struct {
        uint32_t mer;
        bool bank1, bank2;
    } row[] = { { MER1, true, false }, { MER2, false, true }, { MER1 | MER2, true, true } };
    struct part *p = *state;

    assert_int_equal(part_program(p, OTP, 8, VALUE), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)part_program(p, FLASH, 8, 0);
        (void)part_program(p, FLASH + 0x80000, 8, 0);
        assert_int_equal(part_erase(p, row[i].mer), 0);
        assert_true((part_read64(p, FLASH) == UINT64_MAX) == row[i].bank1);
        assert_true((part_read64(p, FLASH + 0x80000) == UINT64_MAX) == row[i].bank2);
    }
    assert_true(part_read64(p, OTP) == VALUE);
    assert_int_equal(part_program(p, OTP, 8, VALUE), PROGERR);
}

static void test_strt_without_a_kind_of_erase_or_with_pg_is_pgserr(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_erase(p, 0), PGSERR);
    assert_int_equal(part_erase(p, PER | CR_PG), PGSERR);
    assert_int_equal(part_erase(p, PER | MER1), PGSERR);
}

static void expect_busy(struct part *p, uint64_t ns)
{
    assert_true((part_get(p, PART_SR) & SR_BSY) != 0);
    p->now_ns += ns - 1;
    assert_true((part_get(p, PART_SR) & SR_BSY) != 0);
    p->now_ns += 1;
    assert_int_equal(part_get(p, PART_SR), 0);
}

static void test_busy_times_are_the_data_sheets(void **state)
{
    struct part *p = *state;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    (void)part_write(p, BUS_DEBUG, FLASH, 4, 1);
    (void)part_write(p, BUS_DEBUG, FLASH + 4, 4, 1);
    expect_busy(p, 82000);
    part_set(p, PART_CR, PER | CR_STRT);
    assert_true((part_get(p, PART_CR) & CR_STRT) != 0);
    expect_busy(p, 22000000);
    assert_true((part_get(p, PART_CR) & CR_STRT) == 0);
    part_set(p, PART_CR, MER1 | MER2 | CR_STRT);
    expect_busy(p, 22000000);
}

static void protect(struct part *p, uint32_t offset, uint32_t wrp)
{
    part_unlock_options(p);
    set_reg(p, offset, wrp);
    part_set(p, PART_CR, 1u << 17);
    part_wait(p);
    part_set(p, PART_CR, 1u << 27);
}

static void test_write_protected_pages_take_no_program_and_no_erase(void **state)
{
    struct part *p = *state;

    protect(p, WRP1AR, 0xFF02FF01); /* pages 1 and 2 of bank 1 */
    protect(p, WRP2BR, 0xFFFFFFFF); /* page 255 of bank 2 */
    assert_int_equal(part_program(p, FLASH + 2040, 8, 1), 0);
    assert_int_equal(part_program(p, FLASH + 2048, 8, 1), WRPERR);
    assert_int_equal(part_program(p, FLASH + 3 * 2048 - 8, 8, 1), WRPERR);
    assert_int_equal(part_program(p, FLASH + 3 * 2048, 8, 1), 0);
    assert_int_equal(part_program(p, FLASH + 0xFF800, 8, 1), WRPERR);
    assert_int_equal(part_program(p, FLASH + 0x80000 + 2048, 8, 1), 0);
    assert_int_equal(part_erase(p, PER | 2u << 3), WRPERR);
    assert_int_equal(part_erase(p, PER | BKER | 255u << 3), WRPERR);
    assert_int_equal(part_erase(p, MER1), WRPERR);
    assert_int_equal(part_erase(p, PER), 0);
}

static void test_a_torn_otp_cell_is_an_ecc_error_and_spent(void **state)
{
    struct part *p = *state;

    assert_true(silicon_tear_cell(p->s, OTP + 0x18));
    assert_int_equal(reg(p, ECCR), 0);
    (void)part_read(p, OTP + 0x1C, 4);
    assert_int_equal(reg(p, ECCR), ECCD | SYSF_ECC | 0x7018);
    assert_int_equal(p->nmis, 0);
    set_reg(p, ECCR, ECCD);
    assert_int_equal(reg(p, ECCR) & ECCD, 0);
    (void)part_read(p, OTP + 0x10, 4);
    assert_int_equal(reg(p, ECCR) & ECCD, 0);
    assert_int_equal(part_program(p, OTP + 0x18, 8, 0), PROGERR);
}

static void test_an_ecc_error_in_the_array_names_bank_and_offset_and_keeps_the_first(void **state)
{
    struct part *p = *state;

    assert_true(silicon_tear_cell(p->s, FLASH + 0x80000 + 0x23458));
    (void)part_read(p, FLASH + 0x80000 + 0x23458, 4);
    assert_int_equal(reg(p, ECCR), ECCD | BK_ECC | 0x23458);
    assert_true(silicon_tear_cell(p->s, FLASH + 8));
    (void)part_read(p, FLASH + 8, 4);
    assert_int_equal(reg(p, ECCR), ECCD | BK_ECC | 0x23458);
}

static void test_an_ecc_error_read_by_the_core_is_an_nmi(void **state)
{
    struct part *p = *state;
    uint32_t v;

    assert_true(silicon_tear_cell(p->s, OTP));
    assert_int_equal(silicon_read(p->s, BUS_CPU_FLASH, OTP, 4, &v), BUS_OK);
    assert_int_equal(p->nmis, 1);
}

static void test_zero_over_a_torn_flash_cell_makes_it_readable(void **state)
{
    struct part *p = *state;

    assert_true(silicon_tear_cell(p->s, FLASH));
    assert_int_equal(part_program(p, FLASH, 8, VALUE), PROGERR);
    assert_int_equal(part_program(p, FLASH, 8, 0), 0);
    assert_true(part_read64(p, FLASH) == 0);
    assert_int_equal(reg(p, ECCR) & ECCD, 0);
}

static void test_options_need_both_locks_open(void **state)
{
    struct part *p = *state;
    const uint32_t optr = part_get(p, PART_OPTR);

    assert_int_equal(optr, 0xFFEFF8AA);
    part_unlock(p);
    part_set(p, PART_OPTR, 0);
    assert_int_equal(part_get(p, PART_OPTR), optr);
    part_set(p, PART_CR, 1u << 17 | 1u << 27);
    assert_int_equal(p->launches, 0);
}

static void test_option_keys_before_the_flash_keys_are_a_wrong_sequence(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_write(p, BUS_DEBUG, part_reg(p, PART_OPTKEYR), 4, OPTKEY1), BUS_FAULT);
    silicon_system_reset(p->s);
    part_unlock_options(p);
    assert_int_equal(part_get(p, PART_CR) & 1u << 30, 0);
    part_set(p, PART_CR, CR_LOCK); /* closes both */
    assert_int_equal(part_get(p, PART_CR) >> 30, 3);
}

static void test_stored_options_rule_only_after_a_launch(void **state)
{
    struct part *p = *state;

    part_unlock_options(p);
    part_set(p, PART_OPTR, 0xFFEFF800);
    part_set(p, PART_CR, 1u << 17);
    assert_true((part_get(p, PART_SR) & SR_BSY) != 0);
    p->now_ns += 22000000;
    assert_true((part_get(p, PART_SR) & SR_BSY) != 0);
    part_wait(p);
    silicon_system_reset(p->s);
    assert_int_equal(silicon_rdp(p->s), 0);
    part_unlock_options(p);
    part_set(p, PART_CR, 1u << 27);
    assert_int_equal(silicon_rdp(p->s), 1);
    assert_int_equal(p->launches, 1);
    assert_true((part_get(p, PART_CR) & CR_LOCK) != 0);
}

static void test_stored_options_rule_after_a_power_cycle(void **state)
{
    struct part *p = *state;

    part_unlock_options(p);
    part_set(p, PART_OPTR, 0xFFEFF800);
    part_set(p, PART_CR, 1u << 17);
    part_wait(p);
    part_power_cycle(p);
    assert_int_equal(silicon_rdp(p->s), 1);
    assert_int_equal(p->launches, 0);
}

static void test_options_torn_by_a_cut_load_as_level_1_with_optverr(void **state)
{
    struct part *p = *state;

    part_unlock_options(p);
    part_set(p, PART_CR, 1u << 17);
    part_power_cycle(p); /* in mid-program */
    assert_int_equal(silicon_rdp(p->s), 1);
    assert_int_equal(part_get(p, PART_SR), OPTVERR);
}

static void test_option_bytes_read_as_words_and_complements(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_read(p, 0x1FFF7800, 4), 0xFFEFF8AA);
    assert_int_equal(part_read(p, 0x1FFF7804, 4), ~0xFFEFF8AAu);
    assert_int_equal(part_read(p, 0x1FFF7818, 4), 0xFF00FFFF);
    assert_int_equal(part_read(p, 0x1FFFF81C, 4), 0x00FF0000);
}

static void test_option_registers_show_the_factory_values_that_openocd_expects(void **state)
{
    struct part *p = *state;

    assert_int_equal(reg(p, WRP1AR), 0xFF00FFFF);
    assert_int_equal(reg(p, 0x30), 0xFF00FFFF);
    assert_int_equal(reg(p, 0x4C), 0xFF00FFFF);
    assert_int_equal(reg(p, WRP2BR), 0xFF00FFFF);
}

static void test_acr_and_pdkeyr_are_stored(void **state)
{
    struct part *p = *state;

    assert_int_equal(reg(p, 0), 0x600);
    set_reg(p, 0, 0x704);
    set_reg(p, 4, 0x12345678);
    assert_int_equal(reg(p, 0), 0x704);
    assert_int_equal(reg(p, 4), 0x12345678);
}

#define L4(test)                              \
    {                                         \
#test, test, part_l4, part_down, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        L4(test_a_double_word_programs_as_even_then_odd_word),
        L4(test_the_even_word_alone_changes_nothing),
        L4(test_a_second_program_of_an_otp_cell_is_refused),
        L4(test_otp_has_no_exception_for_all_zero),
        L4(test_an_otp_cell_programmed_with_all_ones_is_spent),
        L4(test_main_flash_refuses_a_cell_that_is_not_erased),
        L4(test_main_flash_takes_all_zero_over_anything),
        L4(test_an_odd_word_first_is_pgaerr),
        L4(test_a_second_word_of_another_double_word_is_pgaerr),
        L4(test_bytes_and_half_words_are_sizerr),
        L4(test_an_old_error_flag_refuses_the_next_program_and_erase),
        L4(test_page_erase_takes_the_page_of_pnb_and_bker),
        L4(test_mass_erase_takes_bank_1_bank_2_or_both_and_never_otp),
        L4(test_strt_without_a_kind_of_erase_or_with_pg_is_pgserr),
        L4(test_busy_times_are_the_data_sheets),
        L4(test_write_protected_pages_take_no_program_and_no_erase),
        L4(test_a_torn_otp_cell_is_an_ecc_error_and_spent),
        L4(test_an_ecc_error_in_the_array_names_bank_and_offset_and_keeps_the_first),
        L4(test_an_ecc_error_read_by_the_core_is_an_nmi),
        L4(test_zero_over_a_torn_flash_cell_makes_it_readable),
        L4(test_options_need_both_locks_open),
        L4(test_option_keys_before_the_flash_keys_are_a_wrong_sequence),
        L4(test_stored_options_rule_only_after_a_launch),
        L4(test_stored_options_rule_after_a_power_cycle),
        L4(test_options_torn_by_a_cut_load_as_level_1_with_optverr),
        L4(test_option_bytes_read_as_words_and_complements),
        L4(test_option_registers_show_the_factory_values_that_openocd_expects),
        L4(test_acr_and_pdkeyr_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
