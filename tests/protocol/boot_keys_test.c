/* Schemes 4 and 5: the keys of a boot, what opens under them, and what doesn't; REKEY. */
#include "tests/protocol/kit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "protocol/boot_keys.h"
#include "protocol/derive.h"
#include "protocol/device.h"
#include "protocol/hkdf.h"
#include "protocol/peer_boot.h"
#include "protocol/rekey.h"

static const uint8_t TEXT[16] = "sixteen bytes ..";
static const uint8_t CHALLENGE[CHALLENGE_LEN] = { 0xC4 };

struct side {
    uint8_t image[OTP_IMAGE_LEN];
    const struct device_scheme *scheme;
    const struct peer_scheme *server;
    struct device_side d;
    struct peer_side p;
    struct peer_token token;
    uint8_t key[SHA256_LEN]; /* what the token MACs under */
};

static bool token_mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct side *s = io;
    const struct crypto_part part = { in, len };
    return kit.hmac_sha256(kit.io, s->key, sizeof s->key, &part, 1, out);
}

static void side_init(struct side *s, uint8_t scheme)
{
    memset(s, 0, sizeof *s);
    kit_image(scheme, SUITE_P256_CCM, NULL, s->image);
    s->scheme = scheme == 4 ? &device_secret : &device_derived;
    s->server = peer_scheme_of(scheme, SUITE_P256_CCM);
    assert_ptr_equal(s->server, scheme == 4 ? &peer_secret : &peer_derived);
    assert_int_equal(s->scheme->init(&kit, s->image, 2, 1, &s->d), SEALED_OK);
    s->p.profile = s->d.profile;
    memcpy(s->p.serial, KIT_SERIAL, sizeof s->p.serial);
    s->token = (struct peer_token){ .mac = token_mac, .io = s };
    memcpy(s->key, s->d.secret, sizeof s->key);
    if (scheme == 5)
        assert_true(derive_gen(&kit, s->d.secret, 0, s->d.salt, s->key));
}

static size_t make(struct side *s, uint32_t boot, uint8_t *frame, struct device_session *session)
{
    size_t n = 0;
    assert_int_equal(s->scheme->open(&kit, &s->d, boot, TEXT, sizeof TEXT, frame, FRAME_MAX, &n, session), SEALED_OK);
    return n;
}

static enum sealed_result receive(struct side *s, const uint8_t *frame, size_t len, const uint8_t *proof,
                                  struct peer_text *out)
{
    struct peer_session session;
    struct frame f;
    if (frame_parse(frame, len, &f) != FRAME_OK)
        return SEALED_FORM;
    enum sealed_result r = s->server->session(&kit, &s->p, &s->token, &f, &session);
    return r == SEALED_OK ? s->server->open(&kit, &s->p, &session, &f, proof, out) : r;
}

static void test_the_chain_of_two_hmacs_is_hkdf_expand(void **state)
{
    (void)state;
    struct side s;
    struct session keys;
    uint8_t info[] = "fl1 boot\1\4\1\2TEST\0\0\x12\x34\0\x0A\x0B\x0C", okm[BOOT_KEYS_LEN];
    const struct crypto_part part = { info, sizeof info - 1 };
    side_init(&s, 4);
    assert_int_equal(part.len, BOOT_KEYS_INFO_LEN);
    assert_int_equal(boot_keys_make(&kit, &s.d.profile, KIT_SERIAL, 0x0A0B0C, s.d.secret, &keys), SEALED_OK);
    assert_true(hkdf_expand(&kit, s.d.secret, &part, 1, okm, sizeof okm));
    assert_memory_equal(keys.key, okm, 16);
    assert_memory_equal(keys.iv, okm + 16, 13);
    assert_memory_equal(keys.dkey, okm + 29, 16);
    assert_memory_equal(keys.div, okm + 45, 13);
}

static void test_boot_0_and_25_bits_have_no_keys(void **state)
{
    (void)state;
    struct side s;
    struct session keys;
    side_init(&s, 4);
    assert_int_equal(boot_keys_make(&kit, &s.d.profile, KIT_SERIAL, 0, s.d.secret, &keys), SEALED_RANGE);
    assert_int_equal(boot_keys_make(&kit, &s.d.profile, KIT_SERIAL, 0x1000000, s.d.secret, &keys), SEALED_RANGE);
}

