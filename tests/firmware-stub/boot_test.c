/* Boot checks: whatever is wrong with the identity, nothing but a code leaves the device, by any way out. */
#include "tests/firmware-stub/dut.h"

static const uint8_t challenge[CHALLENGE_LEN];

static void plant(struct dut *d)
{
    assert_true(silicon_plant(dut_silicon(d), d->desc->otp.base, d->rig.image, OTP_IMAGE_LEN));
}

/* Start; the code and nothing else, also to whoever asks; no boot number is taken. */
static void refuses(struct dut *d, uint8_t code)
{
    uint8_t out[64];
    dut_start(d);
    dut_expect_code(d, code);
    dut_ask(d, MAILBOX_PROOF, challenge, sizeof challenge);
    struct mailbox_view v = dut_answer(d);
    assert_int_equal(v.state, MAILBOX_ERROR);
    assert_int_equal(v.data[0], code);
    assert_memory_equal(v.data + 1, device_code_name(code), v.len - 1);
    dut_send(d, out, local_challenge(challenge, out, sizeof out));
    dut_expect_code(d, code);
    assert_int_equal(dut_boot(d), 0);
    assert_true(dut_cell_blank(d, CELL_NVM_INITIALISED));
}

/* CRC and mac made right again: what is wrong is the field itself. */
static void reseal(struct dut *d)
{
    assert_true(otp_image_finish(&d->rig.c, d->rig.image));
}

static void with_image(const char *chip, void (*spoil)(struct dut *d), uint8_t code)
{
    struct dut d;
    dut_open(&d, chip, "sealed-fast", true, true);
    spoil(&d);
    plant(&d);
    refuses(&d, code);
    dut_close(&d);
}

static void blank(struct dut *d)
{
    memset(d->rig.image, 0xFF, OTP_IMAGE_LEN);
}
static void no_magic(struct dut *d)
{
    memset(d->rig.image, 0xFF, OTP_UNIT); /* a burn that was cut before its last unit */
}
static void magic(struct dut *d)
{
    d->rig.image[0] ^= 0x01;
    reseal(d);
}
static void version(struct dut *d)
{
    d->rig.image[OTP_OFF_VERSION] = 2;
    reseal(d);
}
static void crc(struct dut *d)
{
    d->rig.image[OTP_OFF_SERIAL] ^= 0x80;
}
static void scheme(struct dut *d)
{
    d->rig.image[OTP_OFF_SCHEME] = 4;
    reseal(d);
}
static void policy(struct dut *d)
{
    d->rig.image[OTP_OFF_POLICY] ^= 0x80;
    reseal(d);
}
static void slot(struct dut *d)
{
    d->rig.image[OTP_OFF_SLOT + 3 * SLOT_LEN] = 0;
    reseal(d);
}
static void mac(struct dut *d)
{
    d->rig.image[OTP_OFF_MAC + 15] ^= 0x01;
}
static void point(struct dut *d)
{
    memset(d->rig.image + OTP_OFF_SLOT, 0, SLOT_LEN);
    d->rig.image[OTP_OFF_SLOT + SLOT_LEN - 1] = 1; /* x = 1: no root */
    reseal(d);
}

static void test_every_fault_of_the_image_silences_the_device(void **state)
{
    static const struct {
        void (*spoil)(struct dut *d);
        uint8_t code;
    } row[] = {
        { blank, OTP_BLANK }, { no_magic, OTP_MAGIC }, { magic, OTP_MAGIC },   { version, OTP_VERSION },
        { crc, OTP_CRC },     { scheme, OTP_SCHEME },  { policy, OTP_POLICY }, { slot, OTP_SLOT },
        { mac, OTP_MAC },     { point, OTP_POINT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        with_image(dut_chips[i % DUT_CHIPS], row[i].spoil, row[i].code);
}

static void test_a_retired_device_is_silent_on_both_chips(void **state)
{
    static const uint8_t zeros[8];
    struct dut d;
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        dut_open(&d, dut_chips[i], "sealed-fast", false, true);
        assert_true(silicon_plant(dut_silicon(&d), dut_cell(&d, CELL_RETIRED), zeros, d.cells->width));
        refuses(&d, OTP_RETIRED);
        dut_close(&d);
    }
}

static void test_an_unreadable_cell_of_the_image_silences_the_device(void **state)
{
    static const uint16_t at[] = { OTP_OFF_MAGIC, OTP_OFF_SLOT, OTP_OFF_SLOT + 3 * SLOT_LEN, OTP_OFF_MAC };
    struct dut d;
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        dut_open(&d, "stm32l476", "sealed-fast", false, true);
        assert_true(silicon_tear_cell(dut_silicon(&d), d.desc->otp.base + at[i]));
        refuses(&d, DEVICE_OTP_READ);
        dut_close(&d);
    }
}

/* A lifecycle cell that can't be read, or is neither blank nor zero, counts as burned. */
static void test_a_torn_retired_cell_is_retired(void **state)
{
    static const uint8_t one_bit_fell[] = { 0xEF };
    struct dut d;
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        dut_open(&d, dut_chips[i], "sealed-fast", false, true);
        if (d.cells->width == 8)
            assert_true(silicon_tear_cell(dut_silicon(&d), dut_cell(&d, CELL_RETIRED)));
        else
            assert_true(silicon_plant(dut_silicon(&d), dut_cell(&d, CELL_RETIRED), one_bit_fell, 1));
        refuses(&d, OTP_RETIRED);
        dut_close(&d);
    }
}

/* ---- the firmware itself ---- */

static uint32_t symbol(struct dut *d, const char *name)
{
    uint32_t addr = 0;
    struct err e;
    assert_int_equal(fw_image_symbol(d->fw, name, &addr, &e), ERR_OK);
    return addr;
}

