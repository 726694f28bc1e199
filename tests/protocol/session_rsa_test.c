/* Scheme 6, RSA form: OAEP, both sides, and what is refused. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the one other implementation at hand is OpenSSL's old one */
#include "tests/protocol/kit.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "protocol/device.h"
#include "protocol/peer.h"
#include "protocol/session_rsa.h"
#include "tests/protocol/rsa_key.h"

static const uint8_t TEXT[16] = "sixteen bytes ..";
static const uint8_t CHALLENGE[CHALLENGE_LEN] = { 0xC4 };

static struct device_side device;
static struct peer_side peer;
static uint8_t image[OTP_IMAGE_LEN], last_em[FRAME_RSA_LEN];
static bool em_given; /* the token answers last_em, whatever it is asked */

/* The token: the private half of the TEST key. */
static bool token_rsa(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN])
{
    (void)io;
    if (!em_given && !rsa_key_private(c, last_em))
        return false;
    memcpy(m, last_em, FRAME_RSA_LEN);
    return true;
}
static const struct peer_token token = { .rsa = token_rsa };

static int setup(void **state)
{
    static uint8_t key[SESSION_RSA_KEY_LEN];
    uint8_t digest[SHA256_LEN];
    const struct crypto_part part = { key, sizeof key };
    if (kit_open(state) != 0)
        return -1;
    rsa_key_public(key);
    assert_true(kit.sha256(kit.io, &part, 1, digest));
    kit_image(6, SUITE_RSA, digest, image);
    device.rsa = key;
    assert_int_equal(device_session_rsa.init(&kit, image, 2, 1, &device), SEALED_OK);
    peer.profile = device.profile;
    assert_ptr_equal(peer_scheme_of(6, SUITE_RSA), &peer_session_rsa);
    return 0;
}

static size_t make(uint32_t boot, const uint8_t *data, size_t len, uint8_t frame[FRAME_MAX], struct device_session *s)
{
    size_t n = 0;
    assert_int_equal(device_session_rsa.open(&kit, &device, boot, data, len, frame, FRAME_MAX, &n, s), SEALED_OK);
    return n;
}

static enum sealed_result receive(const uint8_t *frame, size_t len, const uint8_t *proof, struct peer_session *s,
                                  struct peer_text *out)
{
    struct frame f;
    if (frame_parse(frame, len, &f) != FRAME_OK)
        return SEALED_FORM;
    enum sealed_result r = peer_session_rsa.session(&kit, &peer, &token, &f, s);
    return r == SEALED_OK ? peer_session_rsa.open(&kit, &peer, s, &f, proof, out) : r;
}

/* ---- OAEP ---- */

static const struct crypto_part LABEL = { "label", 5 };

static void put_em(const uint8_t *message, size_t len, uint8_t em[RSA_LEN])
{
    const struct crypto_part part = { message, len };
    uint8_t seed[OAEP_SEED_LEN];
    memset(seed, 0x5E, sizeof seed);
    assert_true(oaep_encode(&kit, &LABEL, 1, seed, &part, 1, em));
}

