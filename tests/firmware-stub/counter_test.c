/* Boot numbers, end to end: with a stuck RNG the ephemeral key hangs on secret and boot number alone, so a frame's x tells
 * its number, and two frames with one x would be one number used twice. */
#include "tests/firmware-stub/dut.h"

enum { SEEN_MAX = 64, NEVER_ENDS = 1000000 /* busy scale: an L4's erase takes 22 s */ };

struct seen {
    uint8_t x[SEEN_MAX][FRAME_X_LEN];
    unsigned n;
};

/* A device whose x is a function of the boot number. */
static void open_dut(struct dut *d, const char *chip)
{
    dut_open(d, chip, "sealed-fast", true, true);
    dut_rng(d, RNG_STUCK);
    d->rig.rng_broken = true;
}

/* The number under which the device made that x: tried from low up to high by the same means. */
static bool made_under(struct dut *d, uint32_t boot, const uint8_t x[FRAME_X_LEN])
{
    struct device_session s;
    uint8_t frame[FRAME_MAX];
    size_t len;
    assert_int_equal(device_sealed.open(&d->rig.c, &d->rig.device, boot, x, 0, frame, sizeof frame, &len, &s), SEALED_OK);
    return memcmp(frame + 5, x, FRAME_X_LEN) == 0;
}

/* A frame with an x: new, and made under the number that is now written down. */
static void note(struct dut *d, struct seen *seen, const uint8_t *frame)
{
    const uint8_t *x = frame + 5; /* compact: hdr serial4 x32 */
    for (unsigned i = 0; i < seen->n; i++)
        assert_memory_not_equal(seen->x[i], x, FRAME_X_LEN);
    assert_true(seen->n < SEEN_MAX);
    memcpy(seen->x[seen->n++], x, FRAME_X_LEN);
    assert_true(made_under(d, dut_boot(d), x));
}

/* Start with power; the OPEN that comes, if any.  False: the power went first. */
static bool start(struct dut *d, struct seen *seen)
{
    uint8_t frame[FRAME_MAX];
    d->line_len = 0;
    board_power(d->board, false);
    board_power(d->board, true);
    dut_rng(d, RNG_STUCK);
    size_t n = dut_receive(d, frame, sizeof frame, DUT_WAIT_MS);
    if (n == 0) {
        if (dut_powered(d))
            fail_msg("the device has power and says nothing");
        return false;
    }
    if (local_is(frame, n))
        fail_msg("the device says %s", device_code_name(frame[1]));
    assert_int_equal(frame[0], HDR_OPEN_SEALED_COMPACT);
    note(d, seen, frame);
    return true;
}

static void plant_record(struct dut *d, unsigned page, unsigned slot, uint32_t boot)
{
    const struct counter_record r = { .boot = boot };
    uint8_t bytes[COUNTER_RECORD_LEN];
    counter_encode(&r, bytes);
    assert_true(silicon_plant(dut_silicon(d), d->records[page] + slot * COUNTER_RECORD_LEN, bytes, sizeof bytes));
}

static void burn(struct dut *d, unsigned cell)
{
    static const uint8_t zeros[8];
    assert_true(silicon_plant(dut_silicon(d), dut_cell(d, cell), zeros, d->cells->width));
}

static void test_every_start_takes_the_next_number(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct dut d;
        struct seen seen = { .n = 0 };
        open_dut(&d, dut_chips[i]);
        for (uint32_t boot = 1; boot <= 4; boot++) {
            assert_true(start(&d, &seen));
            assert_int_equal(dut_boot(&d), boot);
        }
        dut_close(&d);
    }
}

