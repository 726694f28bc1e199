/* Scheme 6, RSA form, the device's side.  The block is padded in the frame's own 512 bytes, and the modular power is done
 * there too: with a back end that keeps its numbers off the stack (firmware-stub/rsa_bearssl.c) the whole OPEN needs less
 * than a kilobyte of it. */
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/counter.h"
#include "protocol/device.h"
#include "protocol/session_rsa.h"

/* device_side.rsa is the key that S0 digests: the firmware holds 516 bytes, OTP vouches for them. */
static enum sealed_result init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d)
{
    uint8_t digest[SHA256_LEN];
    enum sealed_result r = device_load(&device_session_rsa, image, sid_len, ctr_len, d);
    if (r != SEALED_OK)
        return r;
    const struct crypto_part key = { d->rsa, SESSION_RSA_KEY_LEN };
    if (!c->rsa_public || !d->rsa || !c->sha256(c->io, &key, 1, digest))
        return SEALED_CRYPTO;
    return bytes_equal(digest, image + OTP_OFF_SLOT, sizeof digest) ? SEALED_OK : SEALED_POINT;
}

/* ID (i = 0) and the seed of OAEP (i = 1), hedged as every ephemeral is: safe if either the secret slot or the RNG is good.
 * The boot number never repeats, so neither does ID, whatever the RNG does. */
static enum sealed_result draw(const struct crypto *c, const struct device_side *d, uint32_t boot,
                               uint8_t id[SESSION_RSA_ID_LEN], uint8_t seed[OAEP_SEED_LEN])
{
    static const uint8_t no_secret[SLOT_LEN];
    uint8_t rng[32] = { 0 }, b[4], i = 0;
    if (!c->random(c->io, rng, sizeof rng)) {
        if (!d->secret)
            return SEALED_RANDOM;
        bytes_wipe(rng, sizeof rng);
    }
    boot4(boot, b);
    const uint8_t *key = d->secret ? d->secret : no_secret;
    const struct crypto_part part[] = { { "fl1 rid", 7 }, { b, sizeof b }, { &i, 1 }, { rng, sizeof rng } };
    bool ok = c->hmac_sha256(c->io, key, SLOT_LEN, part, 4, id);
    i = 1;
    ok = ok && c->hmac_sha256(c->io, key, SLOT_LEN, part, 4, seed);
    bytes_wipe(rng, sizeof rng);
    return ok ? SEALED_OK : SEALED_CRYPTO;
}

static enum sealed_result make(const struct crypto *c, const struct device_side *d, uint32_t boot, bool proof,
                               const uint8_t *data, size_t len, uint8_t *frame, size_t max, size_t *frame_len,
                               struct device_session *s)
{
    if (boot == 0 || boot > BOOT_MAX || len > FRAME_RSA_DATA_MAX || max < SESSION_RSA_FRAME_LEN)
        return SEALED_RANGE;

    static const uint8_t version = SESSION_RSA_VERSION;
    uint8_t id[SESSION_RSA_ID_LEN], seed[OAEP_SEED_LEN], text[SESSION_RSA_LABEL_MAX], *block = frame + 1;
    const struct crypto_part label = { text, session_rsa_label(&d->profile, proof, text) };
    const struct crypto_part message[] = { { &version, 1 }, { id, sizeof id }, { data, len } };
    enum sealed_result r = draw(c, d, boot, id, seed);
    if (r == SEALED_OK) {
        memset(s, 0, sizeof *s);
        s->open.boot = boot;
        bool ok = session_rsa_keys(c, &d->profile, id, &s->keys, s->open.x) &&
                  oaep_encode(c, &label, 1, seed, message, 3, block) &&
                  c->rsa_public(c->io, d->rsa, d->rsa + RSA_LEN, block, block);
        r = ok ? SEALED_OK : SEALED_CRYPTO;
        frame[0] = frame_open_rsa->hdr;
        *frame_len = SESSION_RSA_FRAME_LEN;
    }
    bytes_wipe(id, sizeof id);
    bytes_wipe(seed, sizeof seed);
    if (r != SEALED_OK) {
        bytes_wipe(frame, SESSION_RSA_FRAME_LEN); /* the block may be padded and not yet encrypted */
        bytes_wipe(s, sizeof *s);
    }
    return r;
}

static enum sealed_result first(const struct crypto *c, const struct device_side *d, uint32_t boot, const uint8_t *data,
                                size_t len, uint8_t *frame, size_t max, size_t *frame_len, struct device_session *s)
{
    return make(c, d, boot, false, data, len, frame, max, frame_len, s);
}

static enum sealed_result proof(const struct crypto *c, const struct device_side *d, uint32_t boot,
                                const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                uint8_t *frame, size_t max, size_t *frame_len)
{
    uint8_t bytes[PROOF_LEN], digest[SHA256_LEN];
    const struct crypto_part part = { bytes, sizeof bytes };
    struct device_session s;
    profile_proof(challenge, image_digest, bytes);
    if (!c->sha256(c->io, &part, 1, digest))
        return SEALED_CRYPTO;
    enum sealed_result r = make(c, d, boot, true, digest, sizeof digest, frame, max, frame_len, &s);
    bytes_wipe(&s, sizeof s);
    return r;
}

const struct device_scheme device_session_rsa = {
    .id = 6,
    .suite = { SUITE_RSA },
    .sid = true,
    .init = init,
    .open = first,
    .proof = proof,
    .data = device_sid_data,
    .down = device_sid_down,
};
