/* Fleet keys, P-256 and X25519: what they do, by OpenSSL as the other side, and what they don't. */
#include "tests/hsm/workspace.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "hsm/point.h"
#include "hsm/token.h"

/* SoftHSM2 forgets a string of OpenSSL's at each use of an X25519 key.  Its frames are seen by the slow unwinder only. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libsofthsm2.so";
}
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

static struct hsm *h;
static unsigned long born; /* module->life at the test's start */

static int open_token(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    born = h->module->life;
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

/* ---- OpenSSL ---- */

static EVP_PKEY *public_p256(const uint8_t pk[65])
{
    EVP_PKEY *k = EVP_EC_gen("P-256");

    assert_int_equal(EVP_PKEY_set1_encoded_public_key(k, pk, 65), 1);
    return k;
}

static bool derive(EVP_PKEY *mine, EVP_PKEY *peer, uint8_t z[32])
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(mine, NULL);
    size_t len = 32;
    bool good = EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, peer) == 1 && EVP_PKEY_derive(c, z, &len) == 1;

    EVP_PKEY_CTX_free(c);
    return good;
}

/* ---- fleet keys ---- */

static void test_fleet_ecdh_equals_openssl(void **state)
{
    struct hsm_key *k = make(HSM_FLEET, "fleet/1/1");
    uint8_t pk[65], pkE[65], there[32], here[32];
    size_t len;

    (void)state;
    assert_ok(hsm_public(k, pk, &e));
    EVP_PKEY *fleet = public_p256(pk);
    for (int i = 0; i < 50; i++) {
        EVP_PKEY *skE = EVP_EC_gen("P-256");

        assert_int_equal(EVP_PKEY_get_octet_string_param(skE, OSSL_PKEY_PARAM_PUB_KEY, pkE, 65, &len), 1);
        assert_ok(hsm_ecdh(k, pkE, there, &e));
        assert_true(derive(skE, fleet, here));
        assert_memory_equal(there, here, 32);
        EVP_PKEY_free(skE);
    }
    EVP_PKEY_free(fleet);
    hsm_key_free(k);
}

static void test_a_fleet_key_is_found_again_and_survives_a_restart(void **state)
{
    struct hsm_key *k = make(HSM_FLEET, "fleet/1/1"), *again;
    uint8_t pk[65], pk2[65], kcv[3], z[32], digest[32];
    bool made = true;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_FLEET, "fleet/1/1", &again, &made, &e));
    assert_false(made);
    assert_ok(hsm_public(k, pk, &e));
    assert_ok(hsm_public(again, pk2, &e));
    assert_memory_equal(pk, pk2, 65);
    assert_ok(hsm_key_kcv(again, kcv, &e));
    assert_memory_equal(kcv, SHA256(pk, 65, digest), 3);
    hsm_key_free(again);
    module_down(h->module);
    assert_ok(hsm_ecdh(k, point_generator, z, &e));
    assert_memory_equal(z, pk + 1, 32);
    hsm_key_free(k);
}

static void test_a_bad_point_never_reaches_the_token(void **state)
{
    struct hsm_key *k = make(HSM_FLEET, "fleet/1/1");
    uint8_t pk[65] = { 4 }, z[32];

    (void)state;
    memset(z, 0x55, sizeof z);
    assert_fault(hsm_ecdh(k, pk, z, &e), HSM_BAD_POINT);
    memcpy(pk, point_generator, 65);
    pk[64] ^= 1;
    assert_fault(hsm_ecdh(k, pk, z, &e), HSM_BAD_POINT);
    assert_int_equal(z[0], 0x55);
    assert_int_equal(h->module->life, born);
    hsm_key_free(k);
}

/* By the PIN's holder, past our code. */
static void only_derives(struct hsm_key *k)
{
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 }, kwp = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    uint8_t value[64], out[512];
    CK_ULONG len = sizeof out;
    CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof value };
    CK_ATTRIBUTE change[] = { { CKA_EXTRACTABLE, &yes, 1 },
                              { CKA_SENSITIVE, &no, 1 },
                              { CKA_SIGN, &yes, 1 },
                              { CKA_DERIVE, &no, 1 },
                              { CKA_UNWRAP, &yes, 1 } };
    struct hsm_key *kek;

    assert_int_equal(h->f->C_GetAttributeValue(h->work, k->handle, &read, 1), CKR_ATTRIBUTE_SENSITIVE);
    for (size_t i = 0; i < sizeof change / sizeof *change; i++)
        assert_int_not_equal(h->f->C_SetAttributeValue(h->work, k->handle, &change[i], 1), CKR_OK);
    assert_int_not_equal(h->f->C_SignInit(h->work, &ecdsa, k->handle), CKR_OK);
    assert_int_not_equal(h->f->C_DecryptInit(h->work, &ecdsa, k->handle), CKR_OK);
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &kek, NULL, &e));
    assert_int_equal(h->f->C_WrapKey(h->work, &kwp, kek->handle, k->handle, out, &len), CKR_KEY_UNEXTRACTABLE);
    hsm_key_free(kek);
}