/* Cut at pulse k of a kind, in the middle, before, behind; then three good starts. */
static void cut_at_every_pulse(const char *chip, bool first, enum silicon_cut_kind kind, uint64_t step)
{
    bool cut = true;
    for (uint64_t k = 1; cut; k += step)
        for (enum silicon_tear tear = TEAR_NONE; tear <= TEAR_PARTIAL; tear++) {
            struct dut d;
            struct seen seen = { .n = 0 };
            open_dut(&d, chip);
            if (!first)
                assert_true(start(&d, &seen));
            silicon_arm_cut(dut_silicon(&d), kind, k, tear);
            cut = !start(&d, &seen);
            silicon_arm_cut(dut_silicon(&d), kind, 0, tear);
            uint32_t before = seen.n > 0 ? dut_boot(&d) : 0;
            assert_true(start(&d, &seen));
            assert_true(dut_boot(&d) > before || !cut);
            assert_false(dut_cell_blank(&d, CELL_NVM_INITIALISED));
            assert_true(dut_cell_blank(&d, CELL_NVM_LOSS)); /* a cut is no loss */
            dut_close(&d);
        }
}

static void test_a_cut_at_every_flash_pulse_repeats_no_number(void **state)
{
    (void)state;
    cut_at_every_pulse("stm32l476", true, CUT_FLASH, 1);
    cut_at_every_pulse("stm32l476", false, CUT_FLASH, 1);
    cut_at_every_pulse("stm32f407", true, CUT_FLASH, 7); /* a pulse a byte: every seventh shows what there is to see */
    cut_at_every_pulse("stm32f407", false, CUT_FLASH, 15);
}

static void test_a_cut_at_every_otp_pulse_repeats_no_number(void **state)
{
    (void)state;
    cut_at_every_pulse("stm32l476", true, CUT_OTP, 1);
    cut_at_every_pulse("stm32f407", true, CUT_OTP, 1);
}

/* A page is full: the other one is erased and gets the next record; the full one stays until then. */
static void test_a_full_page_is_followed_by_the_other(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct dut d;
        struct seen seen = { .n = 0 };
        open_dut(&d, dut_chips[i]);
        burn(&d, CELL_NVM_INITIALISED);
        for (unsigned slot = 0; slot < d.slots; slot++) {
            plant_record(&d, 1, slot, slot + 1);
            plant_record(&d, 0, slot, 1000 + slot);
        }
        uint32_t last = 1000 + d.slots - 1;
        assert_true(start(&d, &seen));
        assert_int_equal(dut_boot(&d), last + 1);
        uint8_t record[COUNTER_RECORD_LEN];
        assert_true(dut_read_slot(&d, 1, 0, record) && get32(record) == last + 1);
        assert_true(dut_read_slot(&d, 1, 1, record) && bytes_all(record, sizeof record, 0xFF));
        assert_true(start(&d, &seen));
        dut_close(&d);
    }
}

/* Power goes in the erase: torn records, and on L4 words that read blank and can't be programmed. */
static void test_a_torn_erase_repeats_no_number(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct dut d;
        struct seen seen = { .n = 0 };
        open_dut(&d, dut_chips[i]);
        burn(&d, CELL_NVM_INITIALISED);
        for (unsigned slot = 0; slot < d.slots; slot++) {
            plant_record(&d, 0, slot, 1 + slot);
            plant_record(&d, 1, slot, 1000 + slot);
        }
        uint32_t last = 1000 + d.slots - 1;
        silicon_busy_scale(dut_silicon(&d), NEVER_ENDS); /* however long this process is not run */
        d.line_len = 0;
        board_power(d.board, false);
        board_power(d.board, true);
        struct silicon_stats st, now;
        silicon_stats_get(dut_silicon(&d), &st);
        do {
            dut_turn(&d);
            silicon_stats_get(dut_silicon(&d), &now);
        } while (now.erases == st.erases);
        assert_true(silicon_busy(dut_silicon(&d)));
        board_power(d.board, false); /* cut here */
        silicon_busy_scale(dut_silicon(&d), 0);
        for (unsigned k = 0; k < 4; k++) {
            assert_true(start(&d, &seen));
            assert_true(dut_boot(&d) > last);
            last = dut_boot(&d);
        }
        assert_true(dut_cell_blank(&d, CELL_NVM_LOSS));
        dut_close(&d);
    }
}

