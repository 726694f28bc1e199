/* Mailbox command 2 on the chip: it makes its key, burns the seed, and says the same x for ever after.  The test stands in
 * the station's place: it gives the image with its holes, and burns what came back around the seed. */
#include "tests/firmware-stub/site.h"

#include "protocol/crc32.h"

static const struct site_row identity = { "identity", 3, SUITE_P256_CCM, &device_identity, &peer_identity, 0, 129, 28 };
static const struct site_row signup = { "signup", 8, SUITE_P256_CCM, &device_signup, &peer_signup, 0, 161, 28 };
static const struct site_row fleet = { "sealed-fleet", 2, SUITE_P256_CCM, &device_fleet, &peer_fleet, 0, 62, 28 };

enum { OFF_SEED = OTP_OFF_SLOT + SLOT_LEN, UNITS = SLOT_LEN / OTP_UNIT };

static struct otp_image fields; /* of the draft */

/* A blank part with the firmware, waiting; draft: what its station asks with. */
static void blank_site(struct site *s, const struct site_row *row, const char *chip, uint8_t draft[OTP_IMAGE_LEN])
{
    struct otp_image_span hole[OTP_HOLES_MAX];
    size_t n;
    site_open_blank(s, row, chip);
    assert_int_equal(otp_image_check(&kit, s->image, false, &fields), OTP_OK);
    for (unsigned i = 0; i < SLOTS; i++) {
        enum slot_role role = scheme_by_id(row->scheme)->slot[i];
        if (role == SLOT_CHIP_MADE || role == SLOT_CHIP_DIGEST)
            memset(fields.slot[i], 0xFF, SLOT_LEN);
    }
    assert_int_equal(otp_image_draft(&kit, &fields, draft, hole, &n), OTP_OK);
    dut_start(&s->d);
}

static struct mailbox_view ask(struct site *s, const uint8_t draft[OTP_IMAGE_LEN])
{
    dut_ask(&s->d, MAILBOX_MAKE_KEY, draft, OTP_IMAGE_LEN);
    return dut_answer(&s->d);
}

static void refused(struct site *s, const uint8_t draft[OTP_IMAGE_LEN], uint8_t code)
{
    struct mailbox_view v = ask(s, draft);
    assert_int_equal(v.state, MAILBOX_ERROR);
    assert_string_equal(device_code_name(v.data[0]), device_code_name(code));
}

/* False: unreadable (ECC). */
static bool seed_of(struct site *s, uint8_t seed[SLOT_LEN])
{
    return silicon_peek(dut_silicon(&s->d), s->d.desc->otp.base + OFF_SEED, seed, SLOT_LEN);
}

static void nothing_burned(struct site *s)
{
    uint8_t image[OTP_IMAGE_LEN];
    assert_true(silicon_peek(dut_silicon(&s->d), s->d.desc->otp.base, image, sizeof image));
    assert_true(bytes_all(image, sizeof image, 0xFF));
}

/* The answer goes with the seed that lies in OTP; x is its public key. */
static void agrees(struct site *s, const struct mailbox_view *v, const uint8_t draft[OTP_IMAGE_LEN])
{
    uint8_t d[P256_LEN];
    if (v->state != MAILBOX_ANSWER)
        fail_msg("%s: %s", s->row->name, device_code_name(v->data[0]));
    assert_int_equal(v->len, MAILBOX_KEY_ANSWER_LEN);
    memcpy(s->image, draft, OTP_IMAGE_LEN);
    assert_true(seed_of(s, s->image + OFF_SEED));
    assert_true(signing_key(&kit, s->image + OFF_SEED, d, s->sign_x));
    assert_memory_equal(v->data, s->sign_x, P256_LEN);
    if (s->row->scheme == 3) {
        const struct crypto_part part = { s->sign_x, P256_LEN };
        assert_true(kit.sha256(kit.io, &part, 1, s->image + OTP_OFF_SLOT + 3 * SLOT_LEN));
    }
    memcpy(s->image + OTP_OFF_CRC, v->data + P256_LEN, 4);
    memcpy(s->image + OTP_OFF_MAC, v->data + P256_LEN + 4, OTP_MAC_LEN);
    assert_int_equal(otp_image_check(&kit, s->image, false, NULL), OTP_OK);
}

/* Burned around the seed: what lies there stays as the chip burned it. */
static void burn_rest(struct site *s)
{
    uint32_t base = s->d.desc->otp.base;
    assert_true(silicon_plant(dut_silicon(&s->d), base, s->image, OFF_SEED));
    assert_true(silicon_plant(dut_silicon(&s->d), base + OFF_SEED + SLOT_LEN, s->image + OFF_SEED + SLOT_LEN,
                              OTP_IMAGE_LEN - OFF_SEED - SLOT_LEN));
}

static void makes(const struct site_row *row, const char *chip)
{
    struct site s;
    struct peer_text text;
    uint8_t draft[OTP_IMAGE_LEN], x[P256_LEN];
    blank_site(&s, row, chip, draft);
    struct mailbox_view v = ask(&s, draft);
    agrees(&s, &v, draft);
    memcpy(x, s.sign_x, sizeof x);
    dut_start(&s.d);
    v = ask(&s, draft); /* the station lost the answer */
    agrees(&s, &v, draft);
    assert_memory_equal(s.sign_x, x, sizeof x);

    burn_rest(&s);
    site_start(&s);
    assert_int_equal(site_expect(&s, &text), row->first); /* signed, and verified under that x */
    refused(&s, draft, DEVICE_REQUEST);                   /* whole: never again */
    site_close(&s);
}

