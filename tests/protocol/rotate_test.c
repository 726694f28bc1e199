/* ROTATE: the bytes that are signed, what a device takes, and what is in force after a power cut at every step. */
#include "tests/protocol/kit.h"

#include "protocol/rotate.h"
#include "protocol/rotate_store.h"

enum { RA = 0x22, BACKUP = 0x23, STRANGER = 0x44, NEW_KEY = 0x55 };

static uint8_t image[OTP_IMAGE_LEN]; /* scheme 2: RA in S1, backup RA in S2 */

static int setup(void **state)
{
    if (kit_open(state) != 0)
        return -1;
    kit_image(2, SUITE_P256_CCM, NULL, image);
    return 0;
}

static struct profile profile_of(const uint8_t *img)
{
    return (
        struct profile){ .suite = img[OTP_OFF_SUITE], .scheme = img[OTP_OFF_SCHEME], .fleet = get16(img + OTP_OFF_FLEET) };
}

static void sign(const struct profile *p, uint8_t signer, uint8_t v, uint8_t epoch, uint8_t key, uint8_t frame[ROTATE_LEN])
{
    uint8_t d[P256_LEN], pk[P256_PK_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], x[P256_LEN];
    const struct rotate_mark mark = { v, epoch };
    memcpy(x, kit_x(key), sizeof x);
    kit_key(signer, d, pk);
    uint8_t own[P256_PK_LEN];
    assert_true(kit.p256_public(kit.io, d, own));
    if (own[P256_PK_LEN - 1] & 1)
        p256_negate(d);
    assert_int_equal(rotate_digest(&kit, p, mark, x, digest), SEALED_OK);
    assert_true(kit.ecdsa_sign(kit.io, d, digest, sig));
    rotate_put(mark, x, sig, frame);
}

static void make(uint8_t signer, uint8_t v, uint8_t epoch, uint8_t frame[ROTATE_LEN])
{
    const struct profile p = profile_of(image);
    sign(&p, signer, v, epoch, NEW_KEY, frame);
}

static enum sealed_result take(const uint8_t *frame, size_t len, bool revoked)
{
    struct rotate_mark mark;
    uint8_t pk[P256_PK_LEN];
    return rotate_verify_image(&kit, image, revoked, frame, len, &mark, pk);
}

/* ---- the frame ---- */

static void test_the_sig_structure_has_the_documented_bytes(void **state)
{
    (void)state;
    static const uint8_t want[] = "\x84\x6ASignature1\x43\xA1\x01\x28\x4E"
                                  "fl1 rotate\x01\x01\x01\x02\x58\x2E\xA2\x01\x05\x02\xA4\x01\x02\x20\x01\x21\x58\x20";
    static const uint8_t late[] = "\x58\x2F\xA2\x01\x18\xC8\x02\xA4"; /* epoch 200 in its shortest form */
    const struct profile p = profile_of(image);
    uint8_t tbs[ROTATE_TBS_MAX], x[P256_LEN];
    memset(x, 0xEE, sizeof x);
    size_t n = rotate_sig_structure(&p, (struct rotate_mark){ 1, 5 }, x, tbs);
    assert_int_equal(n, ROTATE_TBS_MAX - 1);
    assert_memory_equal(tbs, want, sizeof want - 1);
    assert_memory_equal(tbs + n - 35, "\x20\xEE", 2);
    assert_memory_equal(tbs + n - 3, "\xEE\x22\xF4", 3);
    assert_int_equal(rotate_sig_structure(&p, (struct rotate_mark){ 1, 200 }, x, tbs), ROTATE_TBS_MAX);
    assert_memory_equal(tbs + 31, late, sizeof late - 1);
}

static void test_a_rotate_is_98_bytes_and_gives_the_even_point(void **state)
{
    (void)state;
    uint8_t frame[ROTATE_LEN], pk[P256_PK_LEN], d[P256_LEN], want[P256_PK_LEN];
    struct rotate_mark mark;
    struct frame f;
    make(RA, 0, 4, frame);
    assert_memory_equal(frame, "\x80\x04", 2);
    assert_int_equal(frame_parse(frame, sizeof frame, &f), FRAME_OK);
    assert_int_equal(rotate_verify_image(&kit, image, false, frame, sizeof frame, &mark, pk), SEALED_OK);
    assert_true(mark.v == 0 && mark.epoch == 4);
    kit_key(NEW_KEY, d, want);
    assert_memory_equal(pk, want, sizeof pk);
    make(BACKUP, 1, 4, frame);
    assert_memory_equal(frame, "\x81\x04", 2);
    assert_int_equal(rotate_verify_image(&kit, image, true, frame, sizeof frame, &mark, pk), SEALED_OK);
    assert_true(mark.v == 1 && mark.epoch == 4);
}

