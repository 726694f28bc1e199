#include "tests/hsm/workspace.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "hsm/point.h"
#include "hsm/token.h"

static struct hsm *h;
static struct hsm_key *kek;
static unsigned long born; /* module->life at the test's start */

static int make_kek(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &kek, NULL, &e));
    born = h->module->life;
    return 0;
}

static int remove_kek(void **state)
{
    hsm_key_free(kek);
    hsm_close(h);
    return remove_workspace(state);
}

/* ---- OpenSSL as the other side ---- */

static EVP_PKEY *new_pair(uint8_t pk[65])
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    size_t len = 0;

    assert_non_null(k);
    assert_int_equal(EVP_PKEY_get_octet_string_param(k, OSSL_PKEY_PARAM_PUB_KEY, pk, 65, &len), 1);
    assert_int_equal(len, 65);
    return k;
}

static EVP_PKEY *public_key(const uint8_t pk[65])
{
    EVP_PKEY *parameters = EVP_EC_gen("P-256");

    assert_int_equal(EVP_PKEY_set1_encoded_public_key(parameters, pk, 65), 1);
    return parameters;
}

static void ecdh(EVP_PKEY *mine, const uint8_t pk[65], uint8_t z[32])
{
    EVP_PKEY *peer = public_key(pk);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(mine, NULL);
    size_t len = 32;

    assert_int_equal(EVP_PKEY_derive_init(c), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(c, peer), 1);
    assert_int_equal(EVP_PKEY_derive(c, z, &len), 1);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
}

/* ---- device keys ---- */

static void test_both_sides_of_an_agreement_get_the_same_z(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        uint8_t pkR[65], pkE[65], there[32], here[32];
        struct hsm_blob blob;
        struct hsm_key *skR;
        EVP_PKEY *skE = new_pair(pkE);

        assert_ok(hsm_device_key_new(h, kek, pkR, &blob, &e));
        assert_int_equal(blob.len, 80);
        assert_int_equal(blob.mechanism, 0x210a);
        assert_string_equal(blob.profile, "softhsm2");
        assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &skR, &e));
        assert_ok(hsm_ecdh(skR, pkE, there, &e));
        ecdh(skE, pkR, here);
        assert_memory_equal(there, here, 32);
        hsm_key_free(skR);
        EVP_PKEY_free(skE);
    }
}

static void test_device_keys_are_never_token_objects(void **state)
{
    uint8_t pk[65];
    struct hsm_blob blob;

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    run("test $(ls '%s'/tokens/*/*.object | wc -l) = 2", ws); /* the token and its KEK */
}

static void test_every_bit_of_a_blob_counts(void **state)
{
    uint8_t pk[65];
    struct hsm_blob blob, bad;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    for (unsigned bit = 0; bit < 8U * blob.len; bit++) {
        bad = blob;
        bad.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_fault(hsm_unwrap(h, kek, &bad, HSM_USE_ECDH, &k, &e), HSM_BLOB_BAD);
    }
    assert_int_equal(h->module->life, born); /* none of them was taken for a dead token */
    for (uint16_t len = 0; len < blob.len; len++) {
        bad = blob;
        bad.len = len;
        assert_fault(hsm_unwrap(h, kek, &bad, HSM_USE_ECDH, &k, &e), HSM_BLOB_BAD);
    }
    bad = blob;
    bad.mechanism = 0x1082;
    assert_fault(hsm_unwrap(h, kek, &bad, HSM_USE_ECDH, &k, &e), HSM_BLOB_BAD);
    bad = blob;
    bad.len = 60000;
    assert_fault(hsm_unwrap(h, kek, &bad, HSM_USE_ECDH, &k, &e), HSM_BLOB_BAD);
}

static void test_a_damaged_blob_is_told_even_when_it_is_the_first_of_the_day(void **state)
{
    uint8_t pk[65];
    struct hsm_blob blob;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    hsm_key_free(kek);
    hsm_close(h);
    h = open_line();
    assert_ok(hsm_key_find(h, HSM_KEK, "kek", &kek, &e));
    blob.bytes[7] ^= 0x10;
    assert_fault(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e), HSM_BLOB_BAD);
    blob.bytes[7] ^= 0x10;
    assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e));
    hsm_key_free(k);
}

