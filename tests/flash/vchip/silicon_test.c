/* What holds for both controllers: keys, busy, power and its cuts, faults. */
#include "tests/flash/vchip/part.h"

static uint32_t otp(const struct part *p)
{
    return p->desc->otp.base;
}

static uint64_t cell(struct part *p, uint32_t addr)
{
    return part_is_l4(p) ? part_read64(p, addr) : part_read(p, addr, 2);
}

static uint64_t blank(const struct part *p)
{
    return UINT64_MAX >> (64 - 8 * p->desc->otp.cell);
}

/* ---- keys ---- */

static void test_a_wrong_key_is_a_bus_error_and_locks_until_reset(void **state)
{
    static const int lock[] = { PART_KEYR, PART_OPTKEYR };
    struct part *p = *state;

    for (int i = 0; i < 2; i++) {
        if (i == 1 && part_is_l4(p))
            part_unlock(p);
        const uint32_t keyr = part_reg(p, lock[i]);
        const uint32_t key1 = i == 0 ? KEY1 : OPTKEY1, key2 = i == 0 ? KEY2 : OPTKEY2;
        assert_int_equal(part_write(p, BUS_DEBUG, keyr, 4, key1), BUS_OK);
        assert_int_equal(part_write(p, BUS_DEBUG, keyr, 4, key1), BUS_FAULT);
        assert_int_equal(part_write(p, BUS_DEBUG, keyr, 4, key1), BUS_FAULT);
        assert_int_equal(part_write(p, BUS_DEBUG, keyr, 4, key2), BUS_FAULT);
        silicon_system_reset(p->s);
    }
    part_unlock(p);
    part_unlock_options(p);
}

static void test_a_key_for_an_open_lock_closes_it_until_reset(void **state)
{
    struct part *p = *state;

    part_unlock(p);
    assert_int_equal(part_write(p, BUS_DEBUG, part_reg(p, PART_KEYR), 4, KEY1), BUS_FAULT);
    assert_true((part_get(p, PART_CR) & CR_LOCK) != 0);
}

static void test_a_locked_control_register_takes_nothing(void **state)
{
    struct part *p = *state;

    part_set(p, PART_CR, CR_PG);
    assert_int_equal(part_get(p, PART_CR) & CR_PG, 0);
    part_unlock(p);
    part_set(p, PART_CR, CR_PG);
    assert_int_equal(part_get(p, PART_CR) & CR_PG, CR_PG);
    part_set(p, PART_CR, CR_LOCK);
    part_set(p, PART_CR, CR_PG);
    assert_int_equal(part_get(p, PART_CR) & (CR_PG | CR_LOCK), CR_LOCK);
}

static void test_a_write_without_pg_or_while_locked_is_pgserr(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_write(p, BUS_DEBUG, otp(p), 4, 0), BUS_OK);
    assert_int_equal(part_verdict(p), PGSERR);
    part_unlock(p);
    part_set(p, PART_CR, 0);
    assert_int_equal(part_write(p, BUS_DEBUG, FLASH, 4, 0), BUS_OK);
    assert_int_equal(part_verdict(p), PGSERR);
    assert_true(cell(p, otp(p)) == blank(p) && cell(p, FLASH) == blank(p));
}

static void test_status_flags_clear_by_writing_one(void **state)
{
    struct part *p = *state;

    (void)part_write(p, BUS_DEBUG, FLASH, 4, 0);
    part_set(p, PART_SR, 0);
    part_set(p, PART_SR, WRPERR);
    assert_int_equal(part_get(p, PART_SR), PGSERR);
    part_set(p, PART_SR, PGSERR);
    assert_int_equal(part_get(p, PART_SR), 0);
}

static void test_eop_is_set_at_the_end_when_eopie_asks_for_it(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_erase(p, 1u << 1), 0);
    assert_int_equal(part_get(p, PART_SR) & 1, 0);
    part_set(p, PART_CR, 1u << 24 | 1u << 1 | CR_STRT);
    assert_int_equal(part_get(p, PART_SR) & 1, 0);
    part_wait(p);
    assert_int_equal(part_get(p, PART_SR) & 1, 1);
}

/* ---- busy ---- */

