/* The log's signer: Ed25519, in a token of its own.  OpenSSL is the other side; the module's own key is checked from
 * outside. */
#include "tests/hsm/workspace.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "hsm/token.h"

/* SoftHSM2 forgets a string of OpenSSL's at each Ed25519 signature.  Its frames are seen by the slow unwinder only. */
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
static struct hsm_key *signer;

static int make_signer(void **state)
{
    bool made = false;

    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_LOG_SIGNER, "checkpoint", &signer, &made, &e));
    assert_true(made);
    return 0;
}

static int remove_signer(void **state)
{
    hsm_key_free(signer);
    hsm_close(h);
    return remove_workspace(state);
}

/* RFC 8032 s.5.1.7, by OpenSSL. */
static bool verifies(const uint8_t pk[32], const void *message, size_t len, const uint8_t sig[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pk, 32);
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    assert_non_null(key);
    assert_int_equal(EVP_DigestVerifyInit(md, NULL, NULL, NULL, key), 1);
    bool good = EVP_DigestVerify(md, sig, 64, message, len) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return good;
}

/* RFC 8032 s.7.1, TEST 3: the other side must know right from wrong by itself. */
static void test_the_judge_knows_the_vector_of_the_rfc(void **state)
{
    static const uint8_t pk[32] = { 0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3, 0x8d, 0xa4, 0x7e,
                                    0xd0, 0x02, 0x30, 0xf0, 0x58, 0x08, 0x16, 0xed, 0x13, 0xba, 0x33,
                                    0x03, 0xac, 0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25 };
    static const uint8_t sig[64] = { 0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a,
                                     0xbe, 0x01, 0xa3, 0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36,
                                     0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac, 0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2,
                                     0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59, 0x4a, 0x7c, 0x15, 0xe9,
                                     0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a };
    static const uint8_t message[2] = { 0xaf, 0x82 };

    (void)state;
    assert_true(verifies(pk, message, sizeof message, sig));
    assert_false(verifies(pk, message, 1, sig));
}

static void test_signatures_verify_over_the_message_itself_at_every_length(void **state)
{
    static uint8_t message[5000];
    uint8_t pk[32], sig[64], again[64], digest[32];

    (void)state;
    assert_ok(hsm_public_ed25519(signer, pk, &e));
    for (size_t len = 0; len <= sizeof message; len = len < 70 ? len + 1 : len * 3 + 1) {
        memset(message, (int)len, len);
        assert_ok(hsm_sign_message(signer, message, len, sig, &e));
        assert_true(verifies(pk, message, len, sig));
        assert_ok(hsm_sign_message(signer, message, len, again, &e));
        assert_memory_equal(sig, again, sizeof sig); /* deterministic: RFC 8032 s.5.1.6 */
        SHA256(message, len, digest);
        assert_false(verifies(pk, digest, sizeof digest, sig));
        if (len > 0) {
            message[len / 2] ^= 0x10;
            assert_false(verifies(pk, message, len, sig));
        }
    }
}

static void test_its_check_value_is_of_its_public_key_and_stays(void **state)
{
    uint8_t pk[32], again[32], kcv[3], hash[32];
    bool made = true;

    (void)state;
    assert_ok(hsm_public_ed25519(signer, pk, &e));
    assert_ok(hsm_key_kcv(signer, kcv, &e));
    assert_memory_equal(kcv, SHA256(pk, sizeof pk, hash), 3);
    hsm_key_free(signer);
    hsm_close(h);
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_LOG_SIGNER, "checkpoint", &signer, &made, &e));
    assert_false(made);
    assert_ok(hsm_public_ed25519(signer, again, &e));
    assert_memory_equal(pk, again, sizeof pk);
}

static void test_it_signs_on_after_a_restart_of_the_module_under_it(void **state)
{
    uint8_t pk[32], sig[64];

    (void)state;
    assert_ok(hsm_public_ed25519(signer, pk, &e));
    module_down(h->module);
    assert_ok(hsm_sign_message(signer, "x", 1, sig, &e));
    assert_true(verifies(pk, "x", 1, sig));
}

static void test_each_signer_signs_in_its_own_way_only(void **state)
{
    uint8_t pk[65], sig[64], digest[32] = { 1 };
    struct hsm_key *ca, *kek, *k;

    (void)state;
    memset(sig, 0x55, sizeof sig);
    assert_fault(hsm_sign(signer, digest, sig, &e), HSM_KEY_WRONG);
    assert_fault(hsm_public(signer, pk, &e), HSM_KEY_WRONG);
    assert_ok(hsm_key_ensure(h, HSM_SIGNER, "ca", &ca, NULL, &e));
    assert_fault(hsm_sign_message(ca, digest, 32, sig, &e), HSM_KEY_WRONG);
    assert_fault(hsm_public_ed25519(ca, pk, &e), HSM_KEY_WRONG);
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &kek, NULL, &e));
    assert_fault(hsm_sign_message(kek, digest, 32, sig, &e), HSM_KEY_WRONG);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(sig[0], 0x55); /* outputs untouched */
    assert_fault(hsm_key_find(h, HSM_SIGNER, "checkpoint", &k, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_find(h, HSM_LOG_SIGNER, "ca", &k, &e), HSM_KEY_WRONG);
    hsm_key_free(kek);
    hsm_key_free(ca);
}

