/* Keys that the chip makes itself: asked once or often, cut anywhere, and what speaks against a chip. */
#include "tests/station/scheme_line.h"

static enum device_key_state key_of(uint64_t serial, uint8_t x[32])
{
    enum device_key_state state;

    assert_ok(registry_device_key(line.registry, serial, x, &state, &e));
    return state;
}

static unsigned seed_at(void)
{
    return OTP_OFF_SLOT + scheme_by_id(line.product.scheme)->secret * (unsigned)SLOT_LEN;
}

static void test_done_pins_the_key_that_the_chip_told(void **state)
{
    uint8_t image[OTP_IMAGE_LEN], d[32], x[32], pinned[32];

    (void)state;
    expect_pass();
    otp_of(line.chip, image);
    assert_true(signing_key(&line.crypto, image + seed_at(), d, x));
    assert_int_equal(key_of(line.r.serial, pinned), DEVICE_KEY_PINNED);
    assert_memory_equal(pinned, x, sizeof x);
    assert_true(happened("device.chip-made"));
}

static void test_the_station_programs_no_cell_of_the_seed(void **state)
{
    struct silicon_stats s;
    uint8_t image[OTP_IMAGE_LEN];

    (void)state;
    line.make_key = NULL; /* the chip is silent: nothing of the seed can be there */
    expect_fault(true, &station_fault[STATION_NO_ANSWER], VERDICT_FAIL);
    silicon_stats_get(inproc_silicon(line.chip), &s);
    assert_int_equal(s.otp_pulses, 0);
    otp_of(line.chip, image);
    assert_true(bytes_all(image, sizeof image, 0xFF));
    line.make_key = chip_makes_key;
    expect_pass();
}

/* Before, in and after each pulse of the chip's own and of the station's. */
static void cut_everywhere(enum silicon_tear tear, unsigned *quarantined)
{
    uint8_t before[32], after[32];

    for (uint64_t at = 1;; at++) {
        new_board();
        line.boot = 0;
        silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, at, tear);
        if (provision(true) == ERR_OK)
            break;
        assert_int_equal(err_exit_status(e.code), 81);
        const uint64_t serial = line.r.serial;
        const bool told = key_of(serial, before) != DEVICE_KEY_NONE;
        power_cycle();
        if (provision(true) != ERR_OK) { /* a unit of the seed that was cut between its cells is torn, on the F407 */
            assert_true(tear == TEAR_PARTIAL || (line.chip->desc->otp.cell < OTP_UNIT && !told));
            assert_int_equal(line.r.state, DEV_QUARANTINED);
            if (tear != TEAR_PARTIAL)
                assert_string_equal(row().reason, "seed-torn");
            ++*quarantined;
        } else {
            assert_int_equal(line.r.state, DEV_DONE);
            assert_int_equal(key_of(serial, after), DEVICE_KEY_PINNED);
            assert_true(!told || memcmp(before, after, sizeof after) == 0);
        }
        assert_int_equal(line.r.serial, serial);
    }
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 0, tear);
}

static void test_a_cut_before_or_after_any_pulse_ends_in_the_same_key(void **state)
{
    unsigned quarantined = 0;

    (void)state;
    cut_everywhere(TEAR_NONE, &quarantined);
    cut_everywhere(TEAR_DONE, &quarantined);
    assert_int_equal(quarantined, line.chip->desc->otp.cell == OTP_UNIT ? 0 : 2 * 12); /* 4 units, 3 places within each */
}

static void test_a_cut_in_any_pulse_ends_done_or_quarantined(void **state)
{
    unsigned quarantined = 0;

    (void)state;
    cut_everywhere(TEAR_PARTIAL, &quarantined);
    assert_true(quarantined > 0);
}