static void test_a_blob_of_another_kek_is_refused(void **state)
{
    uint8_t pk[65];
    struct hsm_blob blob;
    struct hsm_key *other, *k;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek-2", &other, NULL, &e));
    assert_ok(hsm_device_key_new(h, other, pk, &blob, &e));
    assert_fault(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e), HSM_BLOB_BAD);
    hsm_key_free(other);
}

static void test_points_off_the_curve_never_reach_the_token(void **state)
{
    uint8_t pk[65], z[32], bad[65];
    struct hsm_blob blob;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e));
    for (int i = 0; i < 65; i++) {
        memcpy(bad, pk, sizeof bad);
        bad[i] ^= 1;
        assert_fault(hsm_ecdh(k, bad, z, &e), HSM_BAD_POINT);
        assert_int_equal(e.code, ERR_INPUT);
    }
    memset(bad, 0, sizeof bad);
    assert_fault(hsm_ecdh(k, bad, z, &e), HSM_BAD_POINT);
    memset(bad, 0xff, sizeof bad);
    bad[0] = 4;
    assert_fault(hsm_ecdh(k, bad, z, &e), HSM_BAD_POINT);
    hsm_key_free(k);
}

static void test_z_with_leading_zeros_keeps_its_32_bytes(void **state)
{
    uint8_t pkR[65], there[32], here[32] = { 1 };
    struct hsm_blob blob;
    struct hsm_key *skR;

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pkR, &blob, &e));
    assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &skR, &e));
    for (int i = 0; here[0] != 0; i++) {
        uint8_t pkE[65];
        EVP_PKEY *skE = new_pair(pkE);

        assert_true(i < 10000);
        ecdh(skE, pkR, here);
        if (here[0] == 0) {
            assert_ok(hsm_ecdh(skR, pkE, there, &e));
            assert_memory_equal(there, here, 32);
        }
        EVP_PKEY_free(skE);
    }
    hsm_key_free(skR);
}

/* ---- secrets, masters, signers ---- */

static void test_a_device_secret_comes_back_for_an_interrupted_burn(void **state)
{
    static const uint8_t data[] = "fl1 psk";
    uint8_t secret[32], again[32], there[32], here[32];
    struct hsm_blob blob;
    struct hsm_key *ks, *mac;
    unsigned len = 32;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_KEK_SECRET, "kek-secret", &ks, NULL, &e));
    assert_ok(hsm_device_secret_new(h, ks, secret, &blob, &e));
    assert_int_equal(blob.len, 40);
    assert_ok(hsm_device_secret_get(h, ks, &blob, again, &e));
    assert_memory_equal(secret, again, 32);
    assert_ok(hsm_unwrap(h, ks, &blob, HSM_USE_MAC, &mac, &e));
    assert_ok(hsm_hmac(mac, data, sizeof data, there, &e));
    assert_non_null(HMAC(EVP_sha256(), secret, 32, data, sizeof data, here, &len));
    assert_memory_equal(there, here, 32);
    blob.bytes[3] ^= 1;
    memset(again, 0x55, sizeof again);
    assert_fault(hsm_device_secret_get(h, ks, &blob, again, &e), HSM_BLOB_BAD);
    assert_int_equal(again[0], 0x55); /* outputs untouched */
    hsm_key_free(mac);
    hsm_key_free(ks);
}

static void test_each_kek_wraps_its_own_kind_only(void **state)
{
    uint8_t pk[65], secret[32];
    struct hsm_blob blob;
    struct hsm_key *ks, *k;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_KEK_SECRET, "kek-secret", &ks, NULL, &e));
    assert_fault(hsm_device_key_new(h, ks, pk, &blob, &e), HSM_KEY_WRONG);
    assert_fault(hsm_device_secret_new(h, kek, secret, &blob, &e), HSM_KEY_WRONG);
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    assert_fault(hsm_unwrap(h, kek, &blob, HSM_USE_MAC, &k, &e), HSM_KEY_WRONG);
    assert_fault(hsm_device_secret_get(h, ks, &blob, secret, &e), HSM_BLOB_BAD);
    hsm_key_free(ks);
}

