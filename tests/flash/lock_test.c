/* A lock byte that is neither 00 nor FF: its pulse was cut.  Nobody programs behind it, and only locking again mends it. */
#include "tests/flash/line.h"

#include "flash/otp.h"

enum { BLOCK = 32, CELL = 2, LOCKED_BLOCK = 2 };

static const struct otp_span span = { LOCKED_BLOCK * BLOCK, BLOCK };

static enum err_code plan(struct otp_plan *p, struct err *e)
{
    const struct otp_job job = { .image = line.image, .span = &span, .n = 1 };

    return otp_plan_make(line.c, &job, p, e);
}

static enum err_code burn(struct otp_plan *p, struct err *e)
{
    const struct otp_job job = { .image = line.image, .span = &span, .n = 1 };

    return otp_burn(line.c, &job, line.id.uid, p, NULL, NULL, e);
}

static void lock_byte(uint8_t value)
{
    assert_true(silicon_plant(inproc_silicon(line.c), desc()->otp.lock_base + LOCKED_BLOCK, &value, 1));
}

static uint64_t pulses(void)
{
    struct silicon_stats st;

    silicon_stats_get(inproc_silicon(line.c), &st);
    return st.otp_pulses;
}

static void expect_locks(uint32_t locked, uint32_t torn)
{
    uint32_t l = ~0u, t = ~0u, only = ~0u;
    struct err e;

    assert_int_equal(chip_otp_lock_bytes(line.c, &l, &t, &e), ERR_OK);
    assert_int_equal(chip_otp_locks(line.c, &only, &e), ERR_OK);
    assert_int_equal(l, locked);
    assert_int_equal(t, torn);
    assert_int_equal(only, locked);
}

static void test_every_value_of_a_lock_byte_is_locked_torn_or_open(void **state)
{
    (void)state;
    for (unsigned value = 0; value <= 0xFF; value++) {
        const uint32_t bit = 1u << LOCKED_BLOCK;
        lock_byte((uint8_t)value);
        expect_locks(value == 0 ? bit : 0, value != 0 && value != 0xFF ? bit : 0);
    }
}

static void test_a_torn_lock_on_what_is_not_whole_is_damage_and_gets_no_pulse(void **state)
{
    static const uint8_t torn[] = { 0x01, 0x0F, 0x80, 0xA5, 0xFE };
    struct otp_plan p;
    struct err e;

    (void)state;
    assert_int_equal(chip_otp_program(line.c, span.offset / CELL, line.image + span.offset, &e), ERR_OK);
    for (size_t i = 0; i < sizeof torn; i++) {
        lock_byte(torn[i]);
        expect(plan(&p, &e), &e, FLASH_OTP_LOCK_TORN);
        expect(burn(&p, &e), &e, FLASH_OTP_LOCK_TORN);
        assert_int_equal(e.code, ERR_DAMAGED);
        assert_int_equal(p.n_skip, 1);
        assert_int_equal(p.n_locked, BLOCK / CELL - 1);
        assert_int_equal(p.n_lock_torn, BLOCK / CELL - 1);
        assert_int_equal(p.first_bad, span.offset / CELL + 1);
    }
    assert_int_equal(pulses(), 1);
}

static void test_a_whole_lock_stays_a_conflict(void **state)
{
    struct otp_plan p;
    struct err e;

    (void)state;
    lock_byte(0);
    expect(plan(&p, &e), &e, FLASH_OTP_LOCKED);
    assert_int_equal(p.n_lock_torn, 0);
}

static void test_a_torn_lock_elsewhere_is_no_matter(void **state)
{
    const uint8_t half = 0x0F;
    struct otp_plan p;
    struct err e;

    (void)state;
    assert_true(silicon_plant(inproc_silicon(line.c), desc()->otp.lock_base + LOCKED_BLOCK + 1, &half, 1));
    assert_int_equal(burn(&p, &e), ERR_OK);
}

static void test_a_torn_lock_on_whole_data_is_mended_by_locking_again(void **state)
{
    struct otp_plan p;
    struct err e;

    (void)state;
    assert_int_equal(burn(&p, &e), ERR_OK);
    silicon_arm_cut(inproc_silicon(line.c), CUT_OTP, 1, TEAR_PARTIAL);
    expect(chip_otp_lock(line.c, LOCKED_BLOCK, &e), &e, FLASH_CONTACT_LOST);
    inproc_power(line.c, true);
    probe();
    expect_locks(0, 1u << LOCKED_BLOCK);
    assert_int_equal(plan(&p, &e), ERR_OK);
    assert_int_equal(burn(&p, &e), ERR_OK); /* nothing is left to burn */
    assert_int_equal(p.n_write, 0);
    assert_int_equal(chip_otp_lock(line.c, LOCKED_BLOCK, &e), ERR_OK);
    expect_locks(1u << LOCKED_BLOCK, 0);
}

/* Worn: a bit of the lock byte does not fall any more. */
static void test_a_lock_byte_that_does_not_reach_zero_is_damage(void **state)
{
    struct err e;

    (void)state;
    assert_true(silicon_stick_bit(inproc_silicon(line.c), desc()->otp.lock_base + LOCKED_BLOCK, 3, true));
    expect(chip_otp_lock(line.c, LOCKED_BLOCK, &e), &e, FLASH_OTP_READBACK);
    expect_locks(0, 1u << LOCKED_BLOCK);
}

static void test_a_part_without_lock_bytes_has_none_torn(void **state)
{
    (void)state;
    expect_locks(0, 0);
}

#define F4(test) cmocka_unit_test_setup_teardown(test, line_f4, line_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        F4(test_every_value_of_a_lock_byte_is_locked_torn_or_open),
        F4(test_a_torn_lock_on_what_is_not_whole_is_damage_and_gets_no_pulse),
        F4(test_a_whole_lock_stays_a_conflict),
        F4(test_a_torn_lock_elsewhere_is_no_matter),
        F4(test_a_torn_lock_on_whole_data_is_mended_by_locking_again),
        F4(test_a_lock_byte_that_does_not_reach_zero_is_damage),
        cmocka_unit_test_setup_teardown(test_a_part_without_lock_bytes_has_none_torn, line_l4, line_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
