/* Suite 2: X25519 to seal to, P-256 to sign.  What frames do in it, tests/protocol/family_test.c shows with the others. */
#include <stdio.h>

#include "tests/protocol/family.h"

#include "protocol/cose.h"
#include "protocol/rotate.h"

/* RFC 7748 6.1, and its canonical twins: u of small order, with and without the bit that X25519 ignores. */
static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
enum { SMALL = sizeof small_order / sizeof *small_order };

static void small(unsigned i, uint8_t u[X25519_LEN])
{
    for (unsigned k = 0; k < X25519_LEN; k++) {
        unsigned byte;
        assert_int_equal(sscanf(small_order[i] + 2 * k, "%2x", &byte), 1);
        u[k] = (uint8_t)byte;
    }
}

static const struct kind *kind_of(uint8_t scheme)
{
    for (unsigned i = 0; i < KINDS; i++)
        if (kinds[i].device->id == scheme && kinds[i].suite == SUITE_X25519_CCM)
            return &kinds[i];
    fail();
    return NULL;
}

static void test_an_image_takes_any_u_but_one_of_small_order(void **state)
{
    (void)state;
    struct family f;
    struct otp_image in;
    uint8_t image[OTP_IMAGE_LEN];
    family_init(&f, kind_of(3), 0, 0x11);
    assert_int_equal(otp_image_check(&f.r.c, f.r.image, false, &in), OTP_OK);
    for (unsigned i = 0; i < SMALL; i++) {
        small(i, in.slot[0]);
        assert_int_equal(otp_image_encode(&f.r.c, &in, image), OTP_POINT);
        memcpy(image, f.r.image, sizeof image); /* burned all the same: whole, but for its key */
        memcpy(image + OTP_OFF_SLOT, in.slot[0], SLOT_LEN);
        assert_true(otp_image_finish(&f.r.c, image));
        assert_int_equal(otp_image_check(&f.r.c, image, false, NULL), OTP_POINT);
        assert_int_equal(f.k->device->init(&f.r.c, image, 2, 1, &f.r.device), SEALED_POINT);
    }
    memset(in.slot[0], 0xF0, SLOT_LEN); /* at or above p: RFC 7748 5 takes it modulo p */
    assert_int_equal(otp_image_encode(&f.r.c, &in, image), OTP_OK);
    memset(in.slot[2], 0xFF, SLOT_LEN); /* the RA's is a P-256 point in every suite: x is below p */
    in.slot[2][31] = 0xFE;
    assert_int_equal(otp_image_encode(&f.r.c, &in, image), OTP_POINT);
    family_fini(&f);
}

static bool never(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    (void)io, (void)enc, (void)z;
    fail_msg("the token was asked");
    return false;
}

static void test_an_ephemeral_key_of_small_order_never_reaches_the_token(void **state)
{
    (void)state;
    struct family f;
    struct device_session s;
    struct peer_session server;
    struct frame parsed;
    uint8_t frame[FRAME_MAX];
    size_t n;
    family_init(&f, kind_of(2), 0, 0x11);
    assert_int_equal(f.k->device->open(&f.r.c, &f.r.device, 1, NULL, 0, frame, sizeof frame, &n, &s), SEALED_OK);
    f.token.ecdh = never;
    for (unsigned i = 0; i < SMALL; i++) {
        small(i, frame + 2);
        assert_int_equal(frame_parse(frame, n, &parsed), FRAME_OK);
        assert_int_equal(f.k->peer->session(&f.r.c, &f.r.peer, &f.token, &parsed, &server), SEALED_POINT);
    }
    family_fini(&f);
}

/* The first candidate is the private key, whatever it is, and enc is X25519(skE, 9) as the frame carries it. */
static void test_the_ephemeral_key_is_the_first_candidate_and_enc_its_u(void **state)
{
    (void)state;
    static const uint8_t base[X25519_LEN] = { 9 };
    static const uint8_t no_secret[SLOT_LEN], zero[1];
    struct family f;
    struct device_session s;
    uint8_t frame[FRAME_MAX], rng[32], boot4[4] = { 0, 0, 0, 5 }, skE[P256_LEN], u[X25519_LEN];
    size_t n;
    const struct crypto_part part[] = { { "fl1 eph", 7 }, { boot4, 4 }, { zero, 1 }, { rng, sizeof rng } };
    family_init(&f, kind_of(2), 0, 0x11);
    memset(rng, f.r.rng, sizeof rng);
    assert_int_equal(f.k->device->open(&f.r.c, &f.r.device, 5, NULL, 0, frame, sizeof frame, &n, &s), SEALED_OK);
    assert_true(f.r.c.hmac_sha256(&f.r, no_secret, sizeof no_secret, part, 4, skE) && f.r.c.x25519(&f.r, skE, base, u));
    assert_memory_equal(frame + 2, u, sizeof u);
    memset(skE, 0xFF, sizeof skE); /* no scalar of P-256 */
    assert_true(kem_of(SUITE_X25519_CCM)->scalar_ok(skE));
    assert_false(kem_of(SUITE_P256_CCM)->scalar_ok(skE));
    family_fini(&f);
}

/* ---- ROTATE ---- */

static const uint8_t u9[X25519_LEN] = { 0x42, 9 };