static void test_both_s_and_n_minus_s_are_taken_and_cose_shows_the_low_one(void **state)
{
    (void)state;
    uint8_t frame[ROTATE_LEN], cose[ROTATE_COSE_MAX], other[ROTATE_COSE_MAX];
    make(RA, 0, 4, frame);
    size_t n = rotate_cose(SUITE_P256_CCM, frame, cose);
    assert_int_equal(n, ROTATE_COSE_MAX - 1);
    assert_memory_equal(cose, "\x84\x43\xA1\x01\x28\xA0\x58\x2E\xA2\x01\x04", 11);
    assert_memory_equal(cose + n - 66, "\x58\x40", 2);
    p256_negate(frame + ROTATE_LEN - P256_LEN);
    assert_int_equal(take(frame, sizeof frame, false), SEALED_OK);
    assert_int_equal(rotate_cose(SUITE_P256_CCM, frame, other), n);
    assert_memory_equal(cose, other, n);
    assert_true(other[n - 32] < 0x80);
}

static void test_a_wrong_signer_fleet_suite_or_ra_is_refused(void **state)
{
    (void)state;
    uint8_t frame[ROTATE_LEN];
    struct profile p = profile_of(image);
    make(STRANGER, 0, 4, frame);
    assert_int_equal(take(frame, sizeof frame, false), SEALED_SIGNATURE);
    make(BACKUP, 0, 4, frame); /* the backup RA does not stand in for the RA */
    assert_int_equal(take(frame, sizeof frame, false), SEALED_SIGNATURE);
    make(RA, 1, 4, frame); /* nor may the RA revoke itself */
    assert_int_equal(take(frame, sizeof frame, false), SEALED_SIGNATURE);
    make(RA, 0, 4, frame);
    frame[0] = 0x81;
    assert_int_equal(take(frame, sizeof frame, false), SEALED_SIGNATURE);
    frame[0] = 0x80;
    assert_int_equal(take(frame, sizeof frame, true), SEALED_SIGNATURE); /* revoked */
    p.fleet ^= 1;
    sign(&p, RA, 0, 4, NEW_KEY, frame);
    assert_int_equal(take(frame, sizeof frame, false), SEALED_SIGNATURE);
    p = profile_of(image);
    p.suite = 2;
    sign(&p, RA, 0, 4, NEW_KEY, frame);
    assert_int_equal(take(frame, sizeof frame, false), SEALED_SIGNATURE);
}

static void test_v_1_is_for_scheme_2_and_rotation_not_for_1_4_5(void **state)
{
    (void)state;
    static const uint8_t slot[SCHEME_MAX + 1] = { 0, 0, 1, 2, 0, 0, 2, 3, 2 };
    uint8_t other[OTP_IMAGE_LEN], frame[ROTATE_LEN], pk[P256_PK_LEN], digest[SHA256_LEN];
    struct rotate_mark mark;
    memcpy(other, image, sizeof other);
    for (uint8_t scheme = 1; scheme <= SCHEME_MAX; scheme++) {
        other[OTP_OFF_SCHEME] = scheme;
        memcpy(other + OTP_OFF_SLOT + slot[scheme] * SLOT_LEN, kit_x(RA), SLOT_LEN);
        const struct profile p = profile_of(other);
        bool rotates = scheme != 1 && scheme != 4 && scheme != 5;
        make(RA, 0, 4, frame); /* the scheme is not in what is signed: the fleet is */
        assert_int_equal(rotate_verify_image(&kit, other, false, frame, sizeof frame, &mark, pk),
                         rotates ? SEALED_OK : SEALED_FORM);
        assert_int_equal(rotate_digest(&kit, &p, (struct rotate_mark){ 0, 4 }, kit_x(1), digest),
                         rotates ? SEALED_OK : SEALED_FORM);
        make(BACKUP, 1, 4, frame);
        if (scheme == 2)
            continue;
        assert_int_equal(rotate_verify_image(&kit, other, false, frame, sizeof frame, &mark, pk), SEALED_FORM);
        assert_int_equal(rotate_verify(&kit, &p, kit_x(BACKUP), frame, sizeof frame, &mark, pk), SEALED_FORM);
        assert_int_equal(rotate_digest(&kit, &p, (struct rotate_mark){ 1, 4 }, kit_x(1), digest), SEALED_FORM);
    }
}