static void test_a_torn_seed_is_quarantined_with_the_chips_own_code(void **state)
{
    static const uint8_t torn[8] = { 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xFF }; /* no check byte */

    (void)state;
    line.make_key = NULL;
    expect_fault(true, &station_fault[STATION_NO_ANSWER], VERDICT_FAIL);
    line.make_key = chip_makes_key;
    assert_true(silicon_plant(inproc_silicon(line.chip), line.chip->desc->otp.base + seed_at(), torn, sizeof torn));
    expect_fault(true, &station_fault[STATION_SEED_TORN], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
    assert_string_equal(row().reason, "seed-torn");
}

/* The chip told one key, and was exchanged for another with its UID before more was burned. */
static void test_another_key_than_recorded_is_quarantined(void **state)
{
    uint8_t x[32];

    (void)state;
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, line.chip->desc->otp.cell == 8 ? 5 : 17, TEAR_NONE);
    assert_int_not_equal(provision(true), ERR_OK);
    assert_int_equal(key_of(line.r.serial, x), DEVICE_KEY_MADE);
    same_uid_blank_board();
    expect_fault(true, &station_fault[STATION_OTHER_CHIP_KEY], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
    assert_int_equal(key_of(line.r.serial, x), DEVICE_KEY_MADE);
}

/* One answer that lied makes no scrap. */
static unsigned lies;
static void lies_at_first(struct chip *c, uint8_t *box, const struct mailbox_view *v)
{
    if (lies-- > 0)
        answer(box, MAILBOX_ERROR, (const uint8_t[]){ DEVICE_SEED }, 1);
    else
        chip_makes_key(c, box, v);
}

static void test_a_seed_that_is_torn_at_one_look_alone_is_unsteady(void **state)
{
    (void)state;
    lies = 1;
    line.make_key = lies_at_first;
    expect_fault(true, &station_fault[STATION_UNSTEADY_BURNED], VERDICT_FAIL);
    line.make_key = chip_makes_key;
    expect_pass();
}

static void answers_no_point(struct chip *c, uint8_t *box, const struct mailbox_view *v)
{
    uint8_t out[MAILBOX_KEY_ANSWER_LEN];

    (void)c;
    (void)v;
    memset(out, 0xFF, sizeof out);
    answer(box, MAILBOX_ANSWER, out, sizeof out);
}

static void test_an_answer_that_is_no_point_is_not_recorded(void **state)
{
    uint8_t x[32];

    (void)state;
    line.make_key = answers_no_point;
    expect_fault(true, &station_fault[STATION_BAD_ANSWER], VERDICT_FAIL);
    assert_int_equal(key_of(line.r.serial, x), DEVICE_KEY_NONE);
    line.make_key = chip_makes_key;
    expect_pass();
}

static void says_rng(struct chip *c, uint8_t *box, const struct mailbox_view *v)
{
    (void)c;
    (void)v;
    answer(box, MAILBOX_ERROR, (const uint8_t[]){ DEVICE_RANDOM, 'r' }, 2);
}

static void test_a_chip_whose_rng_failed_goes_to_the_bench(void **state)
{
    (void)state;
    line.make_key = says_rng;
    expect_fault(true, &station_fault[STATION_DEVICE_SAYS], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_BURNING);
}

#define EACH(test, n)                                     \
    {                                                     \
#test " [" #n "]", test, up, line_down, &kinds[n] \
    }
#define BOTH(test) EACH(test, 0), EACH(test, 1)

int main(void)
{
    static struct kind kinds[] = {
        { &device_identity, "stm32f407", POLICY_SIGN_ALL, 0, false },
        { &device_signup, "stm32l476", POLICY_TAG16 | POLICY_SIGN_ALL | POLICY_FIELD_SIGN_UP, 1, false },
    };
    const struct CMUnitTest tests[] = {
        BOTH(test_done_pins_the_key_that_the_chip_told),
        BOTH(test_the_station_programs_no_cell_of_the_seed),
        BOTH(test_a_cut_before_or_after_any_pulse_ends_in_the_same_key),
        BOTH(test_a_cut_in_any_pulse_ends_done_or_quarantined),
        BOTH(test_a_torn_seed_is_quarantined_with_the_chips_own_code),
        BOTH(test_another_key_than_recorded_is_quarantined),
        BOTH(test_a_seed_that_is_torn_at_one_look_alone_is_unsteady),
        BOTH(test_an_answer_that_is_no_point_is_not_recorded),
        BOTH(test_a_chip_whose_rng_failed_goes_to_the_bench),
    };
    return cmocka_run_group_tests(tests, group_up, line_group_down);
}
