/* Scheme 2: sealed to the fleet key of an epoch; who sent it stands inside. */
#include "protocol/device_first.h"

#include <string.h>

static size_t prefix(const struct device_side *d, uint32_t boot, uint8_t *out)
{
    const uint8_t *serial;
    size_t n = first_serial(d, &serial);
    (void)boot;
    memcpy(out, serial, n);
    return n;
}

static const struct first_plan plan = { .forms = frame_open_fleet, .prefix = prefix };

static enum sealed_result init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d)
{
    return first_init(&device_fleet, 0, c, image, sid_len, ctr_len, d);
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

const struct device_scheme device_fleet = {
    .id = 2,
    .suite = { SUITE_P256_CCM, SUITE_X25519_CCM },
    .sid = true,
    .init = init,
    .open = open,
    .proof = proof,
    .data = device_sid_data,
    .down = device_sid_down,
};