/* d of the RA whose even point is ra. */
static void authority(struct rig *r, uint8_t d[P256_LEN], uint8_t ra[P256_PK_LEN])
{
    memset(d, 0x11, P256_LEN);
    assert_true(r->c.p256_public(r, d, ra));
    if (ra[P256_PK_LEN - 1] & 1)
        p256_negate(d);
    p256_even_y(ra);
}

static void test_a_rotate_signs_an_okp_key(void **state)
{
    (void)state;
    static const uint8_t head[] = { 0xA2, 0x01, 0x05, 0x02, 0xA3, 0x01, 0x01, 0x20, 0x04, 0x21, 0x58, 0x20 };
    const struct profile p = { .suite = SUITE_X25519_CCM, .scheme = 3, .fleet = 0x0102 };
    uint8_t payload[COSE_ROTATE_MAX], tbs[ROTATE_TBS_MAX], frame[ROTATE_LEN], sig[ECDSA_LEN] = { 1 }, cose[ROTATE_COSE_MAX],
                                                                              full[COSE_SIGN1_MAX];
    struct frame f;
    assert_int_equal(cose_rotate_payload(SUITE_X25519_CCM, 5, u9, payload), sizeof head + X25519_LEN);
    assert_memory_equal(payload, head, sizeof head);
    assert_memory_equal(payload + sizeof head, u9, X25519_LEN);
    assert_int_equal(cose_rotate_payload(SUITE_X25519_CCM, 24, u9, payload), sizeof head + X25519_LEN + 1);

    size_t n = rotate_sig_structure(&p, (struct rotate_mark){ 0, 5 }, u9, tbs);
    assert_int_equal(tbs[28], SUITE_X25519_CCM); /* external_aad: v1 suite1 fleet2 */
    assert_memory_equal(tbs + 31, ((uint8_t[]){ 0x58, sizeof head + X25519_LEN }), 2);
    assert_memory_equal(tbs + 33, head, sizeof head);
    assert_int_equal(n, 33 + sizeof head + X25519_LEN);

    rotate_put((struct rotate_mark){ 0, 5 }, u9, sig, frame);
    assert_int_equal(frame_parse(frame, sizeof frame, &f), FRAME_OK);
    n = rotate_cose(SUITE_X25519_CCM, frame, cose);
    assert_int_equal(cose_expand(&f, SUITE_X25519_CCM, full, sizeof full), n);
    assert_memory_equal(full, cose, n);
}

static void test_a_rotate_is_good_in_its_own_suite_alone(void **state)
{
    (void)state;
    struct rig r;
    const struct profile p = { .suite = SUITE_X25519_CCM, .scheme = 3, .fleet = 0x0102 };
    struct rotate_mark mark = { 0, 5 };
    uint8_t d[P256_LEN], ra[P256_PK_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], frame[ROTATE_LEN], pk[P256_PK_LEN];
    rig_open_host(&r);
    authority(&r, d, ra);
    const uint8_t *x = ra + 1; /* is both: x of a point, and some u */
    assert_int_equal(rotate_digest(&r.c, &p, mark, x, digest), SEALED_OK);
    assert_true(r.c.ecdsa_sign(&r, d, digest, sig));
    rotate_put(mark, x, sig, frame);
    assert_int_equal(rotate_verify(&r.c, &p, ra + 1, frame, sizeof frame, &mark, pk), SEALED_OK);
    assert_memory_equal(pk, x, X25519_LEN);
    struct profile one = p;
    one.suite = SUITE_P256_CCM;
    assert_int_equal(rotate_verify(&r.c, &one, ra + 1, frame, sizeof frame, &mark, pk), SEALED_SIGNATURE);
    rig_fini(&r);
}

static void test_a_rotate_to_a_key_of_small_order_is_neither_made_nor_taken(void **state)
{
    (void)state;
    struct rig r;
    const struct profile p = { .suite = SUITE_X25519_CCM, .scheme = 3, .fleet = 0x0102 };
    struct rotate_mark mark = { 0, 5 };
    uint8_t d[P256_LEN], ra[P256_PK_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], frame[ROTATE_LEN], pk[P256_PK_LEN],
        tbs[ROTATE_TBS_MAX], u[X25519_LEN];
    rig_open_host(&r);
    authority(&r, d, ra);
    for (unsigned i = 0; i < SMALL; i++) {
        small(i, u);
        assert_int_equal(rotate_digest(&r.c, &p, mark, u, digest), SEALED_POINT);
        const struct crypto_part part = { tbs, rotate_sig_structure(&p, mark, u, tbs) };
        assert_true(r.c.sha256(&r, &part, 1, digest) && r.c.ecdsa_sign(&r, d, digest, sig)); /* signed all the same */
        rotate_put(mark, u, sig, frame);
        assert_int_equal(rotate_verify(&r.c, &p, ra + 1, frame, sizeof frame, &mark, pk), SEALED_POINT);
    }
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_image_takes_any_u_but_one_of_small_order),
        cmocka_unit_test(test_an_ephemeral_key_of_small_order_never_reaches_the_token),
        cmocka_unit_test(test_the_ephemeral_key_is_the_first_candidate_and_enc_its_u),
        cmocka_unit_test(test_a_rotate_signs_an_okp_key),
        cmocka_unit_test(test_a_rotate_is_good_in_its_own_suite_alone),
        cmocka_unit_test(test_a_rotate_to_a_key_of_small_order_is_neither_made_nor_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