static void test_an_x_without_a_point_and_epoch_0_are_not_signed(void **state)
{
    (void)state;
    const struct profile p = profile_of(image);
    uint8_t digest[SHA256_LEN], x[P256_LEN];
    memset(x, 0xFF, sizeof x);
    assert_int_equal(rotate_digest(&kit, &p, (struct rotate_mark){ 0, 4 }, x, digest), SEALED_POINT);
    assert_int_equal(rotate_digest(&kit, &p, (struct rotate_mark){ 0, 0 }, kit_x(1), digest), SEALED_FORM);
}

static void test_every_bit_flip_and_cut_is_refused(void **state)
{
    (void)state;
    uint8_t frame[ROTATE_LEN + 1] = { 0 };
    make(RA, 0, 4, frame);
    for (size_t bit = 0; bit < ROTATE_LEN * 8; bit++) {
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(take(frame, ROTATE_LEN, false), SEALED_OK);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len <= ROTATE_LEN + 1; len++)
        assert_int_equal(take(frame, len, false), len == ROTATE_LEN ? SEALED_OK : SEALED_FORM);
}

/* ---- the slots ---- */

/* A device as silicon: two slots, one record, one cell.  `cut_after` steps, then the power goes in the middle of the next.
 */
struct chip {
    uint8_t slot[ROTATE_SLOTS][ROTATE_SLOT_LEN];
    bool unreadable[ROTATE_SLOTS];
    struct counter_record record;
    bool has_record, revoked;
    long cut_after;
    unsigned verified;
};

static bool slot_read(void *io, unsigned slot, uint8_t out[ROTATE_SLOT_LEN])
{
    const struct chip *c = io;
    assert_true(slot < ROTATE_SLOTS);
    memcpy(out, c->slot[slot], ROTATE_SLOT_LEN);
    return !c->unreadable[slot];
}

static bool slot_verify(void *io, const uint8_t frame[ROTATE_LEN], struct rotate_mark *mark)
{
    struct chip *c = io;
    uint8_t pk[P256_PK_LEN];
    c->verified++;
    return rotate_verify_image(&kit, image, c->revoked, frame, ROTATE_LEN, mark, pk) == SEALED_OK;
}

static struct rotate_now look(struct chip *c)
{
    const struct rotate_slots s = { slot_read, slot_verify, c };
    struct rotate_now now;
    rotate_store_look(&s, c->has_record ? &c->record : NULL, KIT_EPOCH, c->revoked, &now);
    return now;
}

static void chip_init(struct chip *c)
{
    memset(c, 0, sizeof *c);
    memset(c->slot, 0xFF, sizeof c->slot);
    c->cut_after = -1;
}

static bool cut(struct chip *c)
{
    return c->cut_after >= 0 && c->cut_after-- == 0;
}

static bool write_record(struct chip *c, const struct rotate_now *now)
{
    if (cut(c))
        return false; /* a torn record is no record: protocol/counter.h */
    rotate_store_floor(now, &c->record);
    c->has_record = true;
    return true;
}

static bool burn(struct chip *c, const struct rotate_now *now)
{
    if (now->burn && cut(c))
        return false;
    c->revoked |= now->burn;
    return true;
}

/* What the firmware does with a ROTATE.  False: the power went; or it is not taken. */
static bool accept(struct chip *c, const uint8_t frame[ROTATE_LEN])
{
    struct rotate_now now = look(c);
    struct rotate_mark mark;
    uint8_t pk[P256_PK_LEN], want[ROTATE_SLOT_LEN];
    if (rotate_verify_image(&kit, image, c->revoked, frame, ROTATE_LEN, &mark, pk) != SEALED_OK ||
        !rotate_store_accepts(&now, mark))
        return false;
    unsigned at = rotate_store_spare(&now);
    assert_int_not_equal(at, now.slot);
    bool torn = cut(c);
    memset(c->slot[at], 0xFF, torn ? ROTATE_SLOT_LEN / 2 : ROTATE_SLOT_LEN);
    c->unreadable[at] = false;
    if (torn)
        return false;
    rotate_slot_encode(frame, want);
    for (size_t i = 0; i < ROTATE_SLOT_LEN; i += 8) {
        torn = cut(c);
        memcpy(c->slot[at] + i, want + i, torn ? 4 : 8);
        if (torn)
            return false;
    }
    now = look(c);
    assert_int_equal(now.slot, at);
    return write_record(c, &now) && burn(c, &now);
}

