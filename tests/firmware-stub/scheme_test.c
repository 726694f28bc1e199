/* Every scheme's firmware on both chips: what it sends the server opens, what the server sends it hears, once. */
#include "tests/firmware-stub/site.h"

static const struct site_row rows[] = {
    { "sealed-fleet", 2, SUITE_P256_CCM, &device_fleet, &peer_fleet, 0, 62, 28 },
    { "sealed-fleet-x25519", 2, SUITE_X25519_CCM, &device_fleet, &peer_fleet, 0, 62, 28 },
    { "identity", 3, SUITE_P256_CCM, &device_identity, &peer_identity, 0, 129, 28 },
    { "identity-x25519", 3, SUITE_X25519_CCM, &device_identity, &peer_identity, 0, 129, 28 },
    { "secret", 4, SUITE_P256_CCM, &device_secret, &peer_secret, SLOTS, 34, 34 },
    { "derived", 5, SUITE_P256_CCM, &device_derived, &peer_derived, SLOTS, 34, 34 },
    { "session", 6, SUITE_P256_CCM, &device_session, &peer_session_ecies, 1, 58, 28 },
    { "session-rsa", 6, SUITE_RSA, &device_session_rsa, &peer_session_rsa, SLOTS, 513, 28 },
    { "session-x25519", 6, SUITE_X25519_CCM, &device_session, &peer_session_ecies, 1, 58, 28 },
    { "signup-x25519", 8, SUITE_X25519_CCM, &device_signup, &peer_signup, 0, 161, 28 },
    { "signup", 8, SUITE_P256_CCM, &device_signup, &peer_signup, 0, 161, 28 },
};
enum { ROWS = sizeof rows / sizeof *rows };
static const struct site_row *const fleet_x25519 = &rows[1], *const rsa = &rows[7];

/* On both chips; or on the one and the other in turn, where the chip has no part in it. */
static void each(void (*claim)(struct site *s), bool both)
{
    struct site s;
    for (size_t i = 0; i < (size_t)ROWS * DUT_CHIPS; i++) {
        if (!both && (i / DUT_CHIPS + i) % DUT_CHIPS != 0)
            continue;
        site_open(&s, &rows[i / DUT_CHIPS], dut_chips[i % DUT_CHIPS]);
        claim(&s);
        site_close(&s);
    }
}

static void sends(struct site *s)
{
    struct peer_text text;
    site_start(s);
    assert_int_equal(site_expect(s, &text), s->row->first);
    assert_int_equal(text.data_len, 16);
    assert_int_equal(dut_boot(&s->d), 1);
    for (uint32_t i = 2; i < 6; i++) {
        assert_int_equal(site_expect(s, &text), s->row->later);
        assert_int_equal(text.data_len, 16);
        assert_int_equal(get32(text.data), i);
    }
    assert_int_equal(dut_boot(&s->d), 1);
}

/* The firmware's key is not the one that S0 digests. */
static void test_another_rsa_key_silences_it(void **state)
{
    uint8_t other[SLOT_LEN];
    struct site s;
    (void)state;
    site_open_blank(&s, rsa, "stm32f407");
    memcpy(other, site_rsa_digest(), sizeof other);
    other[31] ^= 1;
    kit_image(6, SUITE_RSA, other, s.image);
    assert_true(silicon_plant(dut_silicon(&s.d), s.d.desc->otp.base, s.image, OTP_IMAGE_LEN));
    dut_start(&s.d);
    dut_expect_code(&s.d, OTP_DIGEST);
    site_close(&s);
}

/* What the build leaves: no station has put a key there. */
static void test_a_blank_place_for_the_rsa_key_silences_it(void **state)
{
    struct site s;
    uint8_t blank[SESSION_RSA_KEY_LEN];
    uint32_t at;
    struct err e;
    (void)state;
    for (unsigned i = 0; i < DUT_CHIPS; i++) {
        site_open(&s, rsa, dut_chips[i]);
        memset(blank, 0xFF, sizeof blank);
        assert_int_equal(fw_image_symbol(s.d.fw, "fl_rsa_key", &at, &e), ERR_OK);
        assert_int_equal(at % 8, 0);
        assert_true(silicon_plant(dut_silicon(&s.d), at, blank, sizeof blank));
        dut_start(&s.d);
        dut_expect_code(&s.d, OTP_DIGEST);
        site_close(&s);
    }
}

static void test_what_each_scheme_sends_is_opened(void **state)
{
    (void)state;
    each(sends, true);
}

static size_t make_down(struct site *s, uint32_t counter, uint8_t mark, uint8_t frame[FRAME_MAX], uint8_t data[16])
{
    size_t len = 0;
    memset(data, mark, 16);
    assert_int_equal(s->row->peer->down(&kit, &s->peer, &s->session, counter, data, 16, frame, FRAME_MAX, &len), SEALED_OK);
    return len;
}

