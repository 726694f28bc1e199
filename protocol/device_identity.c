/* Scheme 3: sealed to the fleet key, and signed with a key that only the device has. */
#include "protocol/device_signed.h"

static bool sign(const struct crypto *c, const struct device_side *d, const struct session_open *open, uint32_t counter,
                 const struct crypto_part *proof, const uint8_t *text, size_t len, uint8_t sig[FRAME_SIG_LEN])
{
    return signed_sign(frame_open_identity, c, d, open, counter, proof, text, len, sig);
}

static const struct first_plan plan = { .forms = frame_open_identity, .prefix = signed_prefix, .sign = sign };

static enum sealed_result init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d)
{
    return signed_init(&device_identity, 0, c, image, sid_len, ctr_len, d);
}

static enum sealed_result open(const struct crypto *c, const struct device_side *d, uint32_t boot, const uint8_t *data,
                               size_t len, uint8_t *frame, size_t max, size_t *frame_len, struct device_session *s)
{
    return first_open(&plan, c, d, boot, data, len, frame, max, frame_len, s);
}

static enum sealed_result proof(const struct crypto *c, const struct device_side *d, uint32_t boot,
                                const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                uint8_t *frame, size_t max, size_t *frame_len)
{
    return first_proof(&plan, c, d, boot, challenge, image_digest, frame, max, frame_len);
}

static enum sealed_result data(const struct crypto *c, const struct device_side *d, const struct device_session *s,
                               uint32_t counter, const uint8_t *bytes, size_t len, uint8_t *frame, size_t max,
                               size_t *frame_len)
{
    return signed_data(&plan, c, d, s, counter, bytes, len, frame, max, frame_len);
}

const struct device_scheme device_identity = {
    .id = 3,
    .suite = { SUITE_P256_CCM, SUITE_X25519_CCM },
    .sid = true,
    .init = init,
    .open = open,
    .proof = proof,
    .data = data,
    .down = device_sid_down,
};
