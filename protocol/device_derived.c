/* Scheme 5: the key in OTP is the root of each generation's key; REKEY begins a generation (protocol/rekey.h). */
#include "protocol/boot_keys.h"
#include "protocol/bytes.h"
#include "protocol/derive.h"
#include "protocol/device.h"
#include "protocol/device_boot.h"

/* d->gen and d->salt stay zero, the initial generation: the firmware sets them from its newest flash record. */
static enum sealed_result init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d)
{
    (void)c;
    return device_boot_load(&device_derived, image, sid_len, ctr_len, d);
}

static enum sealed_result keys(const struct crypto *c, const struct device_side *d, uint32_t boot, struct session *s)
{
    uint8_t K_gen[DERIVE_KEY_LEN];
    enum sealed_result r = SEALED_CRYPTO;
    if (derive_gen(c, d->secret, d->gen, d->salt, K_gen))
        r = boot_keys_make(c, &d->profile, d->serial, boot, K_gen, s);
    bytes_wipe(K_gen, sizeof K_gen);
    return r;
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

const struct device_scheme device_derived = {
    .id = 5,
    .suite = { SUITE_P256_CCM },
    .sid = false,
    .init = init,
    .open = first,
    .proof = proof,
    .data = device_boot_data,
    .down = device_boot_down,
};
