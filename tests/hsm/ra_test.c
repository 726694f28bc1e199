/* The rotation authority's key: its y is even, whatever the token draws, and it signs and does nothing else. */
#include "tests/hsm/workspace.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "hsm/point.h"
#include "hsm/token.h"

static struct hsm *h;

static int open_token(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    return 0;
}

static int close_token(void **state)
{
    hsm_close(h);
    return remove_workspace(state);
}

static struct hsm_key *make(enum hsm_key_kind kind, const char *label)
{
    struct hsm_key *k = NULL;
    bool made = false;

    assert_ok(hsm_key_ensure(h, kind, label, &k, &made, &e));
    assert_true(made);
    return k;
}

static EVP_PKEY *public_p256(const uint8_t pk[65])
{
    EVP_PKEY *k = EVP_EC_gen("P-256");

    assert_int_equal(EVP_PKEY_set1_encoded_public_key(k, pk, 65), 1);
    return k;
}

static bool verifies(const uint8_t pk[65], const uint8_t digest[32], const uint8_t sig[64])
{
    EVP_PKEY *key = public_p256(pk);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    ECDSA_SIG *rs = ECDSA_SIG_new();
    unsigned char *der = NULL;

    assert_int_equal(ECDSA_SIG_set0(rs, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)), 1);
    int len = i2d_ECDSA_SIG(rs, &der);
    assert_int_equal(EVP_PKEY_verify_init(c), 1);
    bool good = EVP_PKEY_verify(c, der, (size_t)len, digest, 32) == 1;
    OPENSSL_free(der);
    ECDSA_SIG_free(rs);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    return good;
}

static void test_an_ra_key_always_has_an_even_y_and_leaves_no_odd_one_behind(void **state)
{
    uint8_t pk[65], digest[32] = { 3 }, sig[64];

    (void)state;
    for (int i = 0; i < 20; i++) {
        char label[HSM_LABEL];
        struct hsm_key *k;

        (void)snprintf(label, sizeof label, "ra-%d", i);
        k = make(HSM_RA, label);
        assert_ok(hsm_public(k, pk, &e));
        assert_int_equal(pk[64] & 1, 0);
        assert_ok(hsm_sign(k, digest, sig, &e));
        assert_true(verifies(pk, digest, sig));
        sig[40] ^= 1;
        assert_false(verifies(pk, digest, sig));
        hsm_key_free(k);
    }
    run("test $(ls '%s'/tokens/*/*.object | wc -l) = 41", ws); /* the token, and 20 pairs */
}

static void make_odd(const char *label)
{
    static uint8_t id[KEY_ID_BYTES] = "odd";
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    struct template pub, prv;
    CK_OBJECT_HANDLE a, b;
    uint8_t pk[65];

    for (;;) {
        id[15]++;
        template_public(&pub, HSM_RA, label, id);
        template_token_key(&prv, HSM_RA, KEY_MADE, &h->module->profile, label, id);
        assert_int_equal(h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &a, &b), CKR_OK);
        assert_int_equal(point_read(h->f, h->work, a, pk), CKR_OK);
        if ((pk[64] & 1) != 0)
            return;
        assert_int_equal(h->f->C_DestroyObject(h->work, a), CKR_OK);
        assert_int_equal(h->f->C_DestroyObject(h->work, b), CKR_OK);
    }
}

/* What a cut between making and looking leaves. */
static void test_an_odd_ra_key_is_refused_and_the_next_ceremony_removes_it(void **state)
{
    struct hsm_key *k;
    uint8_t pk[65];

    (void)state;
    make_odd("ra");
    assert_fault(hsm_key_find(h, HSM_RA, "ra", &k, &e), HSM_KEY_MISSING);
    k = make(HSM_RA, "ra");
    assert_ok(hsm_public(k, pk, &e));
    assert_int_equal(pk[64] & 1, 0);
    run("test $(ls '%s'/tokens/*/*.object | wc -l) = 3", ws);
    hsm_key_free(k);
    make_odd("ra"); /* beside a good one it is passed over */
    assert_ok(hsm_key_find(h, HSM_RA, "ra", &k, &e));
    hsm_key_free(k);
}

static void test_an_ra_key_only_signs(void **state)
{
    struct hsm_key *k = make(HSM_RA, "ra"), *no;
    uint8_t z[32];

    (void)state;
    assert_fault(hsm_ecdh(k, point_generator, z, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_find(h, HSM_SIGNER, "ra", &no, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_find(h, HSM_FLEET, "ra", &no, &e), HSM_KEY_WRONG);
    hsm_key_free(k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_token, close_token)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_ra_key_always_has_an_even_y_and_leaves_no_odd_one_behind),
        TEST(test_an_odd_ra_key_is_refused_and_the_next_ceremony_removes_it),
        TEST(test_an_ra_key_only_signs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
