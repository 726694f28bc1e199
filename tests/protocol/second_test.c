/* Schemes 4, 5, 6 (RSA), REKEY and ROTATE agree byte for byte with the second implementation (tests/vectors/fuseline). */
#include "tests/protocol/kit.h"

#include <jansson.h>

#include "base/hex.h"
#include "protocol/boot_keys.h"
#include "protocol/counter.h"
#include "protocol/derive.h"
#include "protocol/device.h"
#include "protocol/rekey.h"
#include "protocol/rotate.h"
#include "protocol/session_rsa.h"
#include "tests/protocol/rsa_key.h"

static json_t *root;

static int setup(void **state)
{
    root = json_load_file("tests/vectors/fuseline/keyed.json", 0, NULL);
    return root ? kit_open(state) : -1;
}

static int teardown(void **state)
{
    json_decref(root);
    return kit_close(state);
}

static size_t get(const json_t *o, const char *key, uint8_t *out, size_t max)
{
    long n = hex_decode(json_string_value(json_object_get(o, key)), out, max);
    assert_true(n >= 0);
    return (size_t)n;
}

static uint32_t number(const json_t *o, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(o, key));
}

static void same(const json_t *o, const char *key, const uint8_t *got, size_t len)
{
    uint8_t want[FRAME_MAX];
    assert_int_equal(get(o, key, want, sizeof want), len);
    assert_memory_equal(got, want, len);
}

static struct profile product(uint8_t scheme, uint8_t suite)
{
    return (struct profile){
        .scheme = scheme, .suite = suite, .fleet = (uint16_t)number(root, "fleet"), .sid_len = 2, .ctr_len = 1
    };
}

static void test_frames_down_proof_and_rekey_of_schemes_4_and_5(void **state)
{
    (void)state;
    size_t i, n, len;
    json_t *t;
    uint8_t serial[OTP_SERIAL_LEN], k_root[32], k_gen[32], salt[16], data[FRAME_DATA_MAX], challenge[32], digest[32];
    uint8_t frame[FRAME_MAX], proof[PROOF_LEN];
    get(root, "serial", serial, sizeof serial);
    json_array_foreach(json_object_get(root, "keyed"), i, t)
    {
        struct profile p = product((uint8_t)number(t, "scheme"), SUITE_P256_CCM);
        uint32_t boot = number(t, "boot");
        uint8_t gen = (uint8_t)number(t, "gen");
        struct session s;
        struct rekey k;
        get(t, "root", k_root, sizeof k_root);
        get(t, "salt", salt, sizeof salt);
        memcpy(k_gen, k_root, sizeof k_gen);
        if (p.scheme == 5)
            assert_true(derive_gen(&kit, k_root, gen, salt, k_gen));
        same(t, "k_gen", k_gen, sizeof k_gen);
        assert_int_equal(boot_keys_make(&kit, &p, serial, boot, k_gen, &s), SEALED_OK);
        len = get(t, "data", data, sizeof data);
        assert_int_equal(boot_keys_data(&kit, serial, boot, &s, number(t, "counter"), NULL, data, len, frame, FRAME_MAX, &n),
                         SEALED_OK);
        same(t, "frame", frame, n);
        assert_int_equal(
            session_make_down(&kit, frame_down_form(4), boot_keys_kid(serial), &s, 200, data, len, frame, FRAME_MAX, &n),
            SEALED_OK);
        same(t, "down", frame, n);
        get(t, "challenge", challenge, sizeof challenge);
        get(t, "digest", digest, sizeof digest);
        profile_proof(challenge, digest, proof);
        assert_int_equal(boot_keys_data(&kit, serial, boot, &s, 1, proof, NULL, 0, frame, FRAME_MAX, &n), SEALED_OK);
        same(t, "proof", frame, n);
        n = get(t, "rekey", frame, sizeof frame);
        p.scheme = 5;
        assert_int_equal(rekey_check(&kit, &p, serial, k_root, boot_nvm_loss(boot), gen, frame, n, &k), SEALED_OK);
        assert_int_equal(k.gen, gen + 1);
    }
    assert_int_equal(i, 4);
}

static void test_rotate_with_short_and_long_epochs(void **state)
{
    (void)state;
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(root, "rotate"), i, t)
    {
        const struct profile p = product(2, SUITE_P256_CCM);
        const struct rotate_mark want = { (uint8_t)number(t, "v"), (uint8_t)number(t, "epoch") };
        struct rotate_mark mark;
        uint8_t frame[ROTATE_LEN], ra[P256_LEN], pk[P256_PK_LEN], tbs[ROTATE_TBS_MAX], cose[ROTATE_COSE_MAX];
        assert_int_equal(get(t, "frame", frame, sizeof frame), ROTATE_LEN);
        get(t, "ra", ra, sizeof ra);
        assert_int_equal(rotate_verify(&kit, &p, ra, frame, sizeof frame, &mark, pk), SEALED_OK);
        assert_true(mark.v == want.v && mark.epoch == want.epoch);
        same(t, "tbs", tbs, rotate_sig_structure(&p, mark, frame + 2, tbs));
        same(t, "cose", cose, rotate_cose(SUITE_P256_CCM, frame, cose));
    }
    assert_int_equal(i, 4);
}

static uint8_t given[32];
static bool given_random(void *io, void *out, size_t len)
{
    (void)io;
    assert_int_equal(len, sizeof given);
    memcpy(out, given, len);
    return true;
}

static void test_rsa_opens_and_proof(void **state)
{
    (void)state;
    size_t i;
    json_t *t;
    uint8_t key[SESSION_RSA_KEY_LEN], secret[32], data[FRAME_DATA_MAX], challenge[32], digest[32], frame[FRAME_MAX];
    struct device_side d = { .profile = product(6, SUITE_RSA), .rsa = key, .secret = secret };
    rsa_key_public(key);
    kit.random = given_random;
    json_array_foreach(json_object_get(root, "rsa"), i, t)
    {
        struct device_session s;
        size_t n = 0, len = get(t, "data", data, sizeof data);
        get(t, "secret", secret, sizeof secret);
        get(t, "rng", given, sizeof given);
        get(t, "challenge", challenge, sizeof challenge);
        get(t, "digest", digest, sizeof digest);
        if (json_is_true(json_object_get(t, "proof"))) {
            assert_int_equal(device_session_rsa.proof(&kit, &d, number(t, "boot"), challenge, digest, frame, FRAME_MAX, &n),
                             SEALED_OK);
        } else {
            assert_int_equal(device_session_rsa.open(&kit, &d, number(t, "boot"), data, len, frame, FRAME_MAX, &n, &s),
                             SEALED_OK);
            same(t, "session", (const uint8_t *)&s.keys, sizeof s.keys);
            same(t, "id_digest", s.open.x, sizeof s.open.x);
        }
        same(t, "frame", frame, n);
    }
    assert_int_equal(i, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_down_proof_and_rekey_of_schemes_4_and_5),
        cmocka_unit_test(test_rotate_with_short_and_long_epochs),
        cmocka_unit_test(test_rsa_opens_and_proof),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
