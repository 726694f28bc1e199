/* A certificate whose key is in a token.  OpenSSL is the other side: it reads the certificate, and checks what was signed.
 */
#include "tests/hsm/workspace.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "hsm/token.h"
#include "server/fault.h"
#include "server/tls.h"
#include "server/tls_impl.h"
#include "server/tls_signer.h"
#include "server/tls_token.h"

static struct hsm *h;
static struct hsm_key *key;
static char cert[512];

static int make_key(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_TLS, "tls/a", &key, NULL, &e));
    (void)snprintf(cert, sizeof cert, "%s/cert.pem", ws);
    return 0;
}

static int remove_key(void **state)
{
    hsm_key_free(key);
    hsm_close(h);
    return remove_workspace(state);
}

static X509 *read_certificate(void)
{
    FILE *f = fopen(cert, "re");

    assert_non_null(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    assert_non_null(x);
    return x;
}

static struct tls_token *open_pair(struct tls_pair *pair)
{
    struct tls_token *t = NULL;

    assert_ok(tls_load(pair, cert, NULL, &e));
    assert_ok(tls_token_open(&t, pair, cert, key, &e));
    return t;
}

/* ---- signatures ---- */

/* Read by OpenSSL and written again, it must be the same: strict clients look whether it is. */
static void is_der(const uint8_t rs[64])
{
    gnutls_datum_t der = { NULL, 0 };
    unsigned char *again = NULL, half[2][32];

    assert_true(tls_signature_der(rs, &der) >= 0);
    const unsigned char *at = der.data;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.size);
    assert_non_null(sig);
    assert_int_equal(i2d_ECDSA_SIG(sig, &again), der.size);
    assert_memory_equal(again, der.data, der.size);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), half[0], 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), half[1], 32), 32);
    assert_memory_equal(half, rs, 64);
    OPENSSL_free(again);
    ECDSA_SIG_free(sig);
    gnutls_free(der.data);
}

static void test_a_signature_is_strict_der_whatever_its_leading_bytes(void **state)
{
    static const uint8_t heads[][3] = { { 0x7F, 1, 1 }, { 0x80, 0, 0 }, { 0, 0x80, 1 },
                                        { 0, 0x7F, 1 }, { 0, 0, 0xFF }, { 0, 0, 1 } };
    uint8_t rs[64];

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (size_t j = 0; j < sizeof heads / sizeof *heads; j++) {
            memset(rs, 0x11, sizeof rs);
            memcpy(rs, heads[i], 3);
            memcpy(rs + 32, heads[j], 3);
            is_der(rs);
        }
}

static int sign(struct tls_signer *s, gnutls_digest_algorithm_t digest, gnutls_datum_t *sig)
{
    static unsigned char text[] = "TEST";
    const gnutls_datum_t data = { text, sizeof text };
    gnutls_privkey_t private;

    assert_true(tls_signer_private(s, &private) >= 0);
    const int code = gnutls_privkey_sign_data(private, digest, 0, &data, sig);
    gnutls_privkey_deinit(private);
    return code;
}

static bool verifies(const EVP_MD *md, const gnutls_datum_t *sig)
{
    X509 *x = read_certificate();
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestVerifyInit(c, NULL, md, NULL, X509_get0_pubkey(x)), 1);
    const bool good = EVP_DigestVerify(c, sig->data, sig->size, (const unsigned char *)"TEST", 5) == 1;
    EVP_MD_CTX_free(c);
    X509_free(x);
    return good;
}

static void test_it_signs_with_the_hashes_that_are_long_enough_and_with_no_other(void **state)
{
    const struct {
        gnutls_digest_algorithm_t gnutls;
        const EVP_MD *md;
    } hashes[] = { { GNUTLS_DIG_SHA256, EVP_sha256() },
                   { GNUTLS_DIG_SHA384, EVP_sha384() },
                   { GNUTLS_DIG_SHA512, EVP_sha512() } };
    struct tls_signer s = { .key = key };
    gnutls_datum_t sig = { NULL, 0 };

    (void)state;
    assert_ok(tls_certify(key, NULL, false, cert, &e));
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        assert_true(sign(&s, hashes[i].gnutls, &sig) >= 0);
        assert_true(verifies(hashes[i].md, &sig));
        assert_false(verifies(EVP_sha3_256(), &sig));
        gnutls_free(sig.data);
    }
    assert_true(sign(&s, GNUTLS_DIG_SHA1, &sig) < 0);
    assert_false(s.failed); /* a client's wish, not the token's failure */
}

/* ---- certificates ---- */