static void test_what_oaep_encodes_openssl_decodes_and_so_do_we(void **state)
{
    (void)state;
    uint8_t message[OAEP_MESSAGE_MAX], em[RSA_LEN], back[RSA_LEN];
    size_t len = 0;
    memset(message, 0x01, sizeof message); /* its bytes look like the one that ends the padding */
    for (size_t n = 0; n <= OAEP_MESSAGE_MAX; n += n < 3 || n > 442 ? 1 : 20) {
        put_em(message, n, em);
        assert_int_equal(RSA_padding_check_PKCS1_OAEP_mgf1(back, sizeof back, em, RSA_LEN, RSA_LEN, LABEL.data, 5,
                                                           EVP_sha256(), EVP_sha256()),
                         n);
        assert_memory_equal(back, message, n);
        assert_true(oaep_decode(&kit, &LABEL, 1, em, back, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, message, n);
    }
}

static void test_447_bytes_do_not_fit(void **state)
{
    (void)state;
    uint8_t message[OAEP_MESSAGE_MAX + 1] = { 0 }, em[RSA_LEN];
    const struct crypto_part part[] = { { message, 1 }, { message, OAEP_MESSAGE_MAX } }, huge = { message, SIZE_MAX };
    assert_false(oaep_encode(&kit, &LABEL, 1, message, part, 2, em));
    assert_false(oaep_encode(&kit, &LABEL, 1, message, &huge, 1, em));
}

static void test_every_changed_bit_of_em_is_refused_as_by_openssl(void **state)
{
    (void)state;
    uint8_t em[RSA_LEN], back[RSA_LEN];
    size_t len = 0x77;
    put_em(TEXT, sizeof TEXT, em);
    for (size_t bit = 0; bit < RSA_LEN * 8; bit++) {
        em[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool ours = oaep_decode(&kit, &LABEL, 1, em, back, &len);
        int theirs = RSA_padding_check_PKCS1_OAEP_mgf1(back, sizeof back, em, RSA_LEN, RSA_LEN, LABEL.data, 5, EVP_sha256(),
                                                       EVP_sha256());
        assert_int_equal(ours, theirs >= 0);
        assert_true(!ours || bit / 8 >= RSA_LEN - sizeof TEXT); /* the message alone may be another one: OAEP is no MAC */
        em[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* DB by hand, masked as the sender would. */
static void mask_by_hand(uint8_t em[RSA_LEN])
{
    unsigned char mask[RSA_LEN];
    assert_int_equal(PKCS1_MGF1(mask, RSA_LEN - 33, em + 1, 32, EVP_sha256()), 0);
    for (size_t i = 33; i < RSA_LEN; i++)
        em[i] ^= mask[i - 33];
    assert_int_equal(PKCS1_MGF1(mask, 32, em + 33, RSA_LEN - 33, EVP_sha256()), 0);
    for (size_t i = 1; i < 33; i++)
        em[i] ^= mask[i - 1];
}

static void test_each_rule_of_the_padding_counts(void **state)
{
    (void)state;
    enum { RIGHT, Y, HASH, NO_ONE, TWO_FIRST, LAST_HASH_BYTE, RULES };
    uint8_t back[OAEP_MESSAGE_MAX];
    for (int rule = RIGHT; rule < RULES; rule++) {
        uint8_t em[RSA_LEN] = { 0 };
        size_t len = 0x77;
        assert_true(kit.sha256(kit.io, &LABEL, 1, em + 33));
        em[300] = 0x01;
        em[301] = 0xAB;
        em[0] = rule == Y;
        if (rule == HASH)
            em[33] ^= 0x80;
        if (rule == LAST_HASH_BYTE)
            em[64] ^= 0x01;
        if (rule == NO_ONE)
            em[300] = em[301] = 0;
        if (rule == TWO_FIRST)
            em[299] = 0x02;
        mask_by_hand(em);
        assert_int_equal(oaep_decode(&kit, &LABEL, 1, em, back, &len), rule == RIGHT);
        assert_int_equal(len, rule == RIGHT ? RSA_LEN - 301 : 0x77);
    }
}

/* ---- the scheme ---- */

static void test_an_open_is_513_bytes_with_0_to_413_of_data(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX], data[FRAME_RSA_DATA_MAX + 1];
    struct device_session s;
    struct peer_session server;
    struct peer_text out;
    size_t n;
    memset(data, 0xDA, sizeof data);
    for (size_t len = 0; len <= FRAME_RSA_DATA_MAX; len += FRAME_RSA_DATA_MAX) {
        assert_int_equal(make(1, data, len, frame, &s), 513);
        assert_int_equal(frame[0], 0x30);
        assert_int_equal(receive(frame, 513, NULL, &server, &out), SEALED_OK);
        assert_int_equal(out.data_len, len);
        assert_memory_equal(out.data, data, len);
        assert_memory_equal(&server.keys, &s.keys, sizeof s.keys);
        assert_memory_equal(server.open.x, s.open.x, sizeof s.open.x);
        assert_true(bytes_all(&server.ride, sizeof server.ride, 0));
    }
    assert_int_equal(device_session_rsa.open(&kit, &device, 1, data, sizeof data, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
    assert_int_equal(device_session_rsa.open(&kit, &device, 1, data, 1, frame, 512, &n, &s), SEALED_RANGE);
    assert_int_equal(device_session_rsa.open(&kit, &device, 0, data, 1, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
}

static void test_id_seed_and_keys_are_the_documented_ones(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX], in[7 + 4 + 1 + 32] = "fl1 rid\0\x0A\x0B\x0C\0", id[32], name[6 + 32] = "fl1 id", want[32];
    const struct crypto_part part = { in, sizeof in }, name_part = { name, sizeof name };
    struct device_session s;
    kit_rng = 0x42;
    memset(in + 12, 0x42, 32);
    make(0x0A0B0C, TEXT, sizeof TEXT, frame, &s);
    assert_true(kit.hmac_sha256(kit.io, image + OTP_OFF_SLOT + 3 * SLOT_LEN, SLOT_LEN, &part, 1, id));
    memcpy(name + 6, id, sizeof id);
    assert_true(kit.sha256(kit.io, &name_part, 1, want));
    assert_memory_equal(s.open.x, want, sizeof want);
    /* T(1) of HKDF-Expand(ID, "fl1 ses" 10 0102) */
    const struct crypto_part t1 = { "fl1 ses\x10\1\2\1", 11 };
    assert_true(kit.hmac_sha256(kit.io, id, sizeof id, &t1, 1, want));
    assert_memory_equal(s.keys.key, want, 16);
    assert_memory_equal(s.keys.iv, want + 16, 13);
}

static void test_every_open_draws_a_new_id_whatever_the_rng_does(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX];
    struct device_session one, two;
    kit_rng = 0;
    make(1, TEXT, 1, frame, &one);
    kit_rng = 0;
    make(2, TEXT, 1, frame, &two);
    assert_memory_not_equal(one.open.x, two.open.x, 32);
    kit_rng_broken = true; /* the secret slot and the boot number carry it */
    make(3, TEXT, 1, frame, &two);
    struct device_side bare = device;
    size_t n;
    bare.secret = NULL;
    assert_int_equal(device_session_rsa.open(&kit, &bare, 4, TEXT, 1, frame, FRAME_MAX, &n, &two), SEALED_RANDOM);
    assert_true(bytes_all(frame, 513, 0));
    kit_rng_broken = false;
}

static void test_data_and_down_follow_under_the_session(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
    struct device_session s;
    struct peer_session server;
    struct peer_text out;
    struct frame f;
    size_t n = make(5, TEXT, sizeof TEXT, frame, &s), len = 0;
    assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
    assert_int_equal(peer_session_rsa.session(&kit, &peer, &token, &f, &server), SEALED_OK); /* cold: without open */
    assert_int_equal(device_session_rsa.data(&kit, &device, &s, 1, TEXT, sizeof TEXT, frame, FRAME_MAX, &n), SEALED_OK);
    assert_int_equal(n, 28);
    assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
    assert_int_equal(peer_session_rsa.data(&kit, &peer, &server, &f, &out), SEALED_OK);
    assert_memory_equal(out.data, TEXT, sizeof TEXT);
    assert_int_equal(peer_session_rsa.down(&kit, &peer, &server, 1, TEXT, 3, frame, FRAME_MAX, &n), SEALED_OK);
    assert_int_equal(device_session_rsa.down(&kit, &device, &s, frame, n, data, &len), SEALED_OK);
    assert_int_equal(len, 3);
}

static void test_flips_cuts_and_blocks_out_of_range_are_refused(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX] = { 0 };
    struct device_session s;
    struct peer_session server;
    struct peer_text out;
    size_t n = make(6, TEXT, sizeof TEXT, frame, &s);
    for (size_t bit = 3; bit < n * 8; bit += 83) { /* a sample: each costs a private operation */
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum sealed_result r = receive(frame, n, NULL, &server, &out);
        assert_true(r == SEALED_AUTH || (bit < 8 + 8 && r != SEALED_OK)); /* the header; or above the modulus */
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < n; len++)
        assert_int_equal(receive(frame, len, NULL, &server, &out), SEALED_FORM);
    assert_int_equal(receive(frame, n + 1, NULL, &server, &out), SEALED_FORM);
    memset(frame + 1, 0xFF, 512);
    assert_int_equal(receive(frame, n, NULL, &server, &out), SEALED_CRYPTO); /* the token refuses it */
    assert_false(kit.rsa_public(kit.io, device.rsa, device.rsa + RSA_LEN, frame + 1, frame + 1));
}

/* The padded text as an attacker with the public key can make it. */
static enum sealed_result receive_text(const char *label, const uint8_t *text, size_t len, uint8_t y)
{
    static const uint8_t seed[OAEP_SEED_LEN];
    const struct crypto_part l = { label, strlen(label) }, m = { text, len };
    uint8_t frame[513] = { 0x30 };
    struct peer_session server;
    struct peer_text out;
    assert_true(oaep_encode(&kit, &l, 1, seed, &m, 1, last_em));
    last_em[0] = y;
    em_given = true;
    enum sealed_result r = receive(frame, sizeof frame, NULL, &server, &out);
    em_given = false;
    return r;
}

static void test_wrong_label_version_length_and_padding_are_one_answer(void **state)
{
    (void)state;
    uint8_t text[40] = { 0x01 }, other[40] = { 0x02 };
    assert_int_equal(receive_text("fl1 rsa\1\2", text, sizeof text, 0), SEALED_OK);
    assert_int_equal(receive_text("fl1 rsa\1\2", text, 33, 0), SEALED_OK);
    assert_int_equal(receive_text("fl1 rsa\1\3", text, sizeof text, 0), SEALED_AUTH); /* another fleet */
    assert_int_equal(receive_text("fl1 rsb\1\2", text, sizeof text, 0), SEALED_AUTH);
    assert_int_equal(receive_text("fl1 rsa\1\2", other, sizeof other, 0), SEALED_AUTH);
    assert_int_equal(receive_text("fl1 rsa\1\2", text, 32, 0), SEALED_AUTH);
    assert_int_equal(receive_text("fl1 rsa\1\2", text, 0, 0), SEALED_AUTH);
    assert_int_equal(receive_text("fl1 rsa\1\2", text, sizeof text, 1), SEALED_AUTH);
    assert_int_equal(receive_text("fl1 proof\1\2", text, sizeof text, 0), SEALED_AUTH); /* no telemetry */
}

static void test_a_proof_is_no_telemetry_and_telemetry_no_proof(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX], digest[SHA256_LEN], proof[PROOF_LEN];
    struct device_session s;
    struct peer_session server;
    struct peer_text out;
    size_t n;
    assert_true(otp_image_digest(&kit, image, digest));
    profile_proof(CHALLENGE, digest, proof);
    assert_int_equal(device_session_rsa.proof(&kit, &device, 9, CHALLENGE, digest, frame, FRAME_MAX, &n), SEALED_OK);
    assert_int_equal(n, 513);
    assert_int_equal(receive(frame, n, proof, &server, &out), SEALED_OK);
    assert_int_equal(out.data_len, 0);
    assert_int_equal(receive(frame, n, NULL, &server, &out), SEALED_AUTH);
    proof[9] ^= 1;
    assert_int_equal(receive(frame, n, proof, &server, &out), SEALED_AUTH);
    proof[9] ^= 1;
    n = make(10, digest, sizeof digest, frame, &s);
    assert_int_equal(receive(frame, n, proof, &server, &out), SEALED_AUTH);
}

static void test_a_key_that_otp_does_not_vouch_for_is_refused(void **state)
{
    (void)state;
    struct device_side d = { .rsa = device.rsa };
    uint8_t key[SESSION_RSA_KEY_LEN];
    memcpy(key, device.rsa, sizeof key);
    key[SESSION_RSA_KEY_LEN - 1] ^= 2;
    d.rsa = key;
    assert_int_equal(device_session_rsa.init(&kit, image, 2, 1, &d), SEALED_POINT);
    d.rsa = NULL;
    assert_int_equal(device_session_rsa.init(&kit, image, 2, 1, &d), SEALED_CRYPTO);
    assert_int_equal(device_session_rsa.init(&kit, image, 3, 1, &d), SEALED_FORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_oaep_encodes_openssl_decodes_and_so_do_we),
        cmocka_unit_test(test_447_bytes_do_not_fit),
        cmocka_unit_test(test_every_changed_bit_of_em_is_refused_as_by_openssl),
        cmocka_unit_test(test_each_rule_of_the_padding_counts),
        cmocka_unit_test(test_an_open_is_513_bytes_with_0_to_413_of_data),
        cmocka_unit_test(test_id_seed_and_keys_are_the_documented_ones),
        cmocka_unit_test(test_every_open_draws_a_new_id_whatever_the_rng_does),
        cmocka_unit_test(test_data_and_down_follow_under_the_session),
        cmocka_unit_test(test_flips_cuts_and_blocks_out_of_range_are_refused),
        cmocka_unit_test(test_wrong_label_version_length_and_padding_are_one_answer),
        cmocka_unit_test(test_a_proof_is_no_telemetry_and_telemetry_no_proof),
        cmocka_unit_test(test_a_key_that_otp_does_not_vouch_for_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, kit_close);
}