/* Both pages lost: one nvm_loss cell, and numbers that no earlier life could have had. */
static void test_lost_pages_cost_a_cell_and_repeat_no_number(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct dut d;
        struct seen seen = { .n = 0 };
        open_dut(&d, dut_chips[i]);
        for (uint8_t loss = 0; loss < 3; loss++) {
            assert_true(start(&d, &seen));
            assert_int_equal(dut_boot(&d), boot_number(loss, 1));
            assert_true(start(&d, &seen));
            assert_int_equal(dut_boot(&d), boot_number(loss, 2));
            uint8_t blank[128 * COUNTER_RECORD_LEN];
            memset(blank, 0xFF, sizeof blank);
            for (unsigned page = 0; page < COUNTER_PAGES; page++)
                assert_true(silicon_plant(dut_silicon(&d), d.records[page], blank, d.slots * COUNTER_RECORD_LEN));
        }
        /* power goes in the loss cell's pulse, then just before the first record of the new life */
        silicon_arm_cut(dut_silicon(&d), CUT_OTP, 1, TEAR_PARTIAL);
        assert_false(start(&d, &seen));
        assert_true(start(&d, &seen));
        assert_true(dut_boot(&d) > boot_number(2, 2));
        silicon_arm_cut(dut_silicon(&d), CUT_FLASH, 1, TEAR_NONE);
        assert_false(start(&d, &seen));
        assert_true(start(&d, &seen));
        dut_close(&d);
    }
}

/* A loss cell that does not burn is passed over. */
static void test_a_cell_that_does_not_burn_is_passed_over(void **state)
{
    struct dut d;
    struct seen seen = { .n = 0 };
    (void)state;
    open_dut(&d, "stm32f407");
    burn(&d, CELL_NVM_INITIALISED);
    for (unsigned bit = 0; bit < 8; bit++)
        assert_true(silicon_stick_bit(dut_silicon(&d), dut_cell(&d, CELL_NVM_LOSS), bit, true));
    assert_true(start(&d, &seen));
    assert_int_equal(dut_boot(&d), boot_number(2, 1));
    dut_close(&d);
}

static void ends_with(struct dut *d, uint8_t code)
{
    dut_start(d);
    dut_expect_code(d, code);
    uint32_t boot = dut_boot(d);
    dut_start(d);
    dut_expect_code(d, code); /* for ever */
    assert_int_equal(dut_boot(d), boot);
}

static void test_after_the_last_number_nothing_is_sent(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct dut d;
        struct seen seen = { .n = 0 };
        open_dut(&d, dut_chips[i]);
        for (unsigned cell = CELL_NVM_INITIALISED; cell < CELLS; cell++)
            if (cell != CELL_RETIRED && cell != CELL_RA_REVOKED)
                burn(&d, cell);
        plant_record(&d, 0, 0, boot_number(NVM_LOSS_MAX, FLASH_BOOT_MAX - 1));
        assert_true(start(&d, &seen));
        assert_int_equal(dut_boot(&d), 0xFFFFFF);
        ends_with(&d, DEVICE_BOOT_FULL);
        dut_close(&d);
    }
}

static void test_flash_that_keeps_nothing_sends_nothing(void **state)
{
    struct dut d;
    (void)state;
    open_dut(&d, "stm32f407");
    burn(&d, CELL_NVM_INITIALISED);
    plant_record(&d, 0, 0, 5);
    for (unsigned slot = 1; slot <= 20; slot++) /* the CRC's last byte sticks in each slot that could come next */
        assert_true(silicon_stick_bit(dut_silicon(&d), d.records[0] + slot * COUNTER_RECORD_LEN + 3, 7, true));
    dut_start(&d);
    dut_expect_code(&d, DEVICE_BOOT_WRITE);
    dut_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_start_takes_the_next_number),
        cmocka_unit_test(test_a_cut_at_every_flash_pulse_repeats_no_number),
        cmocka_unit_test(test_a_cut_at_every_otp_pulse_repeats_no_number),
        cmocka_unit_test(test_a_full_page_is_followed_by_the_other),
        cmocka_unit_test(test_a_torn_erase_repeats_no_number),
        cmocka_unit_test(test_lost_pages_cost_a_cell_and_repeat_no_number),
        cmocka_unit_test(test_a_cell_that_does_not_burn_is_passed_over),
        cmocka_unit_test(test_after_the_last_number_nothing_is_sent),
        cmocka_unit_test(test_flash_that_keeps_nothing_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