static void test_k_root_is_two_aes_blocks_and_the_server_makes_the_same_macs(void **state)
{
    uint8_t data[32], root[32], again[32], here[32], there[32];
    struct hsm_key *master, *k;
    unsigned len = 32;

    (void)state;
    memcpy(data, "SERIAL_8fl1root1SERIAL_8fl1root2", 32);
    assert_ok(hsm_key_ensure(h, HSM_MASTER, "master/1", &master, NULL, &e));
    assert_ok(hsm_derive(master, data, root, &e));
    assert_ok(hsm_derive(master, data, again, &e));
    assert_memory_equal(root, again, 32);
    assert_memory_not_equal(root, root + 16, 16);
    assert_ok(hsm_derive_key(master, data, &k, &e));
    assert_ok(hsm_hmac(k, data, 5, there, &e));
    assert_non_null(HMAC(EVP_sha256(), root, 32, data, 5, here, &len));
    assert_memory_equal(there, here, 32);
    memcpy(data + 16, data, 16); /* ECB: equal blocks give equal halves */
    assert_ok(hsm_derive(master, data, root, &e));
    assert_memory_equal(root, root + 16, 16);
    hsm_key_free(k);
    hsm_key_free(master);
}

static void test_a_signature_verifies_under_the_signers_public_key(void **state)
{
    uint8_t digest[32], sig[64], pk[65], der[80], kcv[3], hash[32], *p = der;
    struct hsm_key *signer;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    EVP_PKEY *key;
    EVP_PKEY_CTX *c;

    (void)state;
    memset(digest, 0x5a, sizeof digest);
    assert_ok(hsm_key_ensure(h, HSM_SIGNER, "checkpoint", &signer, NULL, &e));
    assert_ok(hsm_sign(signer, digest, sig, &e));
    assert_ok(hsm_public(signer, pk, &e));
    assert_true(point_on_curve(pk));
    assert_int_equal(ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)), 1);
    int len = i2d_ECDSA_SIG(pair, &p);
    key = public_key(pk);
    c = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_verify_init(c), 1);
    assert_int_equal(EVP_PKEY_verify(c, der, (size_t)len, digest, 32), 1);
    digest[0] ^= 1;
    assert_int_not_equal(EVP_PKEY_verify(c, der, (size_t)len, digest, 32), 1);
    assert_ok(hsm_key_kcv(signer, kcv, &e));
    assert_memory_equal(kcv, SHA256(pk, sizeof pk, hash), 3);
    assert_fault(hsm_public(kek, pk, &e), HSM_KEY_WRONG);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    ECDSA_SIG_free(pair);
    hsm_key_free(signer);
}

/* ---- the way back ---- */

static void test_keys_survive_a_restart_of_the_module_under_them(void **state)
{
    uint8_t pk[65], pkE[65], before[32], after[32];
    struct hsm_blob blob;
    struct hsm_key *k;
    EVP_PKEY *other = new_pair(pkE);

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e));
    assert_ok(hsm_ecdh(k, pkE, before, &e));
    module_down(h->module);
    assert_ok(hsm_ecdh(k, pkE, after, &e));
    assert_memory_equal(before, after, 32);
    assert_int_equal(h->module->life, born + 1);
    hsm_key_free(k);
    EVP_PKEY_free(other);
}

static void test_the_modules_leak_is_bounded_by_a_restart_that_nobody_notices(void **state)
{
    uint8_t pk[65], x[32];
    struct hsm_blob blob;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e));
    h->module->made = MODULE_RENEW_AFTER - 1;
    assert_ok(hsm_ecdh(k, point_generator, x, &e));
    assert_int_equal(h->module->life, born);
    assert_ok(hsm_ecdh(k, point_generator, x, &e));
    assert_int_equal(h->module->life, born + 1);
    assert_true(h->module->made < 10);
    assert_memory_equal(x, pk + 1, 32);
    hsm_key_free(k);
}