/* What it does at a start.  The epoch in force. */
static struct rotate_now start(struct chip *c)
{
    struct rotate_now now = look(c);
    if (write_record(c, &now))
        (void)burn(c, &now);
    return look(c);
}

static void test_a_slot_has_the_documented_bytes_and_every_flip_is_seen(void **state)
{
    (void)state;
    uint8_t frame[ROTATE_LEN], slot[ROTATE_SLOT_LEN], back[ROTATE_LEN];
    make(RA, 0, 4, frame);
    rotate_slot_encode(frame, slot);
    assert_memory_equal(slot, frame, ROTATE_LEN);
    assert_memory_equal(slot + ROTATE_LEN, "\xFF\xFF", 2);
    assert_true(rotate_slot_decode(slot, back));
    for (size_t bit = 0; bit < sizeof slot * 8; bit++) {
        slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(rotate_slot_decode(slot, back));
        slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_v_counts_before_epoch(void **state)
{
    (void)state;
    const struct rotate_mark order[] = { { 0, 1 }, { 0, 2 }, { 0, 255 }, { 1, 1 }, { 1, 2 } };
    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < 5; b++)
            assert_int_equal(rotate_after(order[a], order[b]), a > b);
}

static void test_old_equal_and_initial_epochs_are_refused(void **state)
{
    (void)state;
    struct chip c;
    uint8_t frame[3][ROTATE_LEN];
    chip_init(&c);
    make(RA, 0, KIT_EPOCH, frame[0]);
    make(RA, 0, 5, frame[1]);
    make(RA, 0, 6, frame[2]);
    assert_false(accept(&c, frame[0])); /* the image's own */
    assert_true(accept(&c, frame[2]));
    assert_false(accept(&c, frame[1]));
    assert_false(accept(&c, frame[2]));
    assert_int_equal(look(&c).mark.epoch, 6);
}

static void test_the_backup_ra_ends_the_ra_for_good(void **state)
{
    (void)state;
    struct chip c;
    uint8_t frame[3][ROTATE_LEN];
    chip_init(&c);
    make(RA, 0, 9, frame[0]);
    make(BACKUP, 1, 10, frame[1]);
    make(RA, 0, 200, frame[2]);
    assert_true(accept(&c, frame[0]));
    assert_true(accept(&c, frame[1]));
    assert_true(c.revoked);
    assert_false(accept(&c, frame[2]));
    memset(c.slot[look(&c).slot], 0x00, ROTATE_SLOT_LEN); /* v = 1 decays: v = 0 in the other slot does not come back */
    struct rotate_now now = start(&c);
    assert_true(now.slot == -1 && now.lost && now.mark.epoch == KIT_EPOCH);
    assert_false(accept(&c, frame[2]));
    assert_true(accept(&c, frame[1])); /* the same again heals it */
    assert_int_equal(look(&c).mark.epoch, 10);
}

static void test_a_decayed_slot_falls_back_and_only_the_same_or_a_later_rotate_heals(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct chip c;
        uint8_t frame[4][ROTATE_LEN];
        chip_init(&c);
        for (uint8_t i = 0; i < 4; i++)
            make(RA, 0, (uint8_t)(10 + i), frame[i]);
        assert_true(accept(&c, frame[0]));
        assert_true(accept(&c, frame[2]));
        unsigned at = (unsigned)look(&c).slot;
        if (how)
            c.unreadable[at] = true; /* ECC */
        else
            c.slot[at][50] ^= 4;
        struct rotate_now now = start(&c);
        assert_true(now.lost && now.mark.epoch == 10 && now.floor.epoch == 12 && c.record.epoch == 12);
        assert_false(accept(&c, frame[1])); /* above what is in force, below the floor */
        assert_true(accept(&c, frame[2]));
        assert_false(look(&c).lost);
        assert_true(accept(&c, frame[3]));
    }
}

static void test_lost_records_keep_the_epoch_and_lost_slots_too_begin_again(void **state)
{
    (void)state;
    struct chip c;
    uint8_t frame[ROTATE_LEN];
    chip_init(&c);
    make(RA, 0, 7, frame);
    assert_true(accept(&c, frame));
    c.has_record = false;
    memset(&c.record, 0, sizeof c.record);
    assert_int_equal(start(&c).mark.epoch, 7);
    assert_int_equal(c.record.epoch, 7);
    chip_init(&c);
    struct rotate_now now = start(&c);
    assert_true(now.slot == -1 && now.mark.epoch == KIT_EPOCH && !now.lost);
}

