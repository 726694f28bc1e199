/* The burn over the in-process chip: power is cut at every pulse, in every way, on both chips. */
#include "tests/flash/line.h"

#include "flash/otp.h"

enum { IMAGE = 176 };

/* Written second comes what must be there last; with a gap that stays blank. */
static const struct otp_span span[] = { { 32, IMAGE - 32 }, { 0, 16 } };

static enum err_code burn(struct otp_plan *plan, struct err *e)
{
    const struct otp_job job = { .image = line.image, .span = span, .n = 2 };

    return otp_burn(line.c, &job, line.id.uid, plan, NULL, NULL, e);
}

static void expect_burned(void)
{
    uint8_t got[IMAGE];

    assert_true(silicon_peek(inproc_silicon(line.c), desc()->otp.base, got, sizeof got));
    assert_memory_equal(got, line.image, 16);
    assert_memory_equal(got + 32, line.image + 32, IMAGE - 32);
    for (int i = 16; i < 32; i++)
        assert_int_equal(got[i], 0xFF);
}

static uint32_t cells(void)
{
    return (IMAGE - 16) / desc()->otp.cell;
}

static void test_a_burn_takes_one_pulse_a_cell_and_a_second_burn_none(void **state)
{
    struct otp_plan plan;
    struct silicon_stats st;
    struct err e;

    (void)state;
    assert_int_equal(burn(&plan, &e), ERR_OK);
    expect_burned();
    assert_int_equal(burn(&plan, &e), ERR_OK);
    silicon_stats_get(inproc_silicon(line.c), &st);
    assert_int_equal(st.otp_pulses, cells());
    assert_int_equal(plan.n_skip, cells());
}

static void invert_image(void)
{
    for (size_t i = 0; i < sizeof line.image; i++)
        line.image[i] = (uint8_t)~line.image[i];
}

static void expect_another_identity_refused(void)
{
    struct silicon_stats before, after;
    struct otp_plan plan;
    struct err e;

    silicon_stats_get(inproc_silicon(line.c), &before);
    invert_image();
    const enum err_code rc = burn(&plan, &e);
    invert_image();
    silicon_stats_get(inproc_silicon(line.c), &after);
    assert_true(rc == ERR_CONFLICT || rc == ERR_DAMAGED);
    assert_int_equal(after.otp_pulses, before.otp_pulses);
}

/* Cut at pulse k; power back; burn again.  Whole cells are completed with one pulse each, a torn one is never touched. */
static void burn_cut_burn(uint64_t k, enum silicon_tear tear)
{
    struct silicon *s = inproc_silicon(line.c);
    struct silicon_stats st;
    struct otp_plan plan;
    struct err e;

    fresh_part();
    silicon_stats_clear(s);
    silicon_arm_cut(s, CUT_OTP, k, tear);
    assert_int_equal(burn(&plan, &e), ERR_INCOMPLETE);
    inproc_power(line.c, true);
    probe();

    if (k > 1 || tear != TEAR_NONE)
        expect_another_identity_refused();
    const enum err_code rc = burn(&plan, &e);
    silicon_stats_get(s, &st);
    if (tear != TEAR_PARTIAL) {
        assert_int_equal(rc, ERR_OK);
        expect_burned();
        assert_int_equal(st.otp_pulses, cells() + (tear == TEAR_NONE ? 1 : 0));
    } else {
        assert_int_equal(rc, ERR_DAMAGED);
        assert_int_equal(st.otp_pulses, k);
    }
    assert_int_equal(st.otp_refused, 0);
}

static void test_a_burn_cut_before_each_pulse_is_completed_by_the_next(void **state)
{
    (void)state;
    for (uint64_t k = 1; k <= cells(); k++)
        burn_cut_burn(k, TEAR_NONE);
}

static void test_a_burn_cut_after_each_pulse_is_completed_by_the_next(void **state)
{
    (void)state;
    for (uint64_t k = 1; k <= cells(); k++)
        burn_cut_burn(k, TEAR_DONE);
}

static void test_a_burn_cut_in_each_pulse_is_refused_by_the_next_without_a_write(void **state)
{
    (void)state;
    for (uint64_t k = 1; k <= cells(); k++)
        burn_cut_burn(k, TEAR_PARTIAL);
}

static void test_a_lock_cut_at_its_pulse_is_completed_by_the_next(void **state)
{
    struct err e;
    uint32_t locks;

    (void)state;
    if (desc()->otp.block == 0)
        return; /* nothing to lock: see test_locks_hold_and_are_seen */
    for (enum silicon_tear tear = TEAR_NONE; tear <= TEAR_PARTIAL; tear++) {
        fresh_part();
        silicon_arm_cut(inproc_silicon(line.c), CUT_OTP, 1, tear);
        expect(chip_otp_lock(line.c, 5, &e), &e, FLASH_CONTACT_LOST);
        inproc_power(line.c, true);
        probe();
        assert_int_equal(chip_otp_locks(line.c, &locks, &e), ERR_OK);
        assert_int_equal(locks, tear == TEAR_DONE ? 1u << 5 : 0);
        assert_int_equal(chip_otp_lock(line.c, 5, &e), ERR_OK);
        assert_int_equal(chip_otp_locks(line.c, &locks, &e), ERR_OK);
        assert_int_equal(locks, 1u << 5);
    }
}

static void test_a_firmware_write_cut_at_each_pulse_is_completed_by_the_next(void **state)
{
    const struct fw_segment seg = { desc()->flash.base, 256, line.image };
    const uint32_t pulses = 256 / (desc()->controller == FLASH_STM32L4 ? 8u : 4u);
    struct err e;

    (void)state;
    for (enum silicon_tear tear = TEAR_NONE; tear <= TEAR_PARTIAL; tear++)
        for (uint64_t k = 1; k <= pulses; k++) {
            silicon_arm_cut(inproc_silicon(line.c), CUT_FLASH, k, tear);
            expect(chip_flash_write(line.c, &seg, 1, &e), &e, FLASH_WRITE_FAILED);
            inproc_power(line.c, true);
            probe();
            assert_int_equal(chip_flash_write(line.c, &seg, 1, &e), ERR_OK);
            assert_memory_equal(silicon_flash(inproc_silicon(line.c)), line.image, 256);
        }
}

static void test_a_thousand_fresh_parts_burn(void **state)
{
    struct otp_plan plan;
    struct err e;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        fresh_part();
        assert_int_equal(burn(&plan, &e), ERR_OK);
        expect_burned();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_BOTH(test_a_burn_takes_one_pulse_a_cell_and_a_second_burn_none),
        LINE_BOTH(test_a_burn_cut_before_each_pulse_is_completed_by_the_next),
        LINE_BOTH(test_a_burn_cut_after_each_pulse_is_completed_by_the_next),
        LINE_BOTH(test_a_burn_cut_in_each_pulse_is_refused_by_the_next_without_a_write),
        LINE_BOTH(test_a_lock_cut_at_its_pulse_is_completed_by_the_next),
        LINE_BOTH(test_a_firmware_write_cut_at_each_pulse_is_completed_by_the_next),
        LINE_BOTH(test_a_thousand_fresh_parts_burn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
