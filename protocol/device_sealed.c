/* Scheme 1: sealed to a server public key that only this device was given; with a PSK in its secret slot, or without. */
#include "protocol/device_first.h"
#include "protocol/sealing.h"

static bool make_psk(const struct crypto *c, const struct device_side *d, const uint8_t x[P256_LEN], uint8_t psk[SHA256_LEN])
{
    uint8_t input[SEALING_PSK_INPUT_LEN];
    const struct crypto_part part = { input, sizeof input };
    sealing_psk_input(x, input);
    return c->hmac_sha256(c->io, d->secret, SLOT_LEN, &part, 1, psk);
}

static const struct first_plan base = { .forms = frame_open_sealed };
static const struct first_plan with_psk = { .forms = frame_open_sealed, .psk = make_psk };

static const struct first_plan *plan(const struct device_side *d)
{
    return d->profile.psk ? &with_psk : &base;
}

static enum sealed_result init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d)
{
    enum sealed_result r = first_init(&device_sealed, 0, c, image, sid_len, ctr_len, d);
    return r == SEALED_OK && d->profile.psk != (d->secret != NULL) ? SEALED_FORM : r;
}

static enum sealed_result open(const struct crypto *c, const struct device_side *d, uint32_t boot, const uint8_t *data,
                               size_t len, uint8_t *frame, size_t max, size_t *frame_len, struct device_session *s)
{
    return first_open(plan(d), c, d, boot, data, len, frame, max, frame_len, s);
}

static enum sealed_result proof(const struct crypto *c, const struct device_side *d, uint32_t boot,
                                const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                uint8_t *frame, size_t max, size_t *frame_len)
{
    return first_proof(plan(d), c, d, boot, challenge, image_digest, frame, max, frame_len);
}

const struct device_scheme device_sealed = {
    .id = 1,
    .suite = { SUITE_P256_CCM },
    .sid = true,
    .init = init,
    .open = open,
    .proof = proof,
    .data = device_sid_data,
    .down = device_sid_down,
};
