/* REKEY on the chip: accepted at once and for good, never backwards, and cut anywhere one generation lives. */
#include "tests/firmware-stub/site.h"

static const struct site_row derived = { "derived", 5, SUITE_P256_CCM, &device_derived, &peer_derived, SLOTS, 34, 34 };

static void make(struct site *s, uint8_t gen, uint8_t nvm_loss, struct rekey *k, uint8_t frame[REKEY_LEN])
{
    uint8_t input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    const struct crypto_part part = { input, sizeof input };
    k->gen = gen;
    memset(k->salt, 0x70 + gen, sizeof k->salt);
    rekey_head(s->peer.serial, k, frame);
    rekey_input(&s->peer.profile, nvm_loss, frame, input);
    assert_true(kit.hmac_sha256(kit.io, s->image + OTP_OFF_SLOT, SLOT_LEN, &part, 1, mac));
    rekey_finish(mac, frame);
}

/* Frames until one of another boot than `boot` comes, opened under the key that the server now has; 0: none does. */
static uint32_t next_boot(struct site *s, uint32_t boot)
{
    struct peer_text text;
    uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < 12; i++) {
        size_t n = dut_receive(&s->d, frame, sizeof frame, DUT_WAIT_MS);
        uint32_t is = n > 7 ? (uint32_t)frame[5] << 16 | get16(frame + 6) : boot;
        if (is == boot)
            continue;
        s->met = false;
        assert_int_equal(site_take(s, frame, n, NULL, &text), SEALED_OK);
        return is;
    }
    return 0;
}

static void test_a_rekey_is_taken_at_once_and_for_good(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct site s;
        struct rekey k;
        struct peer_text text;
        uint8_t frame[REKEY_LEN], old[REKEY_LEN];
        site_open(&s, &derived, dut_chips[i]);
        site_start(&s);
        (void)site_expect(&s, &text);
        make(&s, 2, 0, &k, old);
        dut_send(&s.d, old, sizeof old);
        site_generation(&s, k.gen, k.salt);
        assert_int_equal(next_boot(&s, 1), 2);
        (void)site_expect(&s, &text); /* DATA of the new generation */

        dut_send(&s.d, old, sizeof old); /* replayed */
        make(&s, 1, 0, &k, frame);
        dut_send(&s.d, frame, sizeof frame); /* rolled back */
        make(&s, 3, 1, &k, frame);
        dut_send(&s.d, frame, sizeof frame); /* for another life of the flash */
        make(&s, 3, 0, &k, frame);
        frame[10] ^= 1;
        dut_send(&s.d, frame, sizeof frame); /* forged */
        for (unsigned n = 0; n < 12; n++)
            (void)site_expect(&s, &text);
        assert_int_equal(s.session.open.boot, 2);

        site_start(&s); /* it outlives the power */
        (void)site_expect(&s, &text);
        assert_int_equal(s.session.open.boot, 3);
        site_close(&s);
    }
}

/* Both pages lost: generation 0 again, in another life; the same pair with a new mac heals it, the old frame does not. */
static void test_a_flash_loss_is_healed_by_the_same_generation_anew(void **state)
{
    static const uint8_t none[DERIVE_SALT_LEN];
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        struct site s;
        struct rekey k;
        struct peer_text text;
        uint8_t old[REKEY_LEN], frame[REKEY_LEN], blank[128 * COUNTER_RECORD_LEN];
        site_open(&s, &derived, dut_chips[i]);
        site_start(&s);
        (void)site_expect(&s, &text);
        make(&s, 1, 0, &k, old);
        dut_send(&s.d, old, sizeof old);
        site_generation(&s, k.gen, k.salt);
        assert_int_equal(next_boot(&s, 1), 2);
        memset(blank, 0xFF, sizeof blank);
        for (unsigned page = 0; page < COUNTER_PAGES; page++)
            assert_true(silicon_plant(dut_silicon(&s.d), s.d.records[page], blank, s.d.slots * COUNTER_RECORD_LEN));
        site_start(&s);
        site_generation(&s, 0, none);
        (void)site_expect(&s, &text);
        assert_int_equal(s.session.open.boot, boot_number(1, 1));
        dut_send(&s.d, old, sizeof old);
        for (unsigned n = 0; n < 12; n++)
            (void)site_expect(&s, &text);
        make(&s, 1, 1, &k, frame);
        dut_send(&s.d, frame, sizeof frame);
        site_generation(&s, k.gen, k.salt);
        assert_int_equal(next_boot(&s, boot_number(1, 1)), boot_number(1, 2));
        site_close(&s);
    }
}

/* Power goes at pulse k of writing the record: the next start is of the old generation or of the new one, under a boot
 * number that was not used, and the frame may come again. */
static bool cut_at(const char *chip, uint64_t k, enum silicon_tear tear)
{
    static const uint8_t none[DERIVE_SALT_LEN];
    struct site s;
    struct rekey key;
    struct peer_text text;
    uint8_t frame[REKEY_LEN], first[FRAME_MAX];
    site_open(&s, &derived, chip);
    site_start(&s);
    (void)site_expect(&s, &text);
    make(&s, 1, 0, &key, frame);
    silicon_arm_cut(dut_silicon(&s.d), CUT_FLASH, k, tear);
    dut_send(&s.d, frame, sizeof frame);
    for (unsigned i = 0; i < 12 && dut_powered(&s.d); i++)
        (void)dut_receive(&s.d, first, sizeof first, 1000);
    bool cut = !dut_powered(&s.d);
    silicon_arm_cut(dut_silicon(&s.d), CUT_FLASH, 0, tear);

    site_start(&s);
    size_t n = dut_receive(&s.d, first, sizeof first, DUT_WAIT_MS);
    assert_int_equal(n, 34);
    site_generation(&s, 0, none);
    bool old = site_take(&s, first, n, NULL, &text) == SEALED_OK;
    assert_true(cut || !old);
    site_generation(&s, key.gen, key.salt);
    if (!old)
        assert_int_equal(site_take(&s, first, n, NULL, &text), SEALED_OK);
    uint32_t boot = s.session.open.boot;
    assert_true(boot > 1);
    if (old) {
        dut_send(&s.d, frame, sizeof frame);
        assert_true(next_boot(&s, boot) > boot);
    }
    site_close(&s);
    return cut;
}

static void test_cut_at_a_pulse_one_generation_lives(void **state)
{
    (void)state;
    for (enum silicon_tear tear = TEAR_NONE; tear <= TEAR_PARTIAL; tear++) {
        for (uint64_t k = 1; cut_at("stm32l476", k, tear);)
            k++;
        for (uint64_t k = 1; cut_at("stm32f407", k, tear);)
            k += 5; /* a pulse a byte */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rekey_is_taken_at_once_and_for_good),
        cmocka_unit_test(test_a_flash_loss_is_healed_by_the_same_generation_anew),
        cmocka_unit_test(test_cut_at_a_pulse_one_generation_lives),
    };
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
