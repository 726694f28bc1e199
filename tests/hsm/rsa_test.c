/* RSA-4096: what the token gives, by OpenSSL as the other side.  One key for all tests: its making takes seconds. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RSA_padding_check_*: 3.0 has nothing else that only unpads */
#include "tests/hsm/workspace.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "hsm/token.h"

static struct hsm *h;
static struct hsm_key *k;
static uint8_t n[512], e4[4];
static unsigned long born;

static int make_rsa(void **state)
{
    bool made = false;

    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_RSA, "rsa/1/1", &k, &made, &e));
    assert_true(made);
    assert_ok(hsm_rsa_public(k, n, e4, &e));
    born = h->module->life;
    return 0;
}

static int remove_rsa(void **state)
{
    hsm_key_free(k);
    hsm_close(h);
    return remove_workspace(state);
}

static EVP_PKEY *openssl_key(void)
{
    BIGNUM *bn = BN_bin2bn(n, 512, NULL), *be = BN_bin2bn(e4, 4, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be), 1);
    OSSL_PARAM *p = OSSL_PARAM_BLD_to_param(b);
    assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
    assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, p), 1);
    OSSL_PARAM_free(p);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    BN_free(bn);
    BN_free(be);
    return key;
}

static void encrypt(int padding, const char *label, const uint8_t *in, size_t len, uint8_t out[512])
{
    EVP_PKEY *key = openssl_key();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    size_t out_len = 512;

    assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, padding), 1);
    if (padding == RSA_PKCS1_OAEP_PADDING) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(c, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(c, OPENSSL_strdup(label), (int)strlen(label)), 1);
    }
    assert_int_equal(EVP_PKEY_encrypt(c, out, &out_len, in, len), 1);
    assert_int_equal(out_len, 512);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
}

static void test_the_public_half_is_of_4096_bits_and_e_is_f4(void **state)
{
    static const uint8_t f4[4] = { 0, 1, 0, 1 };
    uint8_t all[516], digest[32], kcv[3];

    (void)state;
    assert_true(n[0] >= 0x80);
    assert_true((n[511] & 1) != 0);
    assert_memory_equal(e4, f4, 4);
    memcpy(all, n, 512);
    memcpy(all + 512, e4, 4);
    assert_ok(hsm_key_kcv(k, kcv, &e));
    assert_memory_equal(kcv, SHA256(all, sizeof all, digest), 3);
    assert_false(hsm_rsa_is_native(k));
}

static void test_a_raw_block_comes_back_as_openssl_encrypted_it(void **state)
{
    uint8_t in[512], block[512], out[512];

    (void)state;
    for (int i = 0; i < 6; i++) {
        memset(in, 0, sizeof in);
        memset(in + 100 * i, 0x11 * (i + 1), sizeof in - 100U * (unsigned)i); /* leading zeros stay */
        in[0] &= 0x7f;
        encrypt(RSA_NO_PADDING, NULL, in, sizeof in, block);
        assert_ok(hsm_rsa_raw(k, block, out, &e));
        assert_memory_equal(out, in, sizeof in);
    }
}

static void test_oaep_sha256_with_a_label_can_be_unpadded_outside(void **state)
{
    static const char label[] = "fl1 rsa42";
    uint8_t message[60], block[512], out[512], back[512];

    (void)state;
    for (int i = 0; i < 4; i++) {
        memset(message, i + 1, sizeof message);
        encrypt(RSA_PKCS1_OAEP_PADDING, label, message, sizeof message, block);
        assert_ok(hsm_rsa_raw(k, block, out, &e));
        int len = RSA_padding_check_PKCS1_OAEP_mgf1(back, sizeof back, out, 512, 512, (const uint8_t *)label,
                                                    sizeof label - 1, EVP_sha256(), EVP_sha256());
        assert_int_equal(len, sizeof message);
        assert_memory_equal(back, message, sizeof message);
    }
}

static void number(uint8_t out[512], int from_n)
{
    BIGNUM *b = BN_bin2bn(n, 512, NULL);

    assert_int_equal(from_n < 0 ? BN_sub_word(b, (BN_ULONG)-from_n) : BN_add_word(b, (BN_ULONG)from_n), 1);
    assert_int_equal(BN_bn2binpad(b, out, 512), 512);
    BN_free(b);
}

static void test_a_block_out_of_range_is_refused_before_the_call(void **state)
{
    uint8_t block[512] = { 0 }, out[512];

    (void)state;
    memset(out, 0x55, sizeof out);
    assert_fault(hsm_rsa_raw(k, block, out, &e), HSM_RSA_RANGE); /* 0 */
    assert_int_equal(e.code, ERR_INPUT);
    number(block, 0);
    assert_fault(hsm_rsa_raw(k, block, out, &e), HSM_RSA_RANGE);
    number(block, 1);
    assert_fault(hsm_rsa_raw(k, block, out, &e), HSM_RSA_RANGE);
    memset(block, 0xff, sizeof block);
    assert_fault(hsm_rsa_raw(k, block, out, &e), HSM_RSA_RANGE);
    assert_int_equal(out[0], 0x55);
    assert_int_equal(h->module->life, born);
    number(block, -1); /* (n-1)^d = n-1, for d is odd */
    assert_ok(hsm_rsa_raw(k, block, out, &e));
    assert_memory_equal(out, block, 512);
    memset(block, 0, sizeof block);
    block[511] = 1;
    assert_ok(hsm_rsa_raw(k, block, out, &e));
    assert_memory_equal(out, block, 512);
}