static void test_data_goes_up_and_down_in_34_and_30_bytes(void **state)
{
    (void)state;
    for (uint8_t scheme = 4; scheme <= 5; scheme++) {
        struct side s;
        struct device_session session;
        struct peer_session server;
        struct peer_text out;
        struct frame f;
        uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
        size_t n = make((side_init(&s, scheme), &s), 7, frame, &session), len = 0;
        assert_int_equal(n, 34);
        assert_memory_equal(frame, "\x55\0\0\x12\x34\0\0\7\0\1", 10);
        assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_OK);
        assert_int_equal(out.data_len, sizeof TEXT);
        assert_memory_equal(out.data, TEXT, sizeof TEXT);

        assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
        assert_int_equal(s.server->session(&kit, &s.p, &s.token, &f, &server), SEALED_OK);
        assert_int_equal(s.scheme->data(&kit, &s.d, &session, 2, TEXT, sizeof TEXT, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(n, 34);
        assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
        assert_int_equal(s.server->data(&kit, &s.p, &server, &f, &out), SEALED_OK);
        assert_memory_equal(out.data, TEXT, sizeof TEXT);

        assert_int_equal(s.server->down(&kit, &s.p, &server, 1, TEXT, sizeof TEXT, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(n, 30);
        assert_memory_equal(frame, "\x71\0\0\x12\x34\1", 6);
        assert_int_equal(s.scheme->down(&kit, &s.d, &session, frame, n, data, &len), SEALED_OK);
        assert_int_equal(len, sizeof TEXT);
        assert_memory_equal(data, TEXT, len);
        assert_int_equal(s.scheme->down(&kit, &s.d, &session, frame, n, data, &len), SEALED_COUNTER);
    }
}

static void test_the_all_ones_counter_is_used_and_then_a_new_boot(void **state)
{
    (void)state;
    struct side s;
    struct device_session session;
    struct peer_text out;
    uint8_t frame[FRAME_MAX];
    size_t n;
    side_init(&s, 4);
    make(&s, 7, frame, &session);
    assert_int_equal(s.scheme->data(&kit, &s.d, &session, 0xFFFF, TEXT, 1, frame, FRAME_MAX, &n), SEALED_OK);
    assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_OK);
    assert_int_equal(s.scheme->data(&kit, &s.d, &session, 0x10000, TEXT, 1, frame, FRAME_MAX, &n), SEALED_RANGE);
    assert_int_equal(s.scheme->data(&kit, &s.d, &session, 0, TEXT, 1, frame, FRAME_MAX, &n), SEALED_RANGE);
}

static void test_0_to_512_bytes_fit_and_no_more(void **state)
{
    (void)state;
    struct side s;
    struct device_session session;
    struct peer_text out;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX + 1] = { 1 };
    size_t n;
    side_init(&s, 5);
    for (size_t len = 0; len <= FRAME_DATA_MAX; len += 256) {
        assert_int_equal(s.scheme->open(&kit, &s.d, 1, data, len, frame, FRAME_MAX, &n, &session), SEALED_OK);
        assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_OK);
        assert_int_equal(out.data_len, len);
    }
    assert_int_equal(s.scheme->open(&kit, &s.d, 1, data, sizeof data, frame, FRAME_MAX, &n, &session), SEALED_RANGE);
    assert_int_equal(s.scheme->open(&kit, &s.d, 1, data, 16, frame, 33, &n, &session), SEALED_RANGE);
}

static void test_every_bit_flip_and_every_cut_is_refused(void **state)
{
    (void)state;
    for (uint8_t scheme = 4; scheme <= 5; scheme++) {
        struct side s;
        struct device_session session;
        struct peer_text out;
        uint8_t frame[FRAME_MAX];
        size_t n = make((side_init(&s, scheme), &s), 0x010203, frame, &session);
        for (size_t bit = 0; bit < n * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(receive(&s, frame, n, NULL, &out), SEALED_OK);
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t len = 0; len < n; len++)
            assert_int_not_equal(receive(&s, frame, len, NULL, &out), SEALED_OK);
        assert_int_not_equal(receive(&s, frame, n + 1, NULL, &out), SEALED_OK);
        assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_OK);
    }
}

