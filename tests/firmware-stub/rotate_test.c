/* ROTATE on the chip: taken from its own RAs alone, forwards alone, and cut anywhere one key is in force. */
#include "tests/firmware-stub/site.h"

#include "protocol/rotate_store.h"

static const struct site_row fleet = { "sealed-fleet", 2, SUITE_P256_CCM, &device_fleet, &peer_fleet, 0, 62, 28 };
static const struct site_row signup = { "signup", 8, SUITE_P256_CCM, &device_signup, &peer_signup, 0, 161, 28 };

static const struct site_row identity_x25519 = {
    "identity-x25519", 3, SUITE_X25519_CCM, &device_identity, &peer_identity, 0, 129, 28
};
static const struct site_row fleet_x25519 = {
    "sealed-fleet-x25519", 2, SUITE_X25519_CCM, &device_fleet, &peer_fleet, 0, 62, 28
};
static const struct site_row session_x25519 = {
    "session-x25519", 6, SUITE_X25519_CCM, &device_session, &peer_session_ecies, 1, 58, 28
};

enum { RA = 0x22, BACKUP = 0x23, SIGNUP_RA = 0x23, SESSION_RA = 0x23, STRANGER = 0x44, NEW_KEY = 0x55, NEWER_KEY = 0x56 };

static void sign(const struct profile *p, uint8_t signer, struct rotate_mark mark, uint8_t key, uint8_t frame[ROTATE_LEN])
{
    uint8_t d[P256_LEN], pk[P256_PK_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], x[P256_LEN];
    kit_seal(p->suite, key, d, pk);
    memcpy(x, pk + kem_of(p->suite)->name, sizeof x);
    memset(d, signer, sizeof d);
    assert_true(kit.p256_public(kit.io, d, pk));
    if (pk[P256_PK_LEN - 1] & 1)
        p256_negate(d); /* every key is the one of even y */
    assert_int_equal(rotate_digest(&kit, p, mark, x, digest), SEALED_OK);
    assert_true(kit.ecdsa_sign(kit.io, d, digest, sig));
    rotate_put(mark, x, sig, frame);
}

static void make(const struct site *s, uint8_t signer, uint8_t v, uint8_t epoch, uint8_t key, uint8_t frame[ROTATE_LEN])
{
    sign(&s->peer.profile, signer, (struct rotate_mark){ v, epoch }, key, frame);
}

/* What the server goes by from now on. */
static void server_has(struct site *s, uint8_t epoch, uint8_t key)
{
    uint8_t d[P256_LEN];
    s->skR = key;
    s->peer.epoch = epoch;
    kit_seal(s->row->suite, key, d, s->peer.pkRm);
}

/* DATA is passed over until the next OPEN: its epoch, opened under the server's key if that is of this epoch; 0: none. */
static uint8_t next_open(struct site *s, unsigned within)
{
    struct peer_text text;
    struct frame f;
    uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < within; i++) {
        size_t n = dut_receive(&s->d, frame, sizeof frame, DUT_WAIT_MS);
        assert_true(n > 0);
        assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
        if (f.form->kind != FRAME_OPEN)
            continue;
        if (f.epoch[0] == s->peer.epoch)
            assert_int_equal(site_take(s, frame, n, NULL, &text), SEALED_OK);
        return f.epoch[0];
    }
    return 0;
}

enum { FEW = 6, IMAGE_KEY = 0x21 };

/* It goes unanswered, and nothing changes. */
static void ignored(struct site *s, const uint8_t *frame, size_t len)
{
    dut_send(&s->d, frame, len);
    assert_int_equal(next_open(s, FEW), 0);
}

static void test_a_rotate_is_taken_at_once_and_for_good(void **state)
{
    static const struct site_row *const row[] = { &fleet, &signup, &identity_x25519, &fleet_x25519, &session_x25519 };
    static const uint8_t ra[] = { RA, SIGNUP_RA, SIGNUP_RA, RA, SESSION_RA };
    (void)state;
    for (size_t i = 0; i < sizeof ra; i++) {
        struct site s;
        uint8_t frame[ROTATE_LEN];
        site_open(&s, row[i], dut_chips[i % DUT_CHIPS]);
        site_start(&s);
        assert_int_equal(next_open(&s, 1), KIT_EPOCH);
        make(&s, ra[i], 0, KIT_EPOCH + 2, NEW_KEY, frame);
        dut_send(&s.d, frame, sizeof frame);
        server_has(&s, KIT_EPOCH + 2, NEW_KEY);
        assert_int_equal(next_open(&s, FEW), KIT_EPOCH + 2);
        assert_int_equal(dut_boot(&s.d), 2);
        ignored(&s, frame, sizeof frame); /* again */
        site_start(&s);
        assert_int_equal(next_open(&s, 1), KIT_EPOCH + 2);
        site_close(&s);
    }
}

