/* Power is cut at every pulse that programs OTP or flash, before it, in it and after it; then the same board comes again. */
#include "tests/station/line.h"

static void keys_of(uint64_t serial, uint8_t digest[2][32], size_t *n)
{
    struct wrapped_key key[REG_KEYS_MAX];

    assert_ok(registry_keys(line.registry, serial, key, n, &e));
    for (size_t i = 0; i < *n; i++)
        memcpy(digest[i], key[i].digest, 32);
}

/* The chip holds nothing but the beginning of the image of its intent. */
static enum device_state state_of(uint64_t serial, struct device *d)
{
    assert_ok(registry_device(line.registry, serial, d, &e));
    return d->state;
}

static void expect_quarantine(void)
{
    struct device d;

    assert_int_equal(provision(true), ERR_DAMAGED);
    assert_int_equal(line.r.verdict, VERDICT_FAIL);
    assert_int_equal(line.r.state, DEV_QUARANTINED);
    assert_int_equal(state_of(line.r.serial, &d), DEV_QUARANTINED);
}

/* A cell that was cut in its pulse is seen, by ECC or by its value; unless the value happens to be the old or the new one.
 */
static bool a_cell_is_torn(void)
{
    const struct chip_desc *d = line.chip->desc;
    const uint32_t n = OTP_IMAGE_LEN / d->otp.cell;
    uint8_t bytes[CHIP_OTP_MAX];
    enum otp_cell_state cell[CHIP_OTP_MAX];

    assert_ok(chip_probe(line.chip, &line.r.identity, &e));
    assert_ok(chip_otp_read(line.chip, 0, n, bytes, cell, &e));
    for (uint32_t i = 0; i < n; i++)
        if (cell[i] != OTP_CELL_READ)
            return true;
    return false;
}

/* Once.  False: the way was over before that pulse came. */
static bool cut_and_repeat(enum silicon_cut_kind kind, uint64_t at, enum silicon_tear tear)
{
    uint8_t before[2][32] = { { 0 } }, after[2][32] = { { 0 } };
    size_t n, again;
    uint64_t serial;
    struct device d;

    new_board();
    line.boot = 0;
    silicon_arm_cut(inproc_silicon(line.chip), kind, at, tear);
    if (provision(true) == ERR_OK) {
        silicon_arm_cut(inproc_silicon(line.chip), kind, 0, tear);
        return false;
    }
    assert_int_equal(line.r.verdict, VERDICT_FAIL);
    assert_int_equal(err_exit_status(e.code), 81);
    assert_true(line.r.has_device);
    serial = line.r.serial;
    assert_int_equal(state_of(serial, &d), line.r.state);
    assert_true(d.has_image && d.state != DEV_DONE);
    keys_of(serial, before, &n);
    power_cycle();

    if (kind == CUT_OTP && tear == TEAR_PARTIAL && a_cell_is_torn())
        expect_quarantine();
    else if (kind == CUT_OTP && tear == TEAR_PARTIAL && provision(true) != ERR_OK)
        assert_int_equal(line.r.state, DEV_QUARANTINED); /* F4: seen by its value */
    else
        expect_pass();
    assert_int_equal(line.r.serial, serial);
    keys_of(serial, after, &again);
    assert_int_equal(again, n);
    assert_memory_equal(after, before, sizeof before);
    return true;
}

static uint64_t sweep(enum silicon_cut_kind kind, enum silicon_tear tear)
{
    uint64_t at = 1;

    while (cut_and_repeat(kind, at, tear))
        at++;
    return at - 1;
}

static uint32_t burned_cells(void)
{
    uint8_t image[OTP_IMAGE_LEN];
    uint32_t n = 0;

    otp_of(line.chip, image);
    for (uint32_t i = 0; i < OTP_IMAGE_LEN; i += line.chip->desc->otp.cell)
        n += bytes_all(image + i, line.chip->desc->otp.cell, 0xFF) ? 0 : 1;
    return n;
}

static void test_a_cut_before_any_otp_pulse_ends_in_the_same_device(void **state)
{
    (void)state;
    assert_true(sweep(CUT_OTP, TEAR_NONE) >= burned_cells());
}

static void test_a_cut_after_any_otp_pulse_ends_in_the_same_device(void **state)
{
    (void)state;
    assert_true(sweep(CUT_OTP, TEAR_DONE) >= burned_cells());
}

static void test_a_cut_in_any_otp_pulse_ends_done_or_quarantined_with_the_same_serial(void **state)
{
    (void)state;
    assert_true(sweep(CUT_OTP, TEAR_PARTIAL) >= burned_cells());
}

static void test_a_cut_in_any_flash_pulse_ends_in_the_same_device(void **state)
{
    (void)state;
    assert_true(sweep(CUT_FLASH, TEAR_PARTIAL) >= ELF_CODE_LEN / 8);
    assert_true(sweep(CUT_FLASH, TEAR_NONE) >= ELF_CODE_LEN / 8);
}

/* A second cut in the repeat, a third in the next: patience, one cell a time. */
static void test_a_board_that_is_cut_at_each_repeat_gets_there_in_the_end(void **state)
{
    unsigned n = 0;
    uint64_t serial = 0;

    (void)state;
    for (;; n++) {
        silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 2, TEAR_NONE);
        if (provision(true) == ERR_OK)
            break;
        assert_true(n == 0 || line.r.serial == serial);
        serial = line.r.serial;
        power_cycle();
    }
    assert_int_equal(line.r.verdict, VERDICT_PASS);
    assert_true(n >= burned_cells() - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_a_cut_before_any_otp_pulse_ends_in_the_same_device),
        ON_ALL(test_a_cut_after_any_otp_pulse_ends_in_the_same_device),
        ON_ALL(test_a_cut_in_any_otp_pulse_ends_done_or_quarantined_with_the_same_serial),
        ON_ALL(test_a_cut_in_any_flash_pulse_ends_in_the_same_device),
        ON_ALL(test_a_board_that_is_cut_at_each_repeat_gets_there_in_the_end),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}