static void test_another_fleet_suite_scheme_serial_or_boot_has_other_keys(void **state)
{
    (void)state;
    struct side s;
    struct device_session session;
    struct peer_text out;
    uint8_t frame[FRAME_MAX];
    size_t n = make((side_init(&s, 4), &s), 7, frame, &session);
    struct side other = s;
    other.token.io = &other;
    other.p.profile.fleet ^= 1;
    assert_int_equal(receive(&other, frame, n, NULL, &out), SEALED_AUTH);
    other.p.profile = s.p.profile;
    other.p.profile.scheme = 5;
    assert_int_equal(receive(&other, frame, n, NULL, &out), SEALED_AUTH);
    other.p.profile = s.p.profile;
    other.p.profile.suite = 2;
    assert_int_equal(receive(&other, frame, n, NULL, &out), SEALED_AUTH);
    other.p.profile = s.p.profile;
    other.p.serial[0] ^= 1; /* not on the air */
    assert_int_equal(receive(&other, frame, n, NULL, &out), SEALED_AUTH);
    other.p.serial[7] ^= 1;
    assert_int_equal(receive(&other, frame, n, NULL, &out), SEALED_SERIAL);
}

static void test_a_session_opens_frames_of_its_own_boot_only(void **state)
{
    (void)state;
    struct side s;
    struct device_session one, two;
    struct peer_session server;
    struct peer_text out;
    struct frame f;
    uint8_t frame[FRAME_MAX];
    side_init(&s, 4);
    assert_int_equal(frame_parse(frame, make(&s, 1, frame, &one), &f), FRAME_OK);
    assert_int_equal(s.server->session(&kit, &s.p, &s.token, &f, &server), SEALED_OK);
    assert_int_equal(server.open.boot, 1);
    assert_int_equal(frame_parse(frame, make(&s, 2, frame, &two), &f), FRAME_OK);
    assert_int_equal(s.server->data(&kit, &s.p, &server, &f, &out), SEALED_SERIAL);
    memset(frame + 5, 0, 3); /* boot 0 does not exist */
    assert_int_equal(s.server->session(&kit, &s.p, &s.token, &f, &server), SEALED_RANGE);
}

