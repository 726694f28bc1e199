#include "protocol/device_boot.h"

#include <string.h>

#include "protocol/boot_keys.h"
#include "protocol/bytes.h"

enum { KID_LEN = 4 };

enum sealed_result device_boot_load(const struct device_scheme *scheme, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len,
                                    uint8_t ctr_len, struct device_side *d)
{
    enum sealed_result r = device_load(scheme, image, sid_len, ctr_len, d);
    return r == SEALED_OK && !d->secret ? SEALED_FORM : r;
}

enum sealed_result device_boot_open(const struct crypto *c, const struct device_side *d, device_boot_keys *keys,
                                    uint32_t boot, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                    size_t *frame_len, struct device_session *s)
{
    memset(s, 0, sizeof *s);
    s->open.boot = boot;
    enum sealed_result r = keys(c, d, boot, &s->keys);
    if (r == SEALED_OK)
        r = boot_keys_data(c, d->serial, boot, &s->keys, 1, NULL, data, len, frame, max, frame_len);
    if (r != SEALED_OK)
        bytes_wipe(s, sizeof *s);
    return r;
}

enum sealed_result device_boot_proof(const struct crypto *c, const struct device_side *d, device_boot_keys *keys,
                                     uint32_t boot, const uint8_t challenge[CHALLENGE_LEN],
                                     const uint8_t image_digest[SHA256_LEN], uint8_t *frame, size_t max, size_t *frame_len)
{
    uint8_t proof[PROOF_LEN];
    struct session s;
    profile_proof(challenge, image_digest, proof);
    enum sealed_result r = keys(c, d, boot, &s);
    if (r == SEALED_OK)
        r = boot_keys_data(c, d->serial, boot, &s, 1, proof, NULL, 0, frame, max, frame_len);
    bytes_wipe(&s, sizeof s);
    return r;
}

enum sealed_result device_boot_data(const struct crypto *c, const struct device_side *d, const struct device_session *s,
                                    uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                    size_t *frame_len)
{
    return boot_keys_data(c, d->serial, s->open.boot, &s->keys, counter, NULL, data, len, frame, max, frame_len);
}

enum sealed_result device_boot_down(const struct crypto *c, const struct device_side *d, struct device_session *s,
                                    const uint8_t *frame, size_t frame_len, uint8_t data[FRAME_DATA_MAX], size_t *len)
{
    return session_read_down(c, frame_down_form(KID_LEN), boot_keys_kid(d->serial), &s->keys, &s->down, frame, frame_len,
                             data, len);
}