static void test_a_certificate_is_signed_by_its_key_and_never_overwritten(void **state)
{
    (void)state;
    assert_ok(tls_certify(key, "a.example,192.0.2.1,::1", false, cert, &e));
    X509 *x = read_certificate();
    assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
    assert_int_equal(X509_check_host(x, "a.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 0);
    X509_free(x);
    assert_int_equal(tls_certify(key, NULL, false, cert, &e), ERR_CONFLICT);
    assert_ptr_equal(e.fault, &server_fault[SERVER_TLS_THERE]);
}

static void test_names_that_are_none_make_no_certificate(void **state)
{
    static const char *const bad[] = { "",   ",",  "a,", "a b", "a=b",  "a..b",
                                       "-a", ".a", "*",  "a/b", "a\nb", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tls_certify(key, bad[i], false, cert, &e), ERR_USAGE);
        assert_ptr_equal(e.fault, &server_fault[SERVER_TLS_NAME]);
        assert_int_not_equal(access(cert, F_OK), 0);
    }
}

static void test_a_certificate_of_another_key_is_no_pair(void **state)
{
    struct hsm_key *other;
    struct tls_pair pair;
    struct tls_token *t = NULL;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_TLS, "tls/b", &other, NULL, &e));
    assert_ok(tls_certify(other, NULL, false, cert, &e));
    assert_ok(tls_load(&pair, cert, NULL, &e));
    assert_int_equal(tls_token_open(&t, &pair, cert, key, &e), ERR_CONFIG);
    assert_ptr_equal(e.fault, &server_fault[SERVER_TLS_PAIR]);
    assert_ok(tls_token_open(&t, &pair, cert, other, &e));
    tls_token_close(t);
    tls_free(&pair);
    hsm_key_free(other);
}

/* ---- the token under it ---- */

static void test_it_signs_on_when_its_session_has_died(void **state)
{
    struct tls_signer s = { .key = key };
    gnutls_datum_t sig;

    (void)state;
    assert_ok(tls_certify(key, NULL, false, cert, &e));
    assert_int_equal(h->f->C_CloseAllSessions(h->slot), CKR_OK);
    assert_true(sign(&s, GNUTLS_DIG_SHA256, &sig) >= 0);
    assert_true(verifies(EVP_sha256(), &sig));
    assert_false(s.failed);
    gnutls_free(sig.data);
}

static int handshake_signature(gnutls_certificate_retrieve_function2 *served_by)
{
    static unsigned char text[] = "TEST";
    const gnutls_datum_t data = { text, sizeof text };
    gnutls_datum_t sig = { NULL, 0 };
    gnutls_pcert_st *chain;
    gnutls_privkey_t private;
    unsigned n;

    assert_int_equal(served_by(NULL, NULL, 0, NULL, 0, &chain, &n, &private), 0);
    assert_int_equal(n, 1);
    const int code = gnutls_privkey_sign_data(private, GNUTLS_DIG_SHA256, 0, &data, &sig);
    gnutls_free(sig.data);
    return code;
}

static void test_without_the_token_it_is_lost_and_says_why(void **state)
{
    struct tls_pair pair;
    struct err why;

    (void)state;
    assert_ok(tls_certify(key, NULL, false, cert, &e));
    struct tls_token *t = open_pair(&pair);
    assert_null(tls_token_serve(NULL));
    gnutls_certificate_retrieve_function2 *served_by = tls_token_serve(t);
    assert_true(handshake_signature(served_by) >= 0);
    assert_false(tls_token_is_lost(t, &why));
    run("rm -rf '%s/tokens' '%s/keep'", ws, ws);
    module_down(h->module);
    assert_true(handshake_signature(served_by) < 0);
    assert_true(tls_token_is_lost(t, &why));
    assert_true(why.fault >= &hsm_fault[0] && why.fault < &hsm_fault[HSM_FAULTS]);
    (void)tls_token_serve(NULL);
    tls_token_close(t);
    tls_free(&pair);
}

/* An RA and a certificate's key have the same attributes: the label says which it is. */
static enum err_code see(void *io, const struct hsm_key_info *k, struct err *why)
{
    enum hsm_key_kind *kinds = io;

    (void)why;
    assert_int_equal(k->state, HSM_KEY_WHOLE);
    kinds[strncmp(k->label, "tls/", 4) == 0] = k->kind;
    return ERR_OK;
}

static void test_it_is_listed_whole_with_any_y_and_told_from_an_authority(void **state)
{
    enum hsm_key_kind kinds[2] = { HSM_KEY_KINDS, HSM_KEY_KINDS };
    char label[HSM_LABEL];
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_RA, "ra", &k, NULL, &e));
    hsm_key_free(k);
    for (int i = 0; i < 8; i++) { /* all even: 1 of 512 */
        (void)snprintf(label, sizeof label, "tls/%d", i);
        assert_ok(hsm_key_ensure(h, HSM_TLS, label, &k, NULL, &e));
        hsm_key_free(k);
    }
    assert_ok(hsm_keys(h, see, kinds, &e));
    assert_int_equal(kinds[0], HSM_RA);
    assert_int_equal(kinds[1], HSM_TLS);
    assert_ok(hsm_key_destroy(h, HSM_TLS, "tls/0", NULL, &e));
    assert_fault(hsm_key_find(h, HSM_TLS, "tls/0", &k, &e), HSM_KEY_MISSING);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_key, remove_key)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signature_is_strict_der_whatever_its_leading_bytes),
        TEST(test_it_signs_with_the_hashes_that_are_long_enough_and_with_no_other),
        TEST(test_a_certificate_is_signed_by_its_key_and_never_overwritten),
        TEST(test_names_that_are_none_make_no_certificate),
        TEST(test_a_certificate_of_another_key_is_no_pair),
        TEST(test_it_signs_on_when_its_session_has_died),
        TEST(test_without_the_token_it_is_lost_and_says_why),
        TEST(test_it_is_listed_whole_with_any_y_and_told_from_an_authority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