/* After the reset that ends it, the device says why, once a start, and then works again. */
static void says_and_recovers(struct dut *d, uint8_t code)
{
    struct peer_session s;
    struct local l;
    uint8_t record[FRAME_MAX];
    size_t n;
    do
        assert_true((n = dut_receive(d, record, sizeof record, DUT_WAIT_MS)) > 0);
    while (!local_is(record, n)); /* what was on its way */
    assert_true(local_parse(record, n, &l) && l.type == LOCAL_ERROR);
    assert_int_equal(l.code, code);
    assert_memory_equal(l.body, "pc ", 3);
    assert_int_equal(dut_receive(d, record, sizeof record, DUT_SILENCE_MS), 0);
    board_reset(d->board);
    (void)dut_expect_open(d, record, &s);
}

static void test_an_overrun_stack_ends_the_start(void **state)
{
    struct dut d;
    struct peer_session s;
    uint8_t record[FRAME_MAX];
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        dut_open(&d, dut_chips[i], "sealed-fast", false, true);
        dut_start(&d);
        (void)dut_expect_open(&d, record, &s);
        dut_ram(&d, symbol(&d, "stack_limit"), 4)[0] = 0;
        says_and_recovers(&d, DEVICE_STACK);
        dut_close(&d);
    }
}

static void test_a_fault_ends_the_start(void **state)
{
    static const uint8_t udf[] = { 0x00, 0xDE };
    struct dut d;
    struct peer_session s;
    uint8_t record[FRAME_MAX], was[2];
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        dut_open(&d, dut_chips[i], "sealed-fast", false, true);
        uint32_t at = symbol(&d, "telemetry_step") & ~1u;
        assert_true(silicon_peek(dut_silicon(&d), at, was, sizeof was));
        assert_true(silicon_plant(dut_silicon(&d), at, udf, sizeof udf)); /* decayed code */
        dut_start(&d);
        struct local l;
        size_t n = dut_receive(&d, record, sizeof record, DUT_WAIT_MS);
        assert_true(local_parse(record, n, &l) && l.type == LOCAL_ERROR);
        assert_int_equal(l.code, DEVICE_FAULT);
        assert_true(silicon_plant(dut_silicon(&d), at, was, sizeof was));
        board_reset(d.board);
        (void)dut_expect_open(&d, record, &s);
        dut_close(&d);
    }
}

/* Each known answer counts: with one bit of it changed, and nothing else, the device stays silent. */
static void test_each_known_answer_is_compared(void **state)
{
    static const uint8_t answer[][4] = {
        { 0xba, 0x78, 0x16, 0xbf }, /* SHA-256 */
        { 0x5b, 0xdc, 0xc1, 0x46 }, /* HMAC */
        { 0x58, 0x8c, 0x97, 0x9a }, /* AES-CCM */
        { 0xd0, 0xca, 0xfb, 0x65 }, /* P-256 */
    };
    struct dut d;
    (void)state;
    for (size_t i = 0; i < sizeof answer / sizeof *answer; i++) {
        uint8_t wrong[4];
        dut_open(&d, dut_chips[i % DUT_CHIPS], "sealed-fast", false, true);
        uint32_t at = dut_find(&d, answer[i], sizeof answer[i]);
        memcpy(wrong, answer[i], sizeof wrong);
        wrong[3] ^= 0x10;
        assert_true(silicon_plant(dut_silicon(&d), at, wrong, sizeof wrong));
        refuses(&d, DEVICE_SELF_TEST);
        dut_close(&d);
    }
}

/* ---- random source ---- */

static void test_without_a_secret_a_bad_rng_silences_the_device(void **state)
{
    static const enum rng_mode bad[] = { RNG_ERROR, RNG_STUCK };
    struct dut d;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        dut_open(&d, dut_chips[i % DUT_CHIPS], "sealed-fast", false, true);
        dut_rng(&d, bad[i / DUT_CHIPS]);
        dut_start(&d);
        dut_expect_code(&d, DEVICE_RANDOM);
        dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
        struct mailbox_view v = dut_answer(&d);
        assert_int_equal(v.state, MAILBOX_ERROR);
        assert_int_equal(v.data[0], DEVICE_RANDOM);
        dut_close(&d);
    }
}

static void test_with_a_secret_a_bad_rng_does_no_harm(void **state)
{
    static const enum rng_mode bad[] = { RNG_ERROR, RNG_STUCK };
    struct dut d;
    struct peer_session s;
    uint8_t first[FRAME_MAX], second[FRAME_MAX];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        dut_open(&d, dut_chips[i % DUT_CHIPS], "sealed-fast", true, true);
        dut_rng(&d, bad[i / DUT_CHIPS]);
        dut_start(&d);
        (void)dut_expect_open(&d, first, &s);
        dut_start(&d);
        (void)dut_expect_open(&d, second, &s);
        assert_memory_not_equal(first + 5, second + 5, FRAME_X_LEN); /* the boot number carries it */
        dut_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault_of_the_image_silences_the_device),
        cmocka_unit_test(test_a_retired_device_is_silent_on_both_chips),
        cmocka_unit_test(test_an_unreadable_cell_of_the_image_silences_the_device),
        cmocka_unit_test(test_a_torn_retired_cell_is_retired),
        cmocka_unit_test(test_an_overrun_stack_ends_the_start),
        cmocka_unit_test(test_a_fault_ends_the_start),
        cmocka_unit_test(test_each_known_answer_is_compared),
        cmocka_unit_test(test_without_a_secret_a_bad_rng_silences_the_device),
        cmocka_unit_test(test_with_a_secret_a_bad_rng_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