static void test_the_key_only_decrypts_raw_and_cannot_be_read(void **state)
{
    static CK_BBOOL yes = CK_TRUE;
    static const CK_ATTRIBUTE_TYPE secret[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                                                CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT };
    CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 }, raw = { CKM_RSA_X_509, NULL, 0 }, kwp = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    CK_ATTRIBUTE extract = { CKA_EXTRACTABLE, &yes, 1 };
    uint8_t value[4096];
    CK_ULONG len = sizeof value;
    struct hsm_key *kek;

    (void)state;
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        CK_ATTRIBUTE a = { secret[i], value, sizeof value };

        assert_int_equal(h->f->C_GetAttributeValue(h->work, k->handle, &a, 1), CKR_ATTRIBUTE_SENSITIVE);
    }
    assert_int_not_equal(h->f->C_SignInit(h->work, &raw, k->handle), CKR_OK);
    assert_int_not_equal(h->f->C_SignInit(h->work, &pkcs, k->handle), CKR_OK);
    assert_int_not_equal(h->f->C_DecryptInit(h->work, &pkcs, k->handle), CKR_OK);
    assert_int_not_equal(h->f->C_SetAttributeValue(h->work, k->handle, &extract, 1), CKR_OK);
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &kek, NULL, &e));
    assert_int_equal(h->f->C_WrapKey(h->work, &kwp, kek->handle, k->handle, value, &len), CKR_KEY_UNEXTRACTABLE);
    hsm_key_free(kek);
}

static void test_it_works_on_after_a_restart_and_as_another_kind_it_is_refused(void **state)
{
    uint8_t block[512] = { 0 }, out[512], digest[32] = { 0 };
    struct hsm_key *no;
    bool made = true;

    (void)state;
    module_down(h->module);
    block[511] = 1;
    assert_ok(hsm_rsa_raw(k, block, out, &e));
    assert_memory_equal(out, block, 512);
    assert_ok(hsm_key_ensure(h, HSM_RSA, "rsa/1/1", &no, &made, &e));
    assert_false(made);
    hsm_key_free(no);
    assert_fault(hsm_key_find(h, HSM_FLEET, "rsa/1/1", &no, &e), HSM_KEY_WRONG);
    assert_fault(hsm_sign(k, digest, out, &e), HSM_KEY_WRONG);
}

/* The public half once more, as far as finding and destroying it goes. */
static void put_public_back(void)
{
    static const uint8_t exponent[3] = { 1, 0, 1 };
    struct template t = { .n = 0 };
    CK_OBJECT_HANDLE o;

    template_number(&t, CKA_CLASS, CKO_PUBLIC_KEY);
    template_number(&t, CKA_KEY_TYPE, CKK_RSA);
    template_flag(&t, CKA_TOKEN, true);
    template_bytes(&t, CKA_LABEL, "rsa/1/1", 7);
    template_bytes(&t, CKA_MODULUS, n, sizeof n);
    template_bytes(&t, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    assert_int_equal(h->f->C_CreateObject(h->work, t.at, t.n, &o), CKR_OK);
}

/* A power cut may take it; the private half has modulus and exponent too. */
static void test_without_its_public_half_it_is_the_same_key(void **state)
{
    CK_OBJECT_HANDLE found[2];
    struct template t = { .n = 0 };
    uint8_t n2[512], e2[4];
    struct hsm_key *again;
    CK_ULONG found_n = 0;

    (void)state;
    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_CLASS, CKO_PUBLIC_KEY);
    assert_ok(key_objects(h, &t, found, 2, &found_n, &e));
    assert_int_equal(found_n, 1);
    assert_int_equal(h->f->C_DestroyObject(h->work, found[0]), CKR_OK);
    assert_ok(hsm_key_find(h, HSM_RSA, "rsa/1/1", &again, &e));
    assert_ok(hsm_rsa_public(again, n2, e2, &e));
    assert_memory_equal(n2, n, sizeof n2);
    assert_memory_equal(e2, e4, sizeof e2);
    hsm_key_free(again);
    put_public_back();
}

/* Last: it ends the key. */
static void test_destroyed_it_is_gone(void **state)
{
    struct hsm_key *no;
    unsigned destroyed;

    (void)state;
    assert_ok(hsm_key_destroy(h, HSM_RSA, "rsa/1/1", &destroyed, &e));
    assert_int_equal(destroyed, 2);
    assert_fault(hsm_key_find(h, HSM_RSA, "rsa/1/1", &no, &e), HSM_KEY_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_public_half_is_of_4096_bits_and_e_is_f4),
        cmocka_unit_test(test_a_raw_block_comes_back_as_openssl_encrypted_it),
        cmocka_unit_test(test_oaep_sha256_with_a_label_can_be_unpadded_outside),
        cmocka_unit_test(test_a_block_out_of_range_is_refused_before_the_call),
        cmocka_unit_test(test_the_key_only_decrypts_raw_and_cannot_be_read),
        cmocka_unit_test(test_it_works_on_after_a_restart_and_as_another_kind_it_is_refused),
        cmocka_unit_test(test_without_its_public_half_it_is_the_same_key),
        cmocka_unit_test(test_destroyed_it_is_gone),
    };

    return cmocka_run_group_tests(tests, make_rsa, remove_rsa);
}