static void test_a_fleet_key_cannot_sign_be_wrapped_or_be_read(void **state)
{
    struct hsm_key *k = make(HSM_FLEET, "fleet/1/1"), *u = make(HSM_FLEET_X25519, "fleet/2/1");
    uint8_t sig[64], digest[32] = { 1 };

    (void)state;
    only_derives(k);
    only_derives(u);
    assert_fault(hsm_sign(k, digest, sig, &e), HSM_KEY_WRONG);
    assert_fault(hsm_ecdh(u, point_generator, sig, &e), HSM_KEY_WRONG);
    assert_fault(hsm_x25519(k, point_nine, sig, &e), HSM_KEY_WRONG);
    assert_int_equal(h->module->life, born);
    hsm_key_free(k);
    hsm_key_free(u);
}

static void test_a_fleet_key_of_the_other_suite_is_refused(void **state)
{
    struct hsm_key *k = make(HSM_FLEET, "fleet/1/1"), *u = make(HSM_FLEET_X25519, "fleet/2/1"), *no;

    (void)state;
    assert_fault(hsm_key_ensure(h, HSM_FLEET_X25519, "fleet/1/1", &no, NULL, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_ensure(h, HSM_FLEET, "fleet/2/1", &no, NULL, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_find(h, HSM_SIGNER, "fleet/1/1", &no, &e), HSM_KEY_WRONG);
    hsm_key_free(k);
    hsm_key_free(u);
}

/* By hand what a careless ceremony would do. */
static void test_a_fleet_key_with_any_other_attribute_is_refused_and_the_attribute_named(void **state)
{
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static CK_MECHANISM_TYPE two[] = { CKM_ECDH1_DERIVE, CKM_ECDSA };
    static const struct {
        CK_ATTRIBUTE is;
        const char *name;
    } changes[] = {
        { { CKA_EXTRACTABLE, &yes, 1 }, "CKA_EXTRACTABLE" },
        { { CKA_SENSITIVE, &no, 1 }, "CKA_SENSITIVE" },
        { { CKA_SIGN, &yes, 1 }, "CKA_SIGN" },
        { { CKA_UNWRAP, &yes, 1 }, "CKA_UNWRAP" },
        { { CKA_DECRYPT, &yes, 1 }, "CKA_DECRYPT" },
        { { CKA_DERIVE, &no, 1 }, "CKA_DERIVE" },
        { { CKA_MODIFIABLE, &yes, 1 }, "CKA_MODIFIABLE" },
        { { CKA_COPYABLE, &yes, 1 }, "CKA_COPYABLE" },
        { { CKA_DESTROYABLE, &no, 1 }, "CKA_DESTROYABLE" },
        { { CKA_ALLOWED_MECHANISMS, two, sizeof two }, "CKA_ALLOWED_MECHANISMS" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        static const uint8_t id[KEY_ID_BYTES] = "by hand";
        CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
        struct template pub, prv;
        CK_OBJECT_HANDLE a, b;
        char label[HSM_LABEL];
        struct hsm_key *k;

        (void)snprintf(label, sizeof label, "fleet/9/%zu", i);
        template_public(&pub, HSM_FLEET, label, id);
        template_token_key(&prv, HSM_FLEET, KEY_MADE, &h->module->profile, label, id);
        for (CK_ULONG j = 0; j < prv.n; j++)
            if (prv.at[j].type == changes[i].is.type)
                prv.at[j] = changes[i].is;
        assert_int_equal(h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &a, &b), CKR_OK);
        assert_fault(hsm_key_find(h, HSM_FLEET, label, &k, &e), HSM_KEY_WRONG);
        if (strstr(e.subject, changes[i].name) == NULL)
            fail_msg("%s: %s", changes[i].name, e.subject);
    }
}

/* ---- a public half that a power cut took ---- */

static void lose_public(void)
{
    CK_OBJECT_HANDLE found[4];
    struct template t = { .n = 0 };
    CK_ULONG n = 0;

    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_CLASS, CKO_PUBLIC_KEY);
    assert_ok(key_objects(h, &t, found, 4, &n, &e));
    for (CK_ULONG i = 0; i < n; i++)
        assert_int_equal(h->f->C_DestroyObject(h->work, found[i]), CKR_OK);
    assert_int_not_equal(n, 0);
}

static void test_a_fleet_key_without_its_public_half_is_the_same_key_with_an_even_y(void **state)
{
    struct hsm_key *k;
    uint8_t pk[65], again[65], z[32];
    char label[HSM_LABEL];
    bool made = true;

    (void)state;
    for (int i = 0; i < 12; i++) {
        (void)snprintf(label, sizeof label, "fleet/%d/1", i + 1);
        k = make(HSM_FLEET, label);
        assert_ok(hsm_public(k, pk, &e));
        hsm_key_free(k);
        lose_public();
        assert_ok(hsm_key_ensure(h, HSM_FLEET, label, &k, &made, &e));
        assert_false(made);
        assert_ok(hsm_public(k, again, &e));
        assert_memory_equal(again, pk, 33);
        assert_int_equal(again[64] & 1, 0);
        assert_true(point_on_curve(again));
        assert_ok(hsm_ecdh(k, point_generator, z, &e));
        assert_memory_equal(z, pk + 1, 32);
        hsm_key_free(k);
    }
}

static void test_an_x25519_key_without_its_public_half_is_the_same_key(void **state)
{
    struct hsm_key *k = make(HSM_FLEET_X25519, "fleet/2/1");
    uint8_t u[32], again[32];

    (void)state;
    assert_ok(hsm_public_x25519(k, u, &e));
    hsm_key_free(k);
    lose_public();
    assert_ok(hsm_key_find(h, HSM_FLEET_X25519, "fleet/2/1", &k, &e));
    assert_ok(hsm_public_x25519(k, again, &e));
    assert_memory_equal(u, again, 32);
    hsm_key_free(k);
}

static void test_a_signer_without_its_public_half_is_refused(void **state)
{
    struct hsm_key *k = make(HSM_RA, "ra");

    (void)state;
    hsm_key_free(k);
    lose_public();
    assert_fault(hsm_key_find(h, HSM_RA, "ra", &k, &e), HSM_KEY_WRONG);
    assert_non_null(strstr(e.subject, "public key is gone"));
}

/* The public half of another key beside the private one: it would be burned into a whole series. */
static void test_halves_that_do_not_belong_together_are_refused(void **state)
{
    static const uint8_t id[KEY_ID_BYTES] = "by hand";
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    uint8_t der[67] = { 0x04, 65 };
    struct template pub, prv;
    CK_OBJECT_HANDLE a, b;
    struct hsm_key *k;

    (void)state;
    template_public(&pub, HSM_FLEET, "fleet/1/1", id);
    template_token_key(&prv, HSM_FLEET, KEY_MADE, &h->module->profile, "fleet/1/1", id);
    assert_int_equal(h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &a, &b), CKR_OK);
    assert_ok(hsm_key_find(h, HSM_FLEET, "fleet/1/1", &k, &e)); /* so far it is a right one */
    hsm_key_free(k);
    assert_int_equal(h->f->C_DestroyObject(h->work, a), CKR_OK);
    assert_ok(hsm_key_find(h, HSM_FLEET, "fleet/1/1", &k, &e)); /* alone the private half is one too: see above */
    hsm_key_free(k);
    memcpy(der + 2, point_generator, 65);
    template_number(&pub, CKA_CLASS, CKO_PUBLIC_KEY);
    template_number(&pub, CKA_KEY_TYPE, CKK_EC);
    template_bytes(&pub, CKA_EC_POINT, der, sizeof der);
    assert_int_equal(h->f->C_CreateObject(h->work, pub.at, pub.n, &a), CKR_OK);
    assert_fault(hsm_key_find(h, HSM_FLEET, "fleet/1/1", &k, &e), HSM_SELF_TEST);
    assert_non_null(strstr(e.subject, "fleet/1/1"));
}

