/* One wrong answer on the way to a sound board: it may cost a repeat, never the board. */
#include "tests/station/line.h"

/* ---- a chip that lies in one call of one kind ---- */

static struct {
    struct chip chip; /* what the station holds */
    struct chip *inner;
    unsigned reads, lie_at_read;   /* otp_read calls; the lying one, from 1 */
    unsigned pulses, lie_at_pulse; /* otp_program */
    bool lie_locks;
} glitch;

static struct chip_ops ops;

static enum err_code otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                              struct err *err)
{
    const enum err_code rc = chip_otp_read(glitch.inner, first, n, bytes, state, err);

    if (++glitch.reads == glitch.lie_at_read)
        memset(bytes, 0xA5, (size_t)n * c->desc->otp.cell);
    return rc;
}

static enum err_code otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *err)
{
    (void)c;
    return ++glitch.pulses == glitch.lie_at_pulse ? ERR_OK : chip_otp_program(glitch.inner, cell, bytes, err);
}

static enum err_code otp_lock(struct chip *c, uint32_t block, struct err *err)
{
    (void)c;
    return glitch.lie_locks ? ERR_OK : chip_otp_lock(glitch.inner, block, err);
}

static enum err_code rdp_set(struct chip *c, unsigned level, struct err *err)
{
    (void)c;
    return glitch.lie_locks ? ERR_OK : chip_rdp_set(glitch.inner, level, err);
}

/* Each call that does not lie goes to the chip itself. */
#define PASS_ON(name, params, args)         \
    static enum err_code pass_##name params \
    {                                       \
        (void)c;                            \
        return chip_##name args;            \
    }
PASS_ON(probe, (struct chip * c, struct chip_identity *id, struct err *err), (glitch.inner, id, err))
PASS_ON(flash_write, (struct chip * c, const struct fw_segment *s, size_t n, struct err *err), (glitch.inner, s, n, err))
PASS_ON(mem_read, (struct chip * c, uint32_t a, void *b, size_t n, struct err *err), (glitch.inner, a, b, n, err))
PASS_ON(mem_write, (struct chip * c, uint32_t a, const void *b, size_t n, struct err *err), (glitch.inner, a, b, n, err))
PASS_ON(wipe_ram, (struct chip * c, struct err *err), (glitch.inner, err))
PASS_ON(run, (struct chip * c, struct err *err), (glitch.inner, err))

static enum err_code otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *err)
{
    (void)c;
    return chip_otp_lock_bytes(glitch.inner, locked, torn, err);
}

static void insert(void)
{
    ops = (struct chip_ops){ .probe = pass_probe,
                             .otp_read = otp_read,
                             .otp_locks = otp_locks,
                             .otp_program = otp_program,
                             .otp_lock = otp_lock,
                             .flash_write = pass_flash_write,
                             .mem_read = pass_mem_read,
                             .mem_write = pass_mem_write,
                             .wipe_ram = pass_wipe_ram,
                             .run = pass_run,
                             .rdp_set = rdp_set };
    memset(&glitch, 0, sizeof glitch);
    glitch.chip = (struct chip){ .ops = &ops, .desc = line.chip->desc };
    glitch.inner = line.chip;
    line.station.chip = &glitch.chip;
}

/* ---- tests ---- */

static void test_one_wrong_read_of_a_blank_board_is_told_and_costs_a_repeat(void **state)
{
    (void)state;
    insert();
    glitch.lie_at_read = 1;
    expect_fault(true, &station_fault[STATION_UNSTEADY], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
    assert_false(happened("board.refused"));
    expect_pass();
}

static void test_a_wrong_read_at_any_moment_never_makes_scrap_of_the_board(void **state)
{
    (void)state;
    for (unsigned at = 1;; at++) {
        new_board();
        insert();
        glitch.lie_at_read = at;
        const enum err_code first = provision(true);
        const bool lied = glitch.reads >= at;
        if (first != ERR_OK)
            assert_int_equal(fault_fate(e.fault), FATE_RETRY);
        glitch.lie_at_read = 0;
        expect_pass();
        if (!lied) {
            assert_true(at > 4); /* exam, plan, read-back, .. */
            return;
        }
    }
}

static void test_a_pulse_that_was_never_given_is_given_before_the_board_goes_on(void **state)
{
    uint8_t image[OTP_IMAGE_LEN];

    (void)state;
    insert();
    glitch.lie_at_pulse = 3;
    expect_pass();
    otp_of(glitch.inner, image);
    assert_int_equal(otp_image_check(&line.crypto, image, false, NULL), OTP_OK);
}

static void test_a_lock_that_was_only_promised_is_no_lock(void **state)
{
    (void)state;
    insert();
    glitch.lie_locks = true;
    expect_fault(true, &station_fault[STATION_LOCK_MISSING], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_PROVED);
    glitch.lie_locks = false;
    expect_pass();
    assert_int_equal(silicon_rdp(inproc_silicon(line.chip)), line.product.lock);
}

/* What a half-written firmware left in RAM before the whole one started. */
static void test_the_note_of_an_older_firmware_is_not_the_new_ones_word(void **state)
{
    (void)state;
    line.mood = FW_OLD_NOTE;
    expect_pass();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_one_wrong_read_of_a_blank_board_is_told_and_costs_a_repeat),
        ON_ALL(test_a_wrong_read_at_any_moment_never_makes_scrap_of_the_board),
        ON_ALL(test_a_pulse_that_was_never_given_is_given_before_the_board_goes_on),
        { "test_a_lock_that_was_only_promised_is_no_lock [stm32l476 psk]", test_a_lock_that_was_only_promised_is_no_lock,
          up_l4_psk, line_down, NULL },
        { "test_a_lock_that_was_only_promised_is_no_lock [stm32f407 psk]", test_a_lock_that_was_only_promised_is_no_lock,
          up_f4_psk, line_down, NULL },
        ON_BOTH(test_the_note_of_an_older_firmware_is_not_the_new_ones_word),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}
