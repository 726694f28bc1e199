/* Schemes 4 and 5 as docs/protocol.md section 4 has them: what the device computes from its slot, the token computes without
 * showing it.  OpenSSL is the device. */
#include "tests/hsm/workspace.h"

#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

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

static void aes_ecb(const uint8_t key[32], const uint8_t in[32], uint8_t out[32])
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;

    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_ecb(), NULL, key, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_set_padding(c, 0), 1);
    assert_int_equal(EVP_EncryptUpdate(c, out, &n, in, 32), 1);
    assert_int_equal(n, 32);
    EVP_CIPHER_CTX_free(c);
}

static void mac(const uint8_t key[32], const uint8_t *data, size_t len, uint8_t out[32])
{
    unsigned n = 32;

    assert_non_null(HMAC(EVP_sha256(), key, 32, data, len, out, &n));
}

/* serial8 "fl1root1" serial8 "fl1root2" */
static void root_input(const uint8_t serial[8], uint8_t in[32])
{
    memcpy(in, serial, 8);
    memcpy(in + 8, "fl1root1", 8);
    memcpy(in + 16, serial, 8);
    memcpy(in + 24, "fl1root2", 8);
}

/* 00000001 | "fl1 gen" | 00 | gen1 | salt16 | 00000100: SP 800-108, counter mode */
static size_t gen_input(uint8_t gen, const uint8_t salt[16], uint8_t in[64])
{
    static const uint8_t head[] = { 0, 0, 0, 1, 'f', 'l', '1', ' ', 'g', 'e', 'n', 0 }, tail[] = { 0, 0, 1, 0 };

    memcpy(in, head, sizeof head);
    in[sizeof head] = gen;
    memcpy(in + sizeof head + 1, salt, 16);
    memcpy(in + sizeof head + 17, tail, sizeof tail);
    return sizeof head + 21;
}

/* A master whose value is known, as only a test can have one: with the attributes of a copy. */
static struct hsm_key *known_master(const uint8_t value[32])
{
    uint8_t id[KEY_ID_BYTES] = "by hand", kcv[3] = { 1, 2, 3 };
    struct template t;
    CK_OBJECT_HANDLE o;
    struct hsm_key *k;

    key_copy_id(id, kcv);
    template_token_key(&t, HSM_MASTER, KEY_COPIED, &h->module->profile, "master/1", id);
    template_bytes(&t, CKA_VALUE, value, 32);
    assert_int_equal(h->f->C_CreateObject(h->work, t.at, t.n, &o), CKR_OK);
    assert_ok(hsm_key_find(h, HSM_MASTER, "master/1", &k, &e));
    return k;
}

static void test_k_root_and_k_gen_are_what_the_device_computes(void **state)
{
    uint8_t value[32], in[64], here[32], there[32], gen_here[32], gen_there[32], salt[16];
    struct hsm_key *master, *root;

    (void)state;
    for (int i = 0; i < 32; i++)
        value[i] = (uint8_t)(7 * i + 1);
    master = known_master(value);
    for (uint8_t i = 0; i < 20; i++) {
        const uint8_t serial[8] = { 0, 1, 0, 2, 3, i, (uint8_t)(3 * i), 9 };

        root_input(serial, in);
        aes_ecb(value, in, here);
        assert_ok(hsm_derive(master, in, there, &e)); /* the line: it must burn it */
        assert_memory_equal(there, here, 32);
        assert_ok(hsm_derive_key(master, in, &root, &e)); /* the server */
        memset(salt, i, sizeof salt);
        size_t len = gen_input(i, salt, in);
        mac(here, in, len, gen_here);
        assert_ok(hsm_hmac(root, in, len, gen_there, &e));
        assert_memory_equal(gen_there, gen_here, 32);
        hsm_key_free(root);
    }
    hsm_key_free(master);
}

