/* tests/protocol/device.h - a device and its server for tests: an OTP image, both keys, a random source of known bytes. */
#ifndef TESTS_PROTOCOL_DEVICE_H
#define TESTS_PROTOCOL_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hsm/hpke_host.h"
#include "protocol/device.h"
#include "protocol/p256.h"
#include "protocol/peer.h"

struct rig {
    struct crypto c; /* OpenSSL, but random and a fault on demand are ours */
    struct crypto real;
    struct hpke_host *host;
    uint8_t rng; /* every random byte; +1 after each call */
    bool rng_broken;
    long fail_after; /* calls of the table until one fails; < 0: never */
    uint8_t skR[P256_LEN], secret[SLOT_LEN];
    uint8_t image[OTP_IMAGE_LEN];
    struct device_side device;
    struct peer_side peer;
};

static inline bool rig_fails(struct rig *r)
{
    return r->fail_after >= 0 && r->fail_after-- == 0;
}

static bool rig_sha256(void *io, const struct crypto_part *part, size_t n, uint8_t out[SHA256_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.sha256(r->real.io, part, n, out);
}

static bool rig_hmac(void *io, const uint8_t *key, size_t key_len, const struct crypto_part *part, size_t n,
                     uint8_t out[SHA256_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.hmac_sha256(r->real.io, key, key_len, part, n, out);
}

static bool rig_seal(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.ccm_seal(r->real.io, m, in, len, out);
}

static bool rig_open(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.ccm_open(r->real.io, m, in, len, out);
}

static bool rig_decompress(void *io, const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.p256_decompress(r->real.io, x, pk);
}

static bool rig_public(void *io, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.p256_public(r->real.io, d, pk);
}

static bool rig_ecdh(void *io, const uint8_t d[P256_LEN], const uint8_t pk[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.p256_ecdh(r->real.io, d, pk, z);
}

static bool rig_x25519(void *io, const uint8_t d[X25519_LEN], const uint8_t u[X25519_LEN], uint8_t z[X25519_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.x25519(r->real.io, d, u, z);
}

static bool rig_sign(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.ecdsa_sign(r->real.io, d, digest, sig);
}

static bool rig_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                       const uint8_t sig[ECDSA_LEN])
{
    struct rig *r = io;
    return !rig_fails(r) && r->real.ecdsa_verify(r->real.io, pk, digest, sig);
}

static bool rig_random(void *io, void *out, size_t len)
{
    struct rig *r = io;
    memset(out, r->rng++, len);
    return !r->rng_broken;
}

/* The fields of a scheme-1 image under test. */
static inline struct otp_image rig_fields(const struct rig *r, bool psk, bool compact)
{
    struct otp_image in = { .scheme = 1,
                            .suite = SUITE_P256_CCM,
                            .serial = { 'T', 'E', 'S', 'T', 0x00, 0x00, 0x12, 0x34 },
                            .fleet = 0x0102,
                            .model = 0x0304,
                            .day = 2516,
                            .station = 3,
                            .policy = POLICY_NVM_REQUIRED };
    if (!compact)
        in.policy |= POLICY_TAG16;
    memset(in.slot, 0xFF, sizeof in.slot);
    memcpy(in.slot[0], r->peer.pkRm + 1, SLOT_LEN);
    if (psk) {
        in.policy |= POLICY_PSK;
        memcpy(in.slot[1], r->secret, SLOT_LEN);
    }
    return in;
}

static inline void rig_open_host(struct rig *r)
{
    memset(r, 0, sizeof *r);
    r->fail_after = -1;
    r->host = hpke_host_open(&r->real);
    assert_non_null(r->host);
    r->c = (struct crypto){ .sha256 = rig_sha256,
                            .hmac_sha256 = rig_hmac,
                            .ccm_seal = rig_seal,
                            .ccm_open = rig_open,
                            .p256_decompress = rig_decompress,
                            .p256_public = rig_public,
                            .p256_ecdh = rig_ecdh,
                            .x25519 = rig_x25519,
                            .ecdsa_sign = rig_sign,
                            .ecdsa_verify = rig_verify,
                            .random = rig_random,
                            .io = r };
    memset(r->skR, 0x11, sizeof r->skR);
    memset(r->secret, 0x22, sizeof r->secret);
    assert_true(r->c.p256_public(r, r->skR, r->peer.pkRm));
    p256_even_y(r->peer.pkRm);
}

static inline void rig_init(struct rig *r, bool psk, bool compact, uint8_t sid_len, uint8_t ctr_len)
{
    rig_open_host(r);
    struct otp_image in = rig_fields(r, psk, compact);
    assert_int_equal(otp_image_encode(&r->c, &in, r->image), OTP_OK);
    assert_int_equal(otp_image_check(&r->c, r->image, false, NULL), OTP_OK);
    assert_int_equal(device_sealed.init(&r->c, r->image, sid_len, ctr_len, &r->device), SEALED_OK);
    r->peer.profile = r->device.profile;
    memcpy(r->peer.serial, in.serial, sizeof in.serial);
}

static inline void rig_fini(struct rig *r)
{
    hpke_host_close(r->host);
}

/* What the HSM does for the server. */
static bool rig_token_ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct rig *r = io;
    return r->peer.profile.suite == SUITE_X25519_CCM ? r->c.x25519(r, r->skR, enc, z) : r->c.p256_ecdh(r, r->skR, enc, z);
}

static bool rig_token_mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    struct rig *r = io;
    const struct crypto_part part = { in, len };
    return r->c.hmac_sha256(r, r->secret, SLOT_LEN, &part, 1, out);
}

static inline enum sealed_result rig_session(struct rig *r, const struct frame *f, struct peer_session *s)
{
    const struct peer_token token = { .ecdh = rig_token_ecdh, .mac = rig_token_mac, .io = r };
    return peer_sealed.session(&r->c, &r->peer, &token, f, s);
}

static inline enum sealed_result rig_taken(enum sealed_result result, const struct peer_text *text,
                                           uint8_t data[FRAME_DATA_MAX], size_t *data_len)
{
    if (result == SEALED_OK) {
        *data_len = text->data_len;
        memcpy(data, text->data, text->data_len);
    }
    return result;
}

static inline enum sealed_result rig_read_open(struct rig *r, struct peer_session *s, const struct frame *f,
                                               uint8_t data[FRAME_DATA_MAX], size_t *data_len)
{
    struct peer_text text;
    return rig_taken(peer_sealed.open(&r->c, &r->peer, s, f, NULL, &text), &text, data, data_len);
}

static inline enum sealed_result rig_read_proof(struct rig *r, struct peer_session *s, const struct frame *f,
                                                const uint8_t challenge[CHALLENGE_LEN], const uint8_t digest[SHA256_LEN])
{
    struct peer_text text;
    uint8_t proof[PROOF_LEN];
    profile_proof(challenge, digest, proof);
    return peer_sealed.open(&r->c, &r->peer, s, f, proof, &text);
}

static inline enum sealed_result rig_read_data(struct rig *r, const struct session *keys, const struct frame *f,
                                               uint8_t data[FRAME_DATA_MAX], size_t *data_len)
{
    const struct peer_session s = { .keys = *keys };
    struct peer_text text;
    return rig_taken(peer_sealed.data(&r->c, &r->peer, &s, f, &text), &text, data, data_len);
}

/* A first frame as it came off the air, to its data. */
static inline bool rig_receive_open(struct rig *r, const uint8_t *bytes, size_t len, struct peer_session *s,
                                    uint8_t data[FRAME_DATA_MAX], size_t *data_len)
{
    struct frame f;
    return frame_parse(bytes, len, &f) == FRAME_OK && rig_session(r, &f, s) == SEALED_OK &&
           rig_read_open(r, s, &f, data, data_len) == SEALED_OK;
}

static inline bool rig_receive_data(struct rig *r, const struct session *keys, const uint8_t *bytes, size_t len,
                                    uint8_t data[FRAME_DATA_MAX], size_t *data_len)
{
    struct frame f;
    return frame_parse(bytes, len, &f) == FRAME_OK && rig_read_data(r, keys, &f, data, data_len) == SEALED_OK;
}

#endif