static void test_a_removed_token_directory_is_told_and_its_return_is_noticed(void **state)
{
    uint8_t pk[65];
    struct hsm_blob blob;

    (void)state;
    run("mv '%s/tokens' '%s/away' && mkdir '%s/tokens'", ws, ws, ws);
    assert_int_not_equal(hsm_device_key_new(h, kek, pk, &blob, &e), ERR_OK);
    assert_true(e.fault == &hsm_fault[HSM_TOKEN_GONE] || e.fault == &hsm_fault[HSM_TOKEN_MISSING]);
    run("rmdir '%s/tokens' && mv '%s/away' '%s/tokens'", ws, ws, ws);
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
}

static void test_a_token_made_anew_under_us_is_not_used(void **state)
{
    uint8_t pk[65];
    struct hsm_blob blob;

    (void)state;
    run("cd '%s' && SOFTHSM2_CONF=softhsm2.conf softhsm2-util --init-token --token TEST-line --label TEST-line --so-pin "
        "$(cat pins/TEST-line.so-pin) --pin $(cat pins/TEST-line.pin) >/dev/null",
        ws);
    assert_int_not_equal(hsm_device_key_new(h, kek, pk, &blob, &e), ERR_OK);
}

static void test_a_handle_is_refused_after_fork(void **state)
{
    uint8_t bytes[8];
    pid_t child;
    int status;

    (void)state;
    if ((child = fork()) == 0)
        _exit(hsm_random(h, bytes, sizeof bytes, &e) == ERR_OK ? 1 : 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(hsm_random(h, bytes, sizeof bytes, &e));
}

static void test_a_forked_worker_opens_its_own(void **state)
{
    pid_t child;
    int status;

    (void)state;
    if ((child = fork()) == 0) {
        struct hsm *own = NULL;
        uint8_t bytes[8];

        _exit(hsm_open(&own, line_uri, &by_uri, ws, &e) == ERR_OK && hsm_random(own, bytes, 8, &e) == ERR_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_keys_may_be_freed_after_their_token(void **state)
{
    struct hsm *own = NULL;
    struct hsm_key *k;
    uint8_t z[32] = { 0 };

    (void)state;
    assert_ok(hsm_open(&own, line_uri, &by_uri, ws, &e));
    assert_ok(hsm_key_find(own, HSM_KEK, "kek", &k, &e));
    hsm_close(own);
    assert_fault(hsm_hmac(k, z, sizeof z, z, &e), HSM_CALL);
    hsm_key_free(k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_kek, remove_kek)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_sides_of_an_agreement_get_the_same_z),
        TEST(test_device_keys_are_never_token_objects),
        TEST(test_every_bit_of_a_blob_counts),
        TEST(test_a_damaged_blob_is_told_even_when_it_is_the_first_of_the_day),
        TEST(test_a_blob_of_another_kek_is_refused),
        TEST(test_points_off_the_curve_never_reach_the_token),
        TEST(test_z_with_leading_zeros_keeps_its_32_bytes),
        TEST(test_a_device_secret_comes_back_for_an_interrupted_burn),
        TEST(test_each_kek_wraps_its_own_kind_only),
        TEST(test_k_root_is_two_aes_blocks_and_the_server_makes_the_same_macs),
        TEST(test_a_signature_verifies_under_the_signers_public_key),
        TEST(test_keys_survive_a_restart_of_the_module_under_them),
        TEST(test_the_modules_leak_is_bounded_by_a_restart_that_nobody_notices),
        TEST(test_a_removed_token_directory_is_told_and_its_return_is_noticed),
        TEST(test_a_token_made_anew_under_us_is_not_used),
        TEST(test_a_handle_is_refused_after_fork),
        TEST(test_a_forked_worker_opens_its_own),
        TEST(test_keys_may_be_freed_after_their_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