/* The PIN's holder, past our code. */
static void only_makes_macs(struct hsm_key *k)
{
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    uint8_t value[64], out[512];
    CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof value };
    CK_ATTRIBUTE change[] = { { CKA_SENSITIVE, &no, 1 }, { CKA_EXTRACTABLE, &yes, 1 } };
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, kwp = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    CK_ULONG len = sizeof out;
    struct hsm_key *ks;

    assert_int_equal(h->f->C_GetAttributeValue(h->work, k->handle, &read, 1), CKR_ATTRIBUTE_SENSITIVE);
    for (size_t i = 0; i < sizeof change / sizeof *change; i++)
        assert_int_not_equal(h->f->C_SetAttributeValue(h->work, k->handle, &change[i], 1), CKR_OK);
    assert_int_not_equal(h->f->C_EncryptInit(h->work, &ecb, k->handle), CKR_OK);
    assert_ok(hsm_key_ensure(h, HSM_KEK_SECRET, "kek-secret", &ks, NULL, &e));
    assert_int_equal(h->f->C_WrapKey(h->work, &kwp, ks->handle, k->handle, out, &len), CKR_KEY_UNEXTRACTABLE);
    hsm_key_free(ks);
}

static void test_the_servers_k_root_only_makes_macs(void **state)
{
    const uint8_t value[32] = { 5 }, in[32] = { 6 };
    struct hsm_key *master, *root;

    (void)state;
    master = known_master(value);
    assert_ok(hsm_derive_key(master, in, &root, &e));
    only_makes_macs(root);
    hsm_key_free(root);
    hsm_key_free(master);
}

/* HKDF-Expand(S0, "fl1 boot" | suite1 | scheme1 | fleet2 | serial8 | boot4, 58): two C_Sign in a chain. */
static void test_scheme_4_k_boot_comes_from_a_chain_of_macs(void **state)
{
    static const uint8_t info[] = { 'f', 'l', '1', ' ', 'b', 'o', 'o', 't', 1, 4, 0, 7, 0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 5 };
    uint8_t secret[32], block[32 + sizeof info + 1], here[64], there[64];
    struct hsm_key *ks, *k;
    struct hsm_blob blob;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_KEK_SECRET, "kek-secret", &ks, NULL, &e));
    assert_ok(hsm_device_secret_new(h, ks, secret, &blob, &e));
    assert_ok(hsm_unwrap(h, ks, &blob, HSM_USE_MAC, &k, &e));
    memcpy(block, info, sizeof info);
    block[sizeof info] = 1;
    mac(secret, block, sizeof info + 1, here);
    assert_ok(hsm_hmac(k, block, sizeof info + 1, there, &e));
    memcpy(block, here, 32);
    memcpy(block + 32, info, sizeof info);
    block[32 + sizeof info] = 2;
    mac(secret, block, sizeof block, here + 32);
    assert_ok(hsm_hmac(k, block, sizeof block, there + 32, &e));
    assert_memory_equal(here, there, 58);
    only_makes_macs(k);
    hsm_key_free(k);
    hsm_key_free(ks);
}

static void test_macs_are_cheap(void **state)
{
    const uint8_t value[32] = { 5 }, in[32] = { 6 };
    struct hsm_key *master, *root;
    struct timespec from, to;
    uint8_t out[32];
    enum { N = 20000 };

    (void)state;
    master = known_master(value);
    assert_ok(hsm_derive_key(master, in, &root, &e));
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < N; i++)
        assert_ok(hsm_hmac(root, in, sizeof in, out, &e));
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    print_message("# %.0f MACs per second\n", N / s);
    assert_true(N / s > 1000); /* a hundredth of what is usual: not one login or find per MAC */
    hsm_key_free(root);
    hsm_key_free(master);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_token, close_token)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_k_root_and_k_gen_are_what_the_device_computes),
        TEST(test_the_servers_k_root_only_makes_macs),
        TEST(test_scheme_4_k_boot_comes_from_a_chain_of_macs),
        TEST(test_macs_are_cheap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
