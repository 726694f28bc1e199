/* Scheme 4: the key in OTP is the key of all boots. */
#include "protocol/boot_keys.h"
#include "protocol/device.h"
#include "protocol/device_boot.h"

static enum sealed_result init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d)
{
    (void)c;
    return device_boot_load(&device_secret, image, sid_len, ctr_len, d);
}

static enum sealed_result keys(const struct crypto *c, const struct device_side *d, uint32_t boot, struct session *s)
{
    return boot_keys_make(c, &d->profile, d->serial, boot, d->secret, s);
}

static enum sealed_result first(const struct crypto *c, const struct device_side *d, uint32_t boot, const uint8_t *data,
                                size_t len, uint8_t *frame, size_t max, size_t *frame_len, struct device_session *s)
{
    return device_boot_open(c, d, keys, boot, data, len, frame, max, frame_len, s);
}

static enum sealed_result proof(const struct crypto *c, const struct device_side *d, uint32_t boot,
                                const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                uint8_t *frame, size_t max, size_t *frame_len)
{
    return device_boot_proof(c, d, keys, boot, challenge, image_digest, frame, max, frame_len);
}

const struct device_scheme device_secret = {
    .id = 4,
    .suite = { SUITE_P256_CCM },
    .sid = false,
    .init = init,
    .open = first,
    .proof = proof,
    .data = device_boot_data,
    .down = device_boot_down,
};