static void hears(struct site *s)
{
    struct peer_text text;
    uint8_t frame[FRAME_MAX], one[FRAME_MAX], data[16], noise[240];
    site_start(s);
    (void)site_expect(s, &text);
    size_t n = make_down(s, 2, 0x5A, one, data);
    dut_send(&s->d, one, n);
    assert_true(site_hears(s, data));
    dut_send(&s->d, one, n); /* again: not above the last */
    size_t older = make_down(s, 1, 0x5B, frame, data);
    dut_send(&s->d, frame, older);
    memset(data, 0x5A, sizeof data);
    assert_false(site_hears(s, data));
    assert_int_equal(dut_boot(&s->d), 1);
    n = make_down(s, 3, 0x5C, frame, data);
    frame[n - 1] ^= 1;
    dut_send(&s->d, frame, n); /* a wrong tag moves nothing */
    dut_send(&s->d, frame, n - 2);
    frame[n - 1] ^= 1;
    dut_send(&s->d, frame, n);
    assert_true(site_hears(s, data));

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 7 + 1);
    n = make_down(s, 4, 0x61, frame, data);
    dut_send(&s->d, noise, sizeof noise); /* longer than a record may be; bytes that were lost look like this, too */
    dut_send(&s->d, frame, 5);
    dut_send(&s->d, frame, n);
    assert_true(site_hears(s, data));
    site_start(s);
    (void)site_expect(s, &text);
    assert_int_equal(dut_boot(&s->d), 2);
}

static void test_each_scheme_hears_a_down_frame_once_and_passes_over_noise(void **state)
{
    (void)state;
    each(hears, false);
}

static void proves(struct site *s)
{
    static const uint8_t challenge[CHALLENGE_LEN] = { 0xC4 };
    uint8_t digest[SHA256_LEN], proof[PROOF_LEN];
    struct peer_text text;
    assert_true(otp_image_digest(&kit, s->image, digest));
    profile_proof(challenge, digest, proof);
    site_start(s);
    dut_ask(&s->d, MAILBOX_PROOF, challenge, sizeof challenge);
    board_reset(s->d.board);
    struct mailbox_view v = dut_answer(&s->d);
    assert_int_equal(v.state, MAILBOX_ANSWER);
    assert_int_equal(site_take(s, v.data, v.len, proof, &text), SEALED_OK);
    assert_int_not_equal(site_take(s, v.data, v.len, NULL, &text), SEALED_OK); /* never telemetry */
    proof[PROOF_LABEL_LEN] ^= 1;
    assert_int_not_equal(site_take(s, v.data, v.len, proof, &text), SEALED_OK);
}

static void test_each_scheme_proves_itself(void **state)
{
    (void)state;
    each(proves, false);
}

/* Images of all other schemes, whole as they are, are another firmware's. */
static void test_another_schemes_image_silences_it(void **state)
{
    struct site s;
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        site_open(&s, &rows[i], dut_chips[i % DUT_CHIPS]);
        kit_image(rows[(i + 1) % ROWS].scheme, rows[(i + 1) % ROWS].suite, NULL, s.image);
        assert_true(silicon_plant(dut_silicon(&s.d), s.d.desc->otp.base, s.image, OTP_IMAGE_LEN));
        dut_start(&s.d);
        dut_expect_code(&s.d, OTP_SCHEME);
        site_close(&s);
    }
}

/* As boot_test.c has it of suite 1, for what suite 2 has besides. */
static void test_each_known_answer_of_suite_2_is_compared(void **state)
{
    static const uint8_t answer[][4] = {
        { 0x42, 0x2c, 0x8e, 0x7a }, /* X25519 */
        { 0xef, 0xd4, 0x8b, 0x2a }, /* ECDSA to verify */
    };
    struct site s;
    (void)state;
    for (size_t i = 0; i < sizeof answer / sizeof *answer; i++) {
        uint8_t wrong[4];
        site_open(&s, fleet_x25519, dut_chips[i % DUT_CHIPS]);
        uint32_t at = dut_find(&s.d, answer[i], sizeof answer[i]);
        memcpy(wrong, answer[i], sizeof wrong);
        wrong[3] ^= 0x10;
        assert_true(silicon_plant(dut_silicon(&s.d), at, wrong, sizeof wrong));
        dut_start(&s.d);
        dut_expect_code(&s.d, DEVICE_SELF_TEST);
        site_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_scheme_sends_is_opened),
        cmocka_unit_test(test_each_scheme_hears_a_down_frame_once_and_passes_over_noise),
        cmocka_unit_test(test_each_scheme_proves_itself),
        cmocka_unit_test(test_another_schemes_image_silences_it),
        cmocka_unit_test(test_each_known_answer_of_suite_2_is_compared),
        cmocka_unit_test(test_another_rsa_key_silences_it),
        cmocka_unit_test(test_a_blank_place_for_the_rsa_key_silences_it),
    };
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
