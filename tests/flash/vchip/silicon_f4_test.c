/* The rules of RM0090 ch. 3, one test each: bits fall, nobody complains, and a lock byte ends it. */
#include "tests/flash/vchip/part.h"

static const uint32_t OTP = 0x1FFF7800, LOCKS = 0x1FFF7A00, PGPERR = 1u << 6, SER = 1u << 1, MER = 1u << 2;
static const uint32_t OPTSTRT = 2;

/* Write v with `size` while FLASH_CR has that PSIZE. */
static uint32_t program_psize(struct part *p, uint32_t addr, unsigned size, uint32_t psize, uint32_t v)
{
    part_unlock(p);
    part_set(p, PART_CR, CR_PG | psize << 8);
    if (part_write(p, BUS_DEBUG, addr, size, v) != BUS_OK)
        return REFUSED_BY_BUS;
    return part_verdict(p);
}

static void test_bytes_half_words_and_words_program_with_their_psize(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, OTP + 1, 1, 0x5A), 0);
    assert_int_equal(part_program(p, OTP + 2, 2, 0x1234), 0);
    assert_int_equal(part_program(p, FLASH + 4, 4, 0x89ABCDEF), 0);
    assert_int_equal(part_read(p, OTP, 4), 0x12345AFF);
    assert_int_equal(part_read(p, FLASH + 4, 4), 0x89ABCDEF);
}

static void test_a_psize_that_differs_from_the_access_is_pgperr(void **state)
{
    struct part *p = *state;

    for (unsigned lg = 0; lg < 3; lg++)
        for (uint32_t psize = 0; psize < 4; psize++)
            assert_int_equal(program_psize(p, FLASH + 16 * (4 * lg + psize), 1u << lg, psize, 0), lg == psize ? 0 : PGPERR);
    assert_int_equal(part_read(p, FLASH + 16, 1), 0xFF);
}

static void test_x64_needs_vpp_and_is_pgperr(void **state)
{
    struct part *p = *state;

    assert_int_equal(program_psize(p, FLASH, 4, 3, 0), PGPERR);
}

static void test_a_write_across_a_128_bit_row_is_pgaerr(void **state)
{
    struct part *p = *state;

    assert_int_equal(program_psize(p, FLASH + 14, 4, 2, 0), PGAERR);
    assert_int_equal(program_psize(p, FLASH + 15, 2, 1, 0), PGAERR);
    assert_int_equal(part_read(p, FLASH + 12, 4), 0xFFFFFFFF);
}

static void test_bits_only_fall_and_nobody_says_so(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, FLASH, 2, 0xF0F0), 0);
    assert_int_equal(part_program(p, FLASH, 2, 0x3C3C), 0);
    assert_int_equal(part_read(p, FLASH, 2), 0x3030);
    assert_int_equal(part_program(p, FLASH, 2, 0xFFFF), 0);
    assert_int_equal(part_read(p, FLASH, 2), 0x3030);
}

static void test_a_second_otp_program_succeeds_silently_and_ands(void **state)
{
    struct part *p = *state;
    struct silicon_stats st;

    assert_int_equal(part_program(p, OTP, 2, 0x0FF0), 0);
    assert_int_equal(part_program(p, OTP, 2, 0x00FF), 0);
    assert_int_equal(part_read(p, OTP, 2), 0x00F0);
    silicon_stats_get(p->s, &st);
    assert_int_equal(st.otp_pulses, 2);
    assert_int_equal(st.otp_refused, 0);
}

static void test_an_old_error_flag_does_not_stop_the_next_program(void **state)
{
    struct part *p = *state;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    (void)part_write(p, BUS_DEBUG, FLASH, 2, 0);
    assert_int_equal(part_get(p, PART_SR), PGPERR);
    (void)part_write(p, BUS_DEBUG, FLASH, 1, 0);
    assert_int_equal(part_verdict(p), PGPERR);
    assert_int_equal(part_read(p, FLASH, 1), 0);
}

static void test_a_locked_block_refuses_and_its_neighbour_does_not(void **state)
{
    struct part *p = *state;
    struct silicon_stats st;

    assert_int_equal(part_program(p, OTP + 32, 2, 0x1234), 0);
    assert_int_equal(part_program(p, LOCKS + 1, 1, 0), 0);
    assert_int_equal(part_program(p, OTP + 32, 2, 0), WRPERR);
    assert_int_equal(part_program(p, OTP + 62, 2, 0), WRPERR);
    assert_int_equal(part_read(p, OTP + 32, 2), 0x1234);
    assert_int_equal(part_program(p, OTP + 30, 2, 0), 0);
    assert_int_equal(part_program(p, OTP + 64, 2, 0), 0);
    silicon_stats_get(p->s, &st);
    assert_int_equal(st.otp_refused, 2);
}