static void test_old_foreign_and_forged_ones_change_nothing(void **state)
{
    struct site s;
    uint8_t frame[ROTATE_LEN];
    (void)state;
    site_open(&s, &fleet, "stm32f407");
    site_start(&s);
    assert_int_equal(next_open(&s, 1), KIT_EPOCH);
    struct profile other = s.peer.profile;
    other.fleet++;
    sign(&other, RA, (struct rotate_mark){ 0, KIT_EPOCH + 1 }, NEW_KEY, frame);
    ignored(&s, frame, sizeof frame);
    make(&s, STRANGER, 0, KIT_EPOCH + 1, NEW_KEY, frame);
    ignored(&s, frame, sizeof frame);
    make(&s, RA, 1, KIT_EPOCH + 1, NEW_KEY, frame); /* the RA in the backup's name */
    ignored(&s, frame, sizeof frame);
    make(&s, RA, 0, KIT_EPOCH, NEW_KEY, frame); /* not above the image's own */
    ignored(&s, frame, sizeof frame);
    make(&s, RA, 0, KIT_EPOCH + 1, NEW_KEY, frame);
    ignored(&s, frame, sizeof frame - 1);
    assert_int_equal(dut_boot(&s.d), 1);
    assert_true(dut_cell_blank(&s.d, CELL_RA_REVOKED));
    site_close(&s);
}

static void test_the_backup_ra_revokes_the_ra(void **state)
{
    struct site s;
    uint8_t frame[ROTATE_LEN];
    (void)state;
    site_open(&s, &fleet, "stm32l476");
    site_start(&s);
    assert_int_equal(next_open(&s, 1), KIT_EPOCH);
    make(&s, BACKUP, 1, KIT_EPOCH + 1, NEW_KEY, frame);
    dut_send(&s.d, frame, sizeof frame);
    server_has(&s, KIT_EPOCH + 1, NEW_KEY);
    assert_int_equal(next_open(&s, FEW), KIT_EPOCH + 1);
    assert_false(dut_cell_blank(&s.d, CELL_RA_REVOKED));
    make(&s, RA, 0, KIT_EPOCH + 9, NEWER_KEY, frame); /* whoever stole the RA's key */
    ignored(&s, frame, sizeof frame);
    site_start(&s);
    assert_int_equal(next_open(&s, 1), KIT_EPOCH + 1);
    site_close(&s);
}

/* Power goes at pulse k of slot and record, 0: never.  The next start has the old key or the new one, under a boot number
 * that was not used; if the old, the same frame is taken again. */
static void cut_at(const char *chip, uint64_t k, enum silicon_tear tear, bool *new_key)
{
    struct site s;
    uint8_t frame[ROTATE_LEN], record[FRAME_MAX];
    site_open(&s, &fleet, chip);
    site_start(&s);
    assert_int_equal(next_open(&s, 1), KIT_EPOCH);
    make(&s, RA, 0, KIT_EPOCH + 1, NEW_KEY, frame);
    silicon_arm_cut(dut_silicon(&s.d), CUT_FLASH, k, tear);
    dut_send(&s.d, frame, sizeof frame);
    while (dut_powered(&s.d) && dut_boot(&s.d) < 2)
        (void)dut_receive(&s.d, record, sizeof record, 1000);
    assert_true(!dut_powered(&s.d));
    silicon_arm_cut(dut_silicon(&s.d), CUT_FLASH, 0, tear);

    site_start(&s);
    uint8_t epoch = next_open(&s, 1);
    *new_key = epoch == KIT_EPOCH + 1;
    assert_true(*new_key || epoch == KIT_EPOCH);
    assert_true(dut_boot(&s.d) > 1);
    server_has(&s, KIT_EPOCH + 1, NEW_KEY);
    dut_send(&s.d, frame, sizeof frame);
    assert_int_equal(next_open(&s, FEW), *new_key ? 0 : KIT_EPOCH + 1);
    site_close(&s);
}

/* Pulses: on the L476 13 of 8 bytes for the slot, then 4 for the record; on the F407 of single bytes. */
static void test_cut_anywhere_one_key_is_in_force(void **state)
{
    static const struct {
        unsigned chip, pulse;
        enum silicon_tear tear;
        bool new_key;
    } cut[] = {
        { 0, 13, TEAR_PARTIAL, false },
        { 1, 104, TEAR_NONE, false },
        { 1, 120, TEAR_PARTIAL, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        bool new_key;
        cut_at(dut_chips[cut[i].chip], cut[i].pulse, cut[i].tear, &new_key);
        if (new_key != cut[i].new_key)
            fail_msg("cut %zu: %s key", i, new_key ? "new" : "old");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rotate_is_taken_at_once_and_for_good),
        cmocka_unit_test(test_old_foreign_and_forged_ones_change_nothing),
        cmocka_unit_test(test_the_backup_ra_revokes_the_ra),
        cmocka_unit_test(test_cut_anywhere_one_key_is_in_force),
    };
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