/* ---- X25519 ---- */

static void test_x25519_equals_openssl(void **state)
{
    struct hsm_key *k = make(HSM_FLEET_X25519, "fleet/2/1");
    uint8_t pk[32], pkE[32], there[32], here[32];
    size_t len = 32;

    (void)state;
    assert_ok(hsm_public_x25519(k, pk, &e));
    EVP_PKEY *fleet = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, pk, 32);
    for (int i = 0; i < 50; i++) {
        EVP_PKEY *skE = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

        assert_int_equal(EVP_PKEY_get_raw_public_key(skE, pkE, &len), 1);
        assert_ok(hsm_x25519(k, pkE, there, &e));
        assert_true(derive(skE, fleet, here));
        assert_memory_equal(there, here, 32);
        EVP_PKEY_free(skE);
    }
    EVP_PKEY_free(fleet);
    hsm_key_free(k);
}

/* u with the given first and last byte, 0xff between. */
static void number(uint8_t u[32], uint8_t first, uint8_t last)
{
    memset(u, 0xff, 32);
    u[0] = first;
    u[31] = last;
}

static void test_every_point_of_small_order_is_refused_and_no_other(void **state)
{
    struct hsm_key *k = make(HSM_FLEET_X25519, "fleet/2/1");
    EVP_PKEY *judge = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    uint8_t u[32], z[32];
    unsigned refused = 0;

    (void)state;
    for (int i = 0; i < 4 * 256; i++) { /* around 0, around p, and each with the bit that is not looked at */
        if (i < 512) {
            memset(u, 0, sizeof u);
            u[0] = (uint8_t)i;
            u[31] = i < 256 ? 0 : 0x80;
        } else
            number(u, (uint8_t)i, i < 768 ? 0x7f : 0xff);
        EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, u, 32);
        bool good = derive(judge, peer, z);

        EVP_PKEY_free(peer);
        assert_int_equal(point_is_small_order(u), !good);
        if (good && i % 64 != 0)
            continue;
        refused += !good;
        if (good)
            assert_ok(hsm_x25519(k, u, z, &e));
        else
            assert_fault(hsm_x25519(k, u, z, &e), HSM_BAD_POINT);
    }
    assert_int_equal(refused, 10); /* 0, 1, p - 1, p, p + 1, twice */
    assert_int_equal(h->module->life, born);
    EVP_PKEY_free(judge);
    hsm_key_free(k);
}