static void test_a_lock_byte_is_an_otp_byte_and_anything_but_blank_locks(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, OTP, 1, 0x7F), 0);
    assert_int_equal(part_program(p, LOCKS, 1, 0x0F), 0);
    assert_int_equal(part_program(p, OTP, 1, 0), WRPERR); /* as in a pulse that was cut: the manual has no meaning for it */
    assert_int_equal(part_read(p, OTP, 1), 0x7F);
    assert_int_equal(part_program(p, LOCKS, 1, 0xF0), 0); /* ands to zero */
    assert_int_equal(part_read(p, LOCKS, 1), 0);
    assert_int_equal(part_program(p, OTP, 1, 0), WRPERR);
    assert_int_equal(part_program(p, LOCKS, 1, 0xFF), 0); /* and never comes back */
    assert_int_equal(part_read(p, LOCKS, 1), 0);
}

static void test_a_wide_write_locks_as_many_blocks_as_it_has_bytes(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_program(p, LOCKS + 4, 4, 0xFF00FF00), 0);
    assert_int_equal(part_program(p, OTP + 4 * 32, 2, 0), WRPERR);
    assert_int_equal(part_program(p, OTP + 5 * 32, 2, 0), 0);
    assert_int_equal(part_program(p, OTP + 6 * 32, 2, 0), WRPERR);
}

static void test_mass_erase_leaves_otp_and_lock_bytes(void **state)
{
    struct part *p = *state;

    (void)part_program(p, OTP, 2, 0x1234);
    (void)part_program(p, LOCKS, 1, 0);
    (void)part_program(p, FLASH + 0x80000, 4, 0);
    assert_int_equal(part_erase(p, MER), 0);
    assert_int_equal(part_read(p, FLASH + 0x80000, 4), 0xFFFFFFFF);
    assert_int_equal(part_read(p, OTP, 2), 0x1234);
    assert_int_equal(part_read(p, LOCKS, 1), 0);
}

/* First byte of each sector, and one behind the last. */
static const uint32_t sector[] = { 0,       0x4000,  0x8000,  0xC000,  0x10000, 0x20000, 0x40000,
                                   0x60000, 0x80000, 0xA0000, 0xC0000, 0xE0000, 0x100000 };

static void test_sector_erase_takes_the_sector_of_snb_and_nothing_else(void **state)
{
    struct part *p = *state;

    for (uint32_t i = 0; i < 12; i++) {
        for (uint32_t k = 0; k < 12; k++) {
            (void)part_program(p, FLASH + sector[k], 1, 0);
            (void)part_program(p, FLASH + sector[k + 1] - 1, 1, 0);
        }
        assert_int_equal(part_erase(p, SER | i << 3), 0);
        for (uint32_t k = 0; k < 12; k++) {
            assert_int_equal(part_read(p, FLASH + sector[k], 1), k == i ? 0xFF : 0);
            assert_int_equal(part_read(p, FLASH + sector[k + 1] - 1, 1), k == i ? 0xFF : 0);
        }
    }
    assert_int_equal(part_erase(p, SER | 12u << 3), PGSERR);
}

static void test_strt_without_a_kind_of_erase_or_with_pg_is_pgserr(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_erase(p, 0), PGSERR);
    assert_int_equal(part_erase(p, SER | CR_PG), PGSERR);
    assert_int_equal(part_erase(p, SER | MER), PGSERR);
}

static void expect_busy(struct part *p, uint64_t ns)
{
    p->now_ns += ns - 1;
    assert_true((part_get(p, PART_SR) & SR_BSY) != 0);
    p->now_ns += 1;
    assert_int_equal(part_get(p, PART_SR), 0);
}

static void test_busy_times_are_the_data_sheets(void **state)
{
    static const struct {
        uint32_t cr;
        uint64_t ms;
    } row[] = { { SER, 250 }, { SER | 4u << 3, 550 }, { SER | 5u << 3, 1000 }, { MER, 8000 } };
    struct part *p = *state;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    (void)part_write(p, BUS_DEBUG, OTP, 1, 0);
    expect_busy(p, 16000);
    for (size_t i = 0; i < 4; i++) {
        part_set(p, PART_CR, row[i].cr | CR_STRT);
        expect_busy(p, row[i].ms * 1000000);
    }
}