static void start_page_erase(struct part *p)
{
    part_unlock(p);
    part_set(p, PART_CR, 1u << 1 | CR_STRT);
}

static void test_a_busy_array_makes_its_cells_wait_and_registers_work(void **state)
{
    struct part *p = *state;
    uint32_t v;

    start_page_erase(p);
    assert_true(silicon_busy(p->s));
    assert_int_equal(silicon_read(p->s, BUS_CPU_FLASH, FLASH, 4, &v), BUS_WAIT);
    assert_int_equal(silicon_read(p->s, BUS_DEBUG, otp(p), 4, &v), BUS_WAIT);
    assert_int_equal(silicon_read(p->s, BUS_DEBUG, p->desc->uid_addr, 4, &v), BUS_WAIT);
    assert_int_equal(part_write(p, BUS_DEBUG, otp(p), 4, 0), BUS_WAIT);
    assert_int_equal(part_write(p, BUS_DEBUG, part_reg(p, PART_CR), 4, CR_PG), BUS_WAIT);
    assert_true((part_get(p, PART_SR) & SR_BSY) != 0);
    part_wait(p);
    assert_int_equal(part_verdict(p), 0);
    assert_true(cell(p, otp(p)) == blank(p));
}

static void test_busy_times_stretch_and_vanish_with_the_scale(void **state)
{
    struct part *p = *state;
    struct silicon_stats st;

    silicon_busy_scale(p->s, 0);
    start_page_erase(p);
    assert_false(silicon_busy(p->s));
    silicon_busy_scale(p->s, 10000);
    start_page_erase(p);
    p->now_ns += (part_is_l4(p) ? 220000000u : 2500000000u) - 1u;
    assert_true(silicon_busy(p->s));
    p->now_ns++;
    assert_false(silicon_busy(p->s));
    silicon_stats_get(p->s, &st);
    assert_true(st.busy_ns == (part_is_l4(p) ? 220000000u : 2500000000u));
    assert_int_equal(st.erases, 2);
}

/* ---- identity ---- */

static void test_uid_and_flash_size_read_and_cannot_be_written(void **state)
{
    struct part *p = *state;

    for (uint32_t i = 0; i < CHIP_UID_LEN; i++)
        assert_int_equal(part_read(p, p->desc->uid_addr + i, 1), silicon_uid(p->s)[i]);
    assert_int_equal(part_read(p, p->desc->flash_size_addr, 2), 1024);
    assert_int_equal(part_write(p, BUS_DEBUG, p->desc->uid_addr, 4, 0), BUS_FAULT);
}

static void test_accesses_off_their_size_or_outside_the_part_are_bus_errors(void **state)
{
    struct part *p = *state;
    uint32_t v;

    assert_int_equal(silicon_read(p->s, BUS_DEBUG, FLASH + 2, 4, &v), BUS_FAULT);
    assert_int_equal(silicon_read(p->s, BUS_DEBUG, FLASH + p->desc->flash.size, 4, &v), BUS_FAULT);
    assert_int_equal(silicon_read(p->s, BUS_DEBUG, FLASH - 4, 4, &v), BUS_FAULT);
    assert_false(silicon_owns(p->s, FLASH + p->desc->flash.size));
    assert_false(silicon_owns(p->s, 0x20000000));
    assert_true(silicon_owns(p->s, FLASH) && silicon_owns(p->s, otp(p)) && silicon_owns(p->s, p->desc->uid_addr) &&
                silicon_owns(p->s, p->desc->flash_regs));
}

static void test_a_new_part_is_blank_with_another_uid_and_no_faults(void **state)
{
    struct part *p = *state;
    uint8_t old[CHIP_UID_LEN], given[CHIP_UID_LEN] = { 1, 2, 3 };

    memcpy(old, silicon_uid(p->s), sizeof old);
    (void)part_cell(p, otp(p), 0);
    (void)part_cell(p, FLASH, 0);
    assert_true(silicon_stick_bit(p->s, FLASH + 8, 0, false));
    part_set_rdp(p, 0xCC);
    silicon_arm_cut(p->s, CUT_OTP, 1, TEAR_NONE);
    silicon_new_part(p->s, NULL);
    assert_memory_not_equal(silicon_uid(p->s), old, sizeof old);
    assert_int_equal(silicon_rdp(p->s), 0);
    assert_true(cell(p, otp(p)) == blank(p) && cell(p, FLASH) == blank(p) && cell(p, FLASH + 8) == blank(p));
    assert_int_equal(part_cell(p, otp(p), 0), 0);
    silicon_new_part(p->s, given);
    assert_memory_equal(silicon_uid(p->s), given, sizeof given);
}

