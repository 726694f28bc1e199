/* The published vectors, and our own second implementation's, through OpenSSL.  The chip runs the same blob
 * (tests/vectors/walk.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hsm/hpke_host.h"
#include "tests/vectors/pack.h"
#include "tests/vectors/walk.h"

static struct crypto crypto;
static struct hpke_host *host;

static int setup(void **state)
{
    (void)state;
    host = hpke_host_open(&crypto);
    return host ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hpke_host_close(host);
    return 0;
}

/* All vectors of one file pass; the counts are exact, so that none is lost on the way. */
static void run(const char *path, struct vectors_result *r, unsigned left_out)
{
    struct pack p = { 0 };
    char why[200] = "";
    if (!pack_file(&p, path, why))
        fail_msg("%s", why);
    bool ok = vectors_run(&crypto, p.bytes, p.len, r);
    if (!ok)
        fail_msg("%s: %u failed, first: type %u, id %u", path, (unsigned)r->failed, r->failed_type, r->failed_id);
    assert_int_equal(p.left_out, left_out);
    pack_free(&p);
}

static void test_rfc5869_hkdf(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/rfc5869-hkdf/rfc5869-hkdf-sha256.json", &r, 0);
    assert_int_equal(r.run[VECTOR_HKDF], 3);
}

static void test_rfc9180_exports_in_base_and_psk_mode(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/hpke-rfc9180/rfc9180-p256-x25519-hkdfsha256.json", &r, 28);
    assert_int_equal(r.run[VECTOR_HPKE], 12); /* six of each KEM */
}

static void test_cose_examples_with_our_two_algorithms(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/cose-examples/aes-ccm-examples.json", &r, 12);
    assert_int_equal(r.run[VECTOR_COSE], 2);
    assert_int_equal(r.run[VECTOR_CCM], 2);
}

static void test_wycheproof_x25519_with_its_points_of_small_order_refused(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/x25519_test.json", &r, 0);
    assert_int_equal(r.run[VECTOR_X25519], 518);
}

static void test_wycheproof_hmac(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/hmac_sha256_test.json", &r, 0);
    assert_int_equal(r.run[VECTOR_HMAC], 174);
}

static void test_wycheproof_hkdf(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/hkdf_sha256_test.json", &r, 0);
    assert_int_equal(r.run[VECTOR_HKDF], 86);
}

static void test_wycheproof_ccm_of_our_lengths(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/aes_ccm_test.json", &r, 546);
    assert_int_equal(r.run[VECTOR_CCM], 6);
}

static void test_wycheproof_ecdh_and_points(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/ecdh_secp256r1_ecpoint_test.json", &r, 2);
    assert_int_equal(r.run[VECTOR_ECDH], 346);
    assert_int_equal(r.run[VECTOR_POINT], 7 + 126);
}

static void test_wycheproof_oaep_and_the_public_operation(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json", &r, 6);
    assert_int_equal(r.run[VECTOR_OAEP], 37 - 6);
}

static void test_sp800_108_counter_mode_of_one_block(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/nist-sp800-108/kbkdf-ctr.json", &r, 210);
    assert_int_equal(r.run[VECTOR_HMAC], 30);
}

static void test_wycheproof_ecdsa(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json", &r, 21);
    assert_int_equal(r.run[VECTOR_VERIFY], 241);
}

static void test_rfc6979_signatures(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/rfc6979/rfc6979-p256.json", &r, 0);
    assert_int_equal(r.run[VECTOR_SIGN], 3);
}

static void test_scheme_1_agrees_with_the_second_implementation(void **state)
{
    (void)state;
    struct vectors_result r;
    run("tests/vectors/fuseline/sealed.json", &r, 0);
    assert_int_equal(r.run[VECTOR_SEALED], 8);
}

/* The walker can fail: any byte of the first record's fields changed, the record cut anywhere. */
static void test_a_changed_or_cut_vector_fails(void **state)
{
    (void)state;
    struct pack p = { 0 };
    char why[200];
    struct vectors_result r;
    assert_true(pack_file(&p, "tests/vectors/rfc5869-hkdf/rfc5869-hkdf-sha256.json", why));
    size_t first = 9, end = first; /* behind "FLV1", type, flags, id, number of fields */
    for (int field = 0; field < 5; field++)
        end += 2u + p.bytes[end + 1];
    assert_true(vectors_run(&crypto, p.bytes, end, &r));
    for (size_t i = first; i < end; i++) {
        p.bytes[i] ^= 0x10;
        assert_false(vectors_run(&crypto, p.bytes, end, &r));
        p.bytes[i] ^= 0x10;
        assert_false(vectors_run(&crypto, p.bytes, i, &r));
    }
    pack_free(&p);
}

static void test_an_unknown_file_is_refused(void **state)
{
    (void)state;
    struct pack p = { 0 };
    char why[200];
    assert_false(pack_file(&p, "tests/vectors/README.md", why));
    assert_false(pack_file(&p, "tests/vectors/none.json", why));
    pack_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc5869_hkdf),
        cmocka_unit_test(test_rfc9180_exports_in_base_and_psk_mode),
        cmocka_unit_test(test_cose_examples_with_our_two_algorithms),
        cmocka_unit_test(test_wycheproof_x25519_with_its_points_of_small_order_refused),
        cmocka_unit_test(test_wycheproof_hmac),
        cmocka_unit_test(test_wycheproof_hkdf),
        cmocka_unit_test(test_wycheproof_ccm_of_our_lengths),
        cmocka_unit_test(test_wycheproof_ecdh_and_points),
        cmocka_unit_test(test_wycheproof_oaep_and_the_public_operation),
        cmocka_unit_test(test_sp800_108_counter_mode_of_one_block),
        cmocka_unit_test(test_wycheproof_ecdsa),
        cmocka_unit_test(test_rfc6979_signatures),
        cmocka_unit_test(test_scheme_1_agrees_with_the_second_implementation),
        cmocka_unit_test(test_a_changed_or_cut_vector_fails),
        cmocka_unit_test(test_an_unknown_file_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