static void test_the_pin_holder_can_only_sign_with_it(void **state)
{
    static CK_BBOOL yes = CK_TRUE;
    uint8_t value[64];
    CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof value }, extract = { CKA_EXTRACTABLE, &yes, sizeof yes };
    CK_ATTRIBUTE derive = { CKA_DERIVE, &yes, sizeof yes };
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };

    (void)state;
    assert_int_equal(h->f->C_GetAttributeValue(h->work, signer->handle, &read, 1), CKR_ATTRIBUTE_SENSITIVE);
    assert_int_not_equal(h->f->C_SetAttributeValue(h->work, signer->handle, &extract, 1), CKR_OK);
    assert_int_not_equal(h->f->C_SetAttributeValue(h->work, signer->handle, &derive, 1), CKR_OK);
    assert_int_not_equal(h->f->C_SignInit(h->work, &ecdsa, signer->handle), CKR_OK);
    assert_int_not_equal(h->f->C_DestroyObject(h->work, signer->handle), CKR_OK);
}

/* By hand what a careless ceremony would do. */
static void make_pair(const char *label, const CK_ATTRIBUTE *change)
{
    static const uint8_t id[KEY_ID_BYTES] = "by hand";
    CK_MECHANISM m = { CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0 };
    struct template pub, prv;
    CK_OBJECT_HANDLE a, b;

    template_public(&pub, HSM_LOG_SIGNER, label, id);
    template_token_key(&prv, HSM_LOG_SIGNER, KEY_MADE, &h->module->profile, label, id);
    for (CK_ULONG i = 0; i < prv.n; i++)
        if (prv.at[i].type == change->type)
            prv.at[i] = *change;
    for (CK_ULONG i = 0; i < pub.n; i++)
        if (pub.at[i].type == change->type)
            pub.at[i] = *change;
    assert_int_equal(h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &a, &b), CKR_OK);
}

static void test_a_signer_with_any_other_attribute_is_refused_and_the_attribute_named(void **state)
{
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static CK_MECHANISM_TYPE two[] = { CKM_EDDSA, CKM_ECDSA };
    static unsigned char x25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e }; /* RFC 8410 s.3: the same key type in SoftHSM2 */
    static const struct {
        CK_ATTRIBUTE is;
        const char *name;
    } changes[] = {
        { { CKA_EXTRACTABLE, &yes, sizeof yes }, "CKA_EXTRACTABLE" },
        { { CKA_SENSITIVE, &no, sizeof no }, "CKA_SENSITIVE" },
        { { CKA_DERIVE, &yes, sizeof yes }, "CKA_DERIVE" },
        { { CKA_DECRYPT, &yes, sizeof yes }, "CKA_DECRYPT" },
        { { CKA_UNWRAP, &yes, sizeof yes }, "CKA_UNWRAP" },
        { { CKA_SIGN, &no, sizeof no }, "CKA_SIGN" },
        { { CKA_COPYABLE, &yes, sizeof yes }, "CKA_COPYABLE" },
        { { CKA_DESTROYABLE, &yes, sizeof yes }, "CKA_DESTROYABLE" },
        { { CKA_ALLOWED_MECHANISMS, two, sizeof two }, "CKA_ALLOWED_MECHANISMS" },
        { { CKA_EC_PARAMS, x25519, sizeof x25519 }, "CKA_EC_PARAMS" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char label[HSM_LABEL];
        struct hsm_key *k;

        (void)snprintf(label, sizeof label, "bad-%zu", i);
        make_pair(label, &changes[i].is);
        assert_fault(hsm_key_find(h, HSM_LOG_SIGNER, label, &k, &e), HSM_KEY_WRONG);
        assert_int_equal(e.code, ERR_CONFLICT);
        if (strstr(e.subject, changes[i].name) == NULL)
            fail_msg("%s: %s", changes[i].name, e.subject);
    }
}

/* A public half that is another key's: what is signed under it would be worth nothing, and is not given out. */
static void test_a_signature_that_does_not_verify_is_never_given_out(void **state)
{
    uint8_t sig[64];

    (void)state;
    memset(sig, 0x55, sizeof sig);
    signer->pk[7] ^= 1;
    assert_fault(hsm_sign_message(signer, "x", 1, sig, &e), HSM_SELF_TEST);
    assert_non_null(strstr(e.subject, "'checkpoint' does not verify"));
    assert_int_equal(sig[0], 0x55);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_signer, remove_signer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_judge_knows_the_vector_of_the_rfc),
        TEST(test_signatures_verify_over_the_message_itself_at_every_length),
        TEST(test_its_check_value_is_of_its_public_key_and_stays),
        TEST(test_it_signs_on_after_a_restart_of_the_module_under_it),
        TEST(test_each_signer_signs_in_its_own_way_only),
        TEST(test_the_pin_holder_can_only_sign_with_it),
        TEST(test_a_signer_with_any_other_attribute_is_refused_and_the_attribute_named),
        TEST(test_a_signature_that_does_not_verify_is_never_given_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