/* ---- power ---- */

static void test_without_power_every_access_is_a_bus_error(void **state)
{
    struct part *p = *state;

    silicon_power(p->s, false);
    assert_int_equal(part_status(p, BUS_DEBUG, FLASH), BUS_FAULT);
    assert_int_equal(part_status(p, BUS_CPU_FLASH, p->desc->flash_regs), BUS_FAULT);
    assert_int_equal(part_write(p, BUS_DEBUG, part_reg(p, PART_KEYR), 4, KEY1), BUS_FAULT);
    assert_false(silicon_flash_open(p->s));
    silicon_power(p->s, true);
    assert_true((part_get(p, PART_CR) & CR_LOCK) != 0);
}

static uint32_t cut_target(const struct part *p, enum silicon_cut_kind kind)
{
    return kind == CUT_OTP ? otp(p) : FLASH;
}

/* Program cells until the cut; 0x0F0F.. into each. */
static void cut_at(struct part *p, enum silicon_cut_kind kind, uint64_t k, enum silicon_tear tear)
{
    const uint32_t len = p->desc->otp.cell, base = cut_target(p, kind);

    silicon_arm_cut(p->s, kind, k, tear);
    for (uint32_t i = 0; i + 1 < k; i++)
        assert_int_equal(part_cell(p, base + i * len, 0x0F0F0F0F0F0F0F0F), 0);
    assert_int_equal(part_cell(p, base + (uint32_t)(k - 1) * len, 0x0F0F0F0F0F0F0F0F), REFUSED_BY_BUS);
    assert_int_equal(part_status(p, BUS_DEBUG, FLASH), BUS_FAULT);
    silicon_power(p->s, true);
}

static void test_a_cut_before_the_pulse_leaves_the_old_value(void **state)
{
    struct part *p = *state;

    for (enum silicon_cut_kind kind = CUT_OTP; kind <= CUT_FLASH; kind++) {
        cut_at(p, kind, 3, TEAR_NONE);
        assert_true(cell(p, cut_target(p, kind) + 2 * p->desc->otp.cell) == blank(p));
        assert_int_equal(part_cell(p, cut_target(p, kind) + 2 * p->desc->otp.cell, 0), 0);
    }
    assert_int_equal(p->cuts, 2);
}

static void test_a_cut_after_the_pulse_leaves_the_new_value(void **state)
{
    struct part *p = *state;

    for (enum silicon_cut_kind kind = CUT_OTP; kind <= CUT_FLASH; kind++) {
        cut_at(p, kind, 2, TEAR_DONE);
        assert_true(cell(p, cut_target(p, kind) + p->desc->otp.cell) == (blank(p) & 0x0F0F0F0F0F0F0F0F));
    }
}

static void test_a_cut_in_the_pulse_leaves_neither(void **state)
{
    struct part *p = *state;

    for (enum silicon_cut_kind kind = CUT_OTP; kind <= CUT_FLASH; kind++) {
        const uint64_t want = blank(p) & 0x0F0F0F0F0F0F0F0F;
        cut_at(p, kind, 1, TEAR_PARTIAL);
        const uint64_t v = cell(p, cut_target(p, kind));
        if (part_is_l4(p)) {
            assert_true(part_read(p, p->desc->flash_regs + 0x18, 4) >> 31 == 1);
        } else {
            assert_true(v != want && v != blank(p));
            assert_true((v & want) == want);
        }
    }
}