static void test_a_slot_that_someone_else_wrote_is_not_in_force(void **state)
{
    (void)state;
    struct chip c;
    uint8_t frame[ROTATE_LEN];
    chip_init(&c);
    make(RA, 0, 7, frame);
    assert_true(accept(&c, frame));
    make(STRANGER, 0, 99, frame);
    rotate_slot_encode(frame, c.slot[rotate_store_spare((struct rotate_now[]){ look(&c) })]);
    assert_int_equal(look(&c).mark.epoch, 7);
}

static void test_a_start_verifies_one_signature(void **state)
{
    (void)state;
    struct chip c;
    uint8_t frame[2][ROTATE_LEN];
    chip_init(&c);
    make(RA, 0, 7, frame[0]);
    make(RA, 0, 8, frame[1]);
    assert_true(accept(&c, frame[0]) && accept(&c, frame[1]));
    c.verified = 0;
    (void)look(&c);
    assert_int_equal(c.verified, 1);
}

/* From each state, the next ROTATE cut at each step; then a start that is cut at each of its own. */
static void test_a_cut_at_every_step_leaves_the_old_key_or_the_new_one(void **state)
{
    (void)state;
    static const struct rotate_mark way[] = { { 0, 4 }, { 0, 5 }, { 0, 30 }, { 1, 31 }, { 1, 32 } };
    struct rotate_mark before = { 0, KIT_EPOCH };
    struct chip at;
    unsigned cuts = 0;
    chip_init(&at);
    for (size_t i = 0; i < sizeof way / sizeof *way; before = way[i++]) {
        uint8_t frame[ROTATE_LEN];
        make(way[i].v ? BACKUP : RA, way[i].v, way[i].epoch, frame);
        for (long step = 0;; step++) {
            struct chip c = at;
            c.cut_after = step;
            bool whole = accept(&c, frame);
            for (long again = 0; again < 3; again++) {
                struct chip d = c;
                d.cut_after = again;
                struct rotate_now now = start(&d);
                assert_true(now.mark.epoch == before.epoch || now.mark.epoch == way[i].epoch);
                assert_false(now.lost);
                d.cut_after = -1;
                now = start(&d);
                assert_true(now.burn == false && d.revoked == (now.mark.v == 1));
                (void)accept(&d, frame);
                now = look(&d);
                assert_true(now.mark.epoch == way[i].epoch && now.mark.v == way[i].v && d.record.epoch == way[i].epoch);
            }
            cuts++;
            if (whole)
                break;
        }
        at.cut_after = -1;
        assert_true(accept(&at, frame));
    }
    assert_true(cuts > 5 * 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sig_structure_has_the_documented_bytes),
        cmocka_unit_test(test_a_rotate_is_98_bytes_and_gives_the_even_point),
        cmocka_unit_test(test_both_s_and_n_minus_s_are_taken_and_cose_shows_the_low_one),
        cmocka_unit_test(test_a_wrong_signer_fleet_suite_or_ra_is_refused),
        cmocka_unit_test(test_v_1_is_for_scheme_2_and_rotation_not_for_1_4_5),
        cmocka_unit_test(test_an_x_without_a_point_and_epoch_0_are_not_signed),
        cmocka_unit_test(test_every_bit_flip_and_cut_is_refused),
        cmocka_unit_test(test_a_slot_has_the_documented_bytes_and_every_flip_is_seen),
        cmocka_unit_test(test_v_counts_before_epoch),
        cmocka_unit_test(test_old_equal_and_initial_epochs_are_refused),
        cmocka_unit_test(test_the_backup_ra_ends_the_ra_for_good),
        cmocka_unit_test(test_a_decayed_slot_falls_back_and_only_the_same_or_a_later_rotate_heals),
        cmocka_unit_test(test_lost_records_keep_the_epoch_and_lost_slots_too_begin_again),
        cmocka_unit_test(test_a_slot_that_someone_else_wrote_is_not_in_force),
        cmocka_unit_test(test_a_start_verifies_one_signature),
        cmocka_unit_test(test_a_cut_at_every_step_leaves_the_old_key_or_the_new_one),
    };
    return cmocka_run_group_tests(tests, setup, kit_close);
}