static void test_the_two_points_of_order_eight_are_what_openssl_refuses(void **state)
{
    static const uint8_t eight[2][32] = {
        { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
          0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
        { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
          0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
    };
    EVP_PKEY *judge = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    uint8_t z[32];

    (void)state;
    for (int i = 0; i < 2; i++) {
        EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, eight[i], 32);

        assert_false(derive(judge, peer, z));
        assert_true(point_is_small_order(eight[i]));
        EVP_PKEY_free(peer);
    }
    EVP_PKEY_free(judge);
}

static void test_a_module_without_edwards_keys_says_so(void **state)
{
    struct hsm_key *k;
    char uri[1024];

    (void)state;
    hsm_close(h);
    fake_uri(uri, "no-edwards");
    assert_ok(hsm_open(&h, uri, &by_uri, ws, &e));
    assert_fault(hsm_key_ensure(h, HSM_FLEET_X25519, "fleet/2/1", &k, NULL, &e), HSM_MECHANISM);
    assert_non_null(strstr(e.subject, "CKM_EC_EDWARDS_KEY_PAIR_GEN"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_token, close_token)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fleet_ecdh_equals_openssl),
        TEST(test_a_fleet_key_is_found_again_and_survives_a_restart),
        TEST(test_a_bad_point_never_reaches_the_token),
        TEST(test_a_fleet_key_cannot_sign_be_wrapped_or_be_read),
        TEST(test_a_fleet_key_of_the_other_suite_is_refused),
        TEST(test_a_fleet_key_with_any_other_attribute_is_refused_and_the_attribute_named),
        TEST(test_a_fleet_key_without_its_public_half_is_the_same_key_with_an_even_y),
        TEST(test_an_x25519_key_without_its_public_half_is_the_same_key),
        TEST(test_a_signer_without_its_public_half_is_refused),
        TEST(test_halves_that_do_not_belong_together_are_refused),
        TEST(test_x25519_equals_openssl),
        TEST(test_every_point_of_small_order_is_refused_and_no_other),
        cmocka_unit_test(test_the_two_points_of_order_eight_are_what_openssl_refuses),
        TEST(test_a_module_without_edwards_keys_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