static void test_cuts_of_the_two_kinds_are_counted_apart(void **state)
{
    struct part *p = *state;

    silicon_arm_cut(p->s, CUT_OTP, 2, TEAR_NONE);
    silicon_arm_cut(p->s, CUT_FLASH, 3, TEAR_NONE);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(part_cell(p, FLASH + i * 8, 0), 0);
    assert_int_equal(part_cell(p, otp(p), 0), 0);
    assert_int_equal(part_cell(p, otp(p) + 8, 0), REFUSED_BY_BUS);
    silicon_power(p->s, true);
    silicon_arm_cut(p->s, CUT_FLASH, 0, TEAR_NONE); /* disarmed */
    assert_int_equal(part_cell(p, FLASH + 16, 0), 0);
}

static void test_power_that_goes_in_a_pulse_tears_it(void **state)
{
    struct part *p = *state;
    const unsigned word = part_is_l4(p) ? 4 : 2;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG | (part_is_l4(p) ? 0u : 1u << 8));
    for (unsigned i = 0; i < p->desc->otp.cell; i += word)
        (void)part_write(p, BUS_DEBUG, otp(p) + i, word, 0);
    p->now_ns += 1000;
    part_power_cycle(p);
    const uint64_t v = cell(p, otp(p));
    assert_true(v != blank(p) && (v != 0 || part_is_l4(p)));
    if (part_is_l4(p))
        assert_true(part_read(p, p->desc->flash_regs + 0x18, 4) >> 31 == 1);
}

static void test_power_that_goes_after_a_pulse_leaves_it_whole(void **state)
{
    struct part *p = *state;

    assert_int_equal(part_cell(p, otp(p), 0x1234), 0);
    part_power_cycle(p);
    assert_true(cell(p, otp(p)) == 0x1234);
}

static unsigned not_blank(struct part *p, uint32_t len)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < len; i++)
        n += silicon_flash(p->s)[i] != 0xFF;
    return n;
}

static void test_power_or_a_reset_in_an_erase_leaves_disorder(void **state)
{
    struct part *p = *state;
    const uint32_t len = p->desc->flash.run[0].size;

    for (int i = 0; i < 2; i++) {
        start_page_erase(p);
        if (i == 0)
            part_power_cycle(p);
        else
            silicon_system_reset(p->s);
        assert_false(silicon_busy(p->s));
        assert_true(not_blank(p, len) > len / 8);
        assert_int_equal(p->changed_addr, FLASH);
        assert_int_equal(p->changed_len, len);
        assert_int_equal(silicon_flash(p->s)[len], 0xFF);
        start_page_erase(p);
        part_wait(p);
        assert_int_equal(not_blank(p, len), 0);
        assert_int_equal(part_cell(p, FLASH, 0x1234), 0);
    }
}

/* ---- faults ---- */

static void test_a_stuck_bit_ignores_programs_and_erases(void **state)
{
    struct part *p = *state;

    assert_true(silicon_stick_bit(p->s, FLASH + 1, 3, false));
    assert_true(silicon_stick_bit(p->s, otp(p), 0, true));
    assert_int_equal(part_read(p, FLASH + 1, 1), 0xF7);
    assert_int_equal(part_erase(p, 1u << 1), 0);
    assert_int_equal(part_read(p, FLASH + 1, 1), 0xF7);
    assert_int_equal(part_cell(p, otp(p), 0), 0);
    assert_int_equal(part_read(p, otp(p), 1), 0x01);
    assert_false(silicon_stick_bit(p->s, 0x20000000, 0, true));
    assert_false(silicon_stick_bit(p->s, FLASH, 8, true));
}

static void test_a_weak_bit_reads_wrong_every_so_often(void **state)
{
    struct part *p = *state;

    assert_true(silicon_weak_bit(p->s, otp(p) + 2, 4, 3));
    for (int i = 1; i <= 9; i++)
        assert_int_equal(part_read(p, otp(p), 4), i % 3 == 0 ? 0xFFEFFFFF : 0xFFFFFFFF);
    assert_false(silicon_weak_bit(p->s, otp(p), 0, 0));
}

static void test_planted_bytes_are_there_and_spent(void **state)
{
    static const uint8_t id[8] = "foreign";
    struct part *p = *state;

    assert_true(silicon_plant(p->s, otp(p) + 8, id, sizeof id));
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(part_read(p, otp(p) + 8 + i, 1), id[i]);
    if (part_is_l4(p)) {
        assert_int_equal(part_cell(p, otp(p) + 8, 0), PROGERR);
    } else {
        assert_true(silicon_plant(p->s, p->desc->otp.lock_base, &id[7], 1)); /* 00 */
        assert_int_equal(part_cell(p, otp(p) + 8, 0), WRPERR);
    }
    assert_false(silicon_plant(p->s, otp(p) + p->desc->otp.size - 4, id, 8));
}