static void test_nwrp_protects_its_sector_at_once(void **state)
{
    struct part *p = *state;

    part_unlock_options(p);
    part_set(p, PART_OPTR, 0x0FFFAAEC & ~(1u << 21)); /* sector 5 */
    part_set(p, PART_OPTR, part_get(p, PART_OPTR) | OPTSTRT);
    part_wait(p);
    assert_int_equal(part_program(p, FLASH + 0x20000, 2, 0), WRPERR);
    assert_int_equal(part_program(p, FLASH + 0x3FFFE, 2, 0), WRPERR);
    assert_int_equal(part_program(p, FLASH + 0x1FFFE, 2, 0), 0);
    assert_int_equal(part_program(p, FLASH + 0x40000, 2, 0), 0);
    assert_int_equal(part_erase(p, SER | 5u << 3), WRPERR);
    assert_int_equal(part_erase(p, MER), WRPERR);
    assert_int_equal(part_erase(p, SER | 4u << 3), 0);
}

static void test_optcr_needs_its_keys_and_starts_as_delivered(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_get(p, PART_OPTR), 0x0FFFAAED);
    part_set(p, PART_OPTR, OPTSTRT);
    assert_int_equal(part_get(p, PART_OPTR), 0x0FFFAAED);
    part_unlock_options(p);
    assert_int_equal(part_get(p, PART_OPTR), 0x0FFFAAEC);
    part_set(p, PART_OPTR, 0x0FFFAAED);
    assert_int_equal(part_get(p, PART_OPTR), 0x0FFFAAED);
    part_set(p, PART_OPTR, 0);
    assert_int_equal(part_get(p, PART_OPTR), 0x0FFFAAED);
}

static void test_rdp_rules_as_soon_as_optstrt_is_done(void **state)
{
    struct part *p = *state;

    part_unlock_options(p);
    part_set(p, PART_OPTR, 0x0FFF00EC);
    assert_int_equal(silicon_rdp(p->s), 0);
    part_set(p, PART_OPTR, 0x0FFF00EC | OPTSTRT);
    assert_true((part_get(p, PART_OPTR) & OPTSTRT) != 0);
    assert_int_equal(silicon_rdp(p->s), 0);
    part_wait(p);
    assert_int_equal(silicon_rdp(p->s), 1);
    assert_int_equal(part_get(p, PART_OPTR), 0x0FFF00EC);
    assert_int_equal(p->launches, 0);
}

static void test_option_bytes_read_as_memory(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_read(p, 0x1FFFC000, 2), 0xAAEC);
    assert_int_equal(part_read(p, 0x1FFFC008, 2), 0xFFFF);
}

static void test_a_torn_cell_is_between_old_and_new_and_no_error(void **state)
{
    struct part *p = *state;

    for (uint32_t i = 0; i < 16; i++) {
        assert_true(silicon_tear_cell(p->s, OTP + 2 * i));
        const uint32_t v = part_read(p, OTP + 2 * i, 2);
        assert_true(v != 0 && v != 0xFFFF);
    }
    assert_int_equal(part_verdict(p), 0);
}

static void test_otp_cannot_be_written_above_level_0(void **state)
{
    struct part *p = *state;

    part_set_rdp(p, 0);
    part_power_cycle(p);
    assert_int_equal(part_program_as(p, BUS_CPU_FLASH, OTP, 2, 0), WRPERR);
    assert_int_equal(part_program_as(p, BUS_CPU_FLASH, LOCKS, 1, 0), WRPERR);
    assert_int_equal(part_program_as(p, BUS_CPU_FLASH, FLASH, 2, 0), 0);
}

#define F4(test)                              \
    {                                         \
#test, test, part_f4, part_down, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        F4(test_bytes_half_words_and_words_program_with_their_psize),
        F4(test_a_psize_that_differs_from_the_access_is_pgperr),
        F4(test_x64_needs_vpp_and_is_pgperr),
        F4(test_a_write_across_a_128_bit_row_is_pgaerr),
        F4(test_bits_only_fall_and_nobody_says_so),
        F4(test_a_second_otp_program_succeeds_silently_and_ands),
        F4(test_an_old_error_flag_does_not_stop_the_next_program),
        F4(test_a_locked_block_refuses_and_its_neighbour_does_not),
        F4(test_a_lock_byte_is_an_otp_byte_and_anything_but_blank_locks),
        F4(test_a_wide_write_locks_as_many_blocks_as_it_has_bytes),
        F4(test_mass_erase_leaves_otp_and_lock_bytes),
        F4(test_sector_erase_takes_the_sector_of_snb_and_nothing_else),
        F4(test_strt_without_a_kind_of_erase_or_with_pg_is_pgserr),
        F4(test_busy_times_are_the_data_sheets),
        F4(test_nwrp_protects_its_sector_at_once),
        F4(test_optcr_needs_its_keys_and_starts_as_delivered),
        F4(test_rdp_rules_as_soon_as_optstrt_is_done),
        F4(test_option_bytes_read_as_memory),
        F4(test_a_torn_cell_is_between_old_and_new_and_no_error),
        F4(test_otp_cannot_be_written_above_level_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