static void test_it_makes_its_key_and_signs_with_it(void **state)
{
    (void)state;
    makes(&identity, "stm32l476");
    makes(&signup, "stm32f407");
}

static void test_what_is_no_request_for_this_chip_burns_nothing(void **state)
{
    struct site s;
    uint8_t draft[OTP_IMAGE_LEN], other[OTP_IMAGE_LEN];
    (void)state;
    blank_site(&s, &identity, "stm32f407", draft);
    memcpy(other, draft, sizeof other);
    other[OTP_OFF_SCHEME] = 8;
    refused(&s, other, DEVICE_REQUEST);
    memcpy(other, draft, sizeof other);
    other[OTP_OFF_SUITE] = SUITE_X25519_CCM;
    refused(&s, other, DEVICE_REQUEST);
    memcpy(other, draft, sizeof other);
    memset(other + OFF_SEED, 0x11, SLOT_LEN); /* someone else's seed */
    refused(&s, other, DEVICE_REQUEST);
    dut_ask(&s.d, MAILBOX_MAKE_KEY, draft, OTP_IMAGE_LEN - 1);
    assert_int_equal(dut_answer(&s.d).state, MAILBOX_ERROR);
    for (enum rng_mode m = RNG_STUCK; m <= RNG_ERROR; m++) {
        dut_rng(&s.d, m);
        dut_start(&s.d);
        refused(&s, draft, DEVICE_RANDOM);
    }
    nothing_burned(&s);
    site_close(&s);
}

static void test_a_scheme_without_such_a_key_refuses(void **state)
{
    struct site s;
    uint8_t draft[OTP_IMAGE_LEN];
    (void)state;
    blank_site(&s, &fleet, "stm32l476", draft);
    assert_int_equal(ask(&s, draft).state, MAILBOX_ERROR);
    nothing_burned(&s);
    site_close(&s);
}

/* ---- power cuts ---- */

/* At pulse k of the seed.  Asked again it makes a key of whole units, those that were whole before among them, or it names
 * the slot torn, and burns no more.  False: that pulse never came. */
static bool cut_at(const char *chip, uint64_t k, enum silicon_tear tear, unsigned *made)
{
    struct site s;
    static uint8_t last_x[P256_LEN];
    uint8_t draft[OTP_IMAGE_LEN], before[SLOT_LEN], after[SLOT_LEN];
    blank_site(&s, &identity, chip, draft);
    silicon_arm_cut(dut_silicon(&s.d), CUT_OTP, k, tear);
    dut_ask(&s.d, MAILBOX_MAKE_KEY, draft, OTP_IMAGE_LEN);
    const uint64_t until = clock_mono_ns() + (uint64_t)DUT_WAIT_MS * 1000000;
    struct mailbox_view v = { .state = MAILBOX_IDLE };
    while (dut_powered(&s.d) && v.state != MAILBOX_ANSWER && v.state != MAILBOX_ERROR && clock_mono_ns() < until) {
        dut_turn(&s.d);
        if (dut_powered(&s.d))
            (void)mailbox_get(dut_ram(&s.d, s.d.mailbox, MAILBOX_LEN), MAILBOX_LEN, &v);
    }
    bool cut = !dut_powered(&s.d);
    assert_true(cut || v.state == MAILBOX_ANSWER);
    silicon_arm_cut(dut_silicon(&s.d), CUT_OTP, 0, tear);

    bool readable = seed_of(&s, before);
    dut_start(&s.d);
    v = ask(&s, draft);
    if (v.state == MAILBOX_ERROR) {
        assert_string_equal(device_code_name(v.data[0]), "seed");
        assert_int_equal(seed_of(&s, after), readable);
        assert_true(!readable || memcmp(before, after, SLOT_LEN) == 0);
    } else {
        agrees(&s, &v, draft);
        assert_memory_not_equal(s.sign_x, last_x, P256_LEN); /* two chips make two keys */
        memcpy(last_x, s.sign_x, P256_LEN);
        assert_true(readable && seed_of(&s, after));
        for (unsigned i = 0; i < UNITS; i++) {
            const uint8_t *was = before + i * OTP_UNIT;
            assert_true(bytes_all(was, OTP_UNIT, 0xFF) || memcmp(was, after + i * OTP_UNIT, OTP_UNIT) == 0);
            assert_int_equal(after[i * OTP_UNIT + 7], (uint8_t)crc32_ieee(0, after + i * OTP_UNIT, 7));
        }
        (*made)++;
    }
    site_close(&s);
    return cut;
}

static void test_cut_at_each_unit_no_torn_seed_is_taken(void **state)
{
    static const struct {
        unsigned pulse;
        enum silicon_tear tear;
        bool made;
    } byte[] = { { 8, TEAR_NONE, false }, { 17, TEAR_NONE, true } }; /* 16 are two units */
    unsigned made = 0;
    (void)state;
    assert_true(cut_at("stm32l476", 2, TEAR_PARTIAL, &made)); /* a pulse a unit */
    assert_int_equal(made, 0);
    assert_true(cut_at("stm32l476", UNITS, TEAR_NONE, &made));
    assert_int_equal(made, 1);
    for (size_t i = 0; i < sizeof byte / sizeof *byte; i++) {
        made = 0;
        assert_true(cut_at("stm32f407", byte[i].pulse, byte[i].tear, &made));
        assert_int_equal(made, byte[i].made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_makes_its_key_and_signs_with_it),
        cmocka_unit_test(test_what_is_no_request_for_this_chip_burns_nothing),
        cmocka_unit_test(test_a_scheme_without_such_a_key_refuses),
        cmocka_unit_test(test_cut_at_each_unit_no_torn_seed_is_taken),
    };
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