static void test_peek_looks_past_protection_power_and_weak_bits(void **state)
{
    struct part *p = *state;
    uint8_t seen[CHIP_UID_LEN];

    (void)part_cell(p, otp(p), 0x1234);
    (void)silicon_weak_bit(p->s, otp(p), 0, 1);
    part_set_rdp(p, 0xCC);
    silicon_power(p->s, false);
    assert_true(silicon_peek(p->s, otp(p), seen, 2));
    assert_int_equal(seen[0] | seen[1] << 8, 0x1234);
    assert_true(silicon_peek(p->s, p->desc->uid_addr, seen, CHIP_UID_LEN));
    assert_memory_equal(seen, silicon_uid(p->s), CHIP_UID_LEN);
    assert_false(silicon_peek(p->s, 0x20000000, seen, 4));
    assert_false(silicon_peek(p->s, p->desc->flash_regs, seen, 4));
}

static void test_changes_are_reported_to_the_board(void **state)
{
    struct part *p = *state;

    (void)part_cell(p, FLASH + 0x100, 0);
    assert_int_equal(p->changed_addr, FLASH + 0x100);
    assert_int_equal(p->changed_len, p->desc->otp.cell);
}

static void test_stats_count_the_cut_pulse_and_can_be_cleared(void **state)
{
    struct part *p = *state;
    struct silicon_stats st;

    cut_at(p, CUT_OTP, 2, TEAR_NONE);
    silicon_stats_get(p->s, &st);
    assert_int_equal(st.otp_pulses, 2);
    assert_int_equal(st.flash_pulses, 0);
    silicon_stats_clear(p->s);
    silicon_stats_get(p->s, &st);
    assert_int_equal(st.otp_pulses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PART_BOTH(test_a_wrong_key_is_a_bus_error_and_locks_until_reset),
        PART_BOTH(test_a_key_for_an_open_lock_closes_it_until_reset),
        PART_BOTH(test_a_locked_control_register_takes_nothing),
        PART_BOTH(test_a_write_without_pg_or_while_locked_is_pgserr),
        PART_BOTH(test_status_flags_clear_by_writing_one),
        PART_BOTH(test_eop_is_set_at_the_end_when_eopie_asks_for_it),
        PART_BOTH(test_a_busy_array_makes_its_cells_wait_and_registers_work),
        PART_BOTH(test_busy_times_stretch_and_vanish_with_the_scale),
        PART_BOTH(test_uid_and_flash_size_read_and_cannot_be_written),
        PART_BOTH(test_accesses_off_their_size_or_outside_the_part_are_bus_errors),
        PART_BOTH(test_a_new_part_is_blank_with_another_uid_and_no_faults),
        PART_BOTH(test_without_power_every_access_is_a_bus_error),
        PART_BOTH(test_a_cut_before_the_pulse_leaves_the_old_value),
        PART_BOTH(test_a_cut_after_the_pulse_leaves_the_new_value),
        PART_BOTH(test_a_cut_in_the_pulse_leaves_neither),
        PART_BOTH(test_cuts_of_the_two_kinds_are_counted_apart),
        PART_BOTH(test_power_that_goes_in_a_pulse_tears_it),
        PART_BOTH(test_power_that_goes_after_a_pulse_leaves_it_whole),
        PART_BOTH(test_power_or_a_reset_in_an_erase_leaves_disorder),
        PART_BOTH(test_a_stuck_bit_ignores_programs_and_erases),
        PART_BOTH(test_a_weak_bit_reads_wrong_every_so_often),
        PART_BOTH(test_planted_bytes_are_there_and_spent),
        PART_BOTH(test_peek_looks_past_protection_power_and_weak_bits),
        PART_BOTH(test_changes_are_reported_to_the_board),
        PART_BOTH(test_stats_count_the_cut_pulse_and_can_be_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