static void test_a_proof_is_no_telemetry_and_telemetry_no_proof(void **state)
{
    (void)state;
    for (uint8_t scheme = 4; scheme <= 5; scheme++) {
        struct side s;
        struct device_session session;
        struct peer_text out;
        uint8_t frame[FRAME_MAX], digest[SHA256_LEN], proof[PROOF_LEN];
        size_t n;
        side_init(&s, scheme);
        assert_true(otp_image_digest(&kit, s.image, digest));
        profile_proof(CHALLENGE, digest, proof);
        assert_int_equal(s.scheme->proof(&kit, &s.d, 3, CHALLENGE, digest, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(n, 18);
        assert_int_equal(receive(&s, frame, n, proof, &out), SEALED_OK);
        assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_AUTH);
        proof[20] ^= 1;
        assert_int_equal(receive(&s, frame, n, proof, &out), SEALED_AUTH);
        proof[20] ^= 1;
        assert_int_equal(s.scheme->open(&kit, &s.d, 4, NULL, 0, frame, FRAME_MAX, &n, &session), SEALED_OK);
        assert_int_equal(receive(&s, frame, n, proof, &out), SEALED_AUTH);
        assert_int_equal(s.scheme->data(&kit, &s.d, &session, 2, NULL, 0, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(receive(&s, frame, n, proof, &out), SEALED_FORM); /* a proof has ctr 1 */
    }
}

static void test_an_image_of_another_scheme_is_refused(void **state)
{
    (void)state;
    struct side s;
    side_init(&s, 4);
    assert_int_equal(device_derived.init(&kit, s.image, 2, 1, &s.d), SEALED_FORM);
}

/* ---- scheme 5 ---- */

/* OpenSSL's own SP 800-108 in counter mode. */
static void kbkdf(const uint8_t key[32], const uint8_t *context, size_t len, uint8_t out[32])
{
    char mac[] = "HMAC", digest[] = "SHA256", mode[] = "COUNTER", label[] = "fl1 gen";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    const OSSL_PARAM param[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, label, 7),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)context, len),
        OSSL_PARAM_construct_end(),
    };
    assert_int_equal(EVP_KDF_derive(ctx, out, 32, param), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void test_a_generation_is_sp_800_108_as_openssl_does_it(void **state)
{
    (void)state;
    uint8_t root[32], context[17], want[32], got[32];
    memset(root, 0x5A, sizeof root);
    for (unsigned gen = 0; gen < 256; gen += 51) {
        memset(context, (int)gen, sizeof context);
        kbkdf(root, context, sizeof context, want);
        assert_true(derive_gen(&kit, root, (uint8_t)gen, context + 1, got));
        assert_memory_equal(got, want, sizeof want);
    }
}

static void test_k_root_is_made_of_two_blocks_with_the_serial(void **state)
{
    (void)state;
    uint8_t in[DERIVE_ROOT_INPUT_LEN];
    derive_root_input((const uint8_t *)"TEST0001", in);
    assert_memory_equal(in, "TEST0001fl1root1TEST0001fl1root2", 32);
}

/* As the server: frame, and the MAC that its token makes under K_root. */
static void make_rekey(const struct side *s, uint8_t nvm_loss, uint8_t gen, uint8_t frame[REKEY_LEN])
{
    struct rekey k = { .gen = gen };
    uint8_t input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    const struct crypto_part part = { input, sizeof input };
    memset(k.salt, 0xA0 + gen, sizeof k.salt);
    rekey_head(KIT_SERIAL, &k, frame);
    rekey_input(&s->p.profile, nvm_loss, frame, input);
    assert_true(kit.hmac_sha256(kit.io, s->d.secret, SLOT_LEN, &part, 1, mac));
    rekey_finish(mac, frame);
}

static enum sealed_result take_rekey(const struct side *s, uint8_t nvm_loss, uint8_t gen, const uint8_t *frame, size_t len,
                                     struct rekey *k)
{
    return rekey_check(&kit, &s->d.profile, KIT_SERIAL, s->d.secret, nvm_loss, gen, frame, len, k);
}

static void test_rekey_has_the_documented_bytes(void **state)
{
    (void)state;
    struct side s;
    struct rekey k;
    struct counter_record record = { .boot = 9, .epoch = 4 };
    uint8_t frame[REKEY_LEN], input[REKEY_INPUT_LEN];
    side_init(&s, 5);
    make_rekey(&s, 2, 1, frame);
    assert_memory_equal(frame, "\xC0\0\0\x12\x34\1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1\xA1", 22);
    rekey_input(&s.p.profile, 2, frame, input);
    assert_memory_equal(input, "fl1 rekey\2\1\1\2\xC0\0\0\x12\x34\1", 19);
    assert_int_equal(take_rekey(&s, 2, 0, frame, REKEY_LEN, &k), SEALED_OK);
    rekey_record(&k, &record);
    assert_true(record.gen == 1 && record.salt[15] == 0xA1 && record.boot == 9 && record.epoch == 4);
}

static void test_rekey_replayed_rolled_back_or_of_another_life_is_refused(void **state)
{
    (void)state;
    struct side s, other;
    struct rekey k = { .gen = 0x77 };
    uint8_t frame[REKEY_LEN];
    side_init(&s, 5);
    make_rekey(&s, 0, 3, frame);
    assert_int_equal(take_rekey(&s, 0, 3, frame, REKEY_LEN, &k), SEALED_COUNTER);
    assert_int_equal(take_rekey(&s, 0, 4, frame, REKEY_LEN, &k), SEALED_COUNTER);
    assert_int_equal(take_rekey(&s, 1, 0, frame, REKEY_LEN, &k), SEALED_AUTH); /* the flash was lost since */
    other = s;
    other.d.profile.fleet ^= 1;
    assert_int_equal(take_rekey(&other, 0, 0, frame, REKEY_LEN, &k), SEALED_AUTH);
    other.d.profile = s.d.profile;
    other.d.profile.scheme = 4;
    assert_int_equal(take_rekey(&other, 0, 0, frame, REKEY_LEN, &k), SEALED_FORM);
    make_rekey(&s, 0, 0, frame);
    assert_int_equal(take_rekey(&s, 0, 0, frame, REKEY_LEN, &k), SEALED_COUNTER); /* nobody goes back to the initial one */
    assert_int_equal(k.gen, 0x77);
}

static void test_every_bit_flip_and_cut_of_a_rekey_is_refused(void **state)
{
    (void)state;
    struct side s;
    struct rekey k;
    uint8_t frame[REKEY_LEN + 1] = { 0 };
    side_init(&s, 5);
    make_rekey(&s, 0, 5, frame);
    for (size_t bit = 0; bit < REKEY_LEN * 8; bit++) {
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(take_rekey(&s, 0, 0, frame, REKEY_LEN, &k), SEALED_OK);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len <= REKEY_LEN + 1; len++)
        assert_int_equal(take_rekey(&s, 0, 0, frame, len, &k), len == REKEY_LEN ? SEALED_OK : SEALED_FORM);
}

static void test_after_a_rekey_the_new_generation_opens_and_the_old_does_not(void **state)
{
    (void)state;
    struct side s;
    struct device_session session;
    struct peer_text out;
    uint8_t frame[FRAME_MAX], salt[16];
    side_init(&s, 5);
    memset(salt, 0xA1, sizeof salt);
    s.d.gen = 1;
    memcpy(s.d.salt, salt, sizeof salt);
    size_t n = make(&s, 8, frame, &session);
    assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_AUTH);
    assert_true(derive_gen(&kit, s.d.secret, 1, salt, s.key));
    assert_int_equal(receive(&s, frame, n, NULL, &out), SEALED_OK);
}

static void test_the_server_tries_pending_current_and_initial(void **state)
{
    (void)state;
    struct peer_gens known = { .current = { .gen = 4, .salt = { 4 } },
                               .pending = { .gen = 5, .salt = { 5 } },
                               .nvm_loss = 1 };
    struct peer_gen gen[PEER_GENS_MAX];
    assert_int_equal(peer_boot_gens(&known, gen), 3);
    assert_true(gen[0].gen == 5 && gen[1].gen == 4 && gen[2].gen == 0);
    assert_true(gen[0].salt[0] == 5 && gen[1].salt[0] == 4 && bytes_all(gen[2].salt, 16, 0));
    assert_int_equal(peer_boot_means(&known, 5, boot_number(0, 9)), PEER_BOOT_MOVED);
    assert_int_equal(peer_boot_means(&known, 4, boot_number(0, 9)), PEER_BOOT_DATA);
    assert_int_equal(peer_boot_means(&known, 0, boot_number(2, 1)), PEER_BOOT_LOST);
    assert_int_equal(peer_boot_means(&known, 0, boot_number(1, 9)), PEER_BOOT_ENDED);
    assert_int_equal(peer_boot_means(&known, 3, boot_number(2, 1)), PEER_BOOT_ENDED);
    known = (struct peer_gens){ 0 };
    assert_int_equal(peer_boot_gens(&known, gen), 1);
    assert_int_equal(peer_boot_means(&known, 0, boot_number(3, 1)), PEER_BOOT_DATA); /* nothing but boot numbers was lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_chain_of_two_hmacs_is_hkdf_expand),
        cmocka_unit_test(test_boot_0_and_25_bits_have_no_keys),
        cmocka_unit_test(test_data_goes_up_and_down_in_34_and_30_bytes),
        cmocka_unit_test(test_the_all_ones_counter_is_used_and_then_a_new_boot),
        cmocka_unit_test(test_0_to_512_bytes_fit_and_no_more),
        cmocka_unit_test(test_every_bit_flip_and_every_cut_is_refused),
        cmocka_unit_test(test_another_fleet_suite_scheme_serial_or_boot_has_other_keys),
        cmocka_unit_test(test_a_session_opens_frames_of_its_own_boot_only),
        cmocka_unit_test(test_a_proof_is_no_telemetry_and_telemetry_no_proof),
        cmocka_unit_test(test_an_image_of_another_scheme_is_refused),
        cmocka_unit_test(test_a_generation_is_sp_800_108_as_openssl_does_it),
        cmocka_unit_test(test_k_root_is_made_of_two_blocks_with_the_serial),
        cmocka_unit_test(test_rekey_has_the_documented_bytes),
        cmocka_unit_test(test_rekey_replayed_rolled_back_or_of_another_life_is_refused),
        cmocka_unit_test(test_every_bit_flip_and_cut_of_a_rekey_is_refused),
        cmocka_unit_test(test_after_a_rekey_the_new_generation_opens_and_the_old_does_not),
        cmocka_unit_test(test_the_server_tries_pending_current_and_initial),
    };
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
