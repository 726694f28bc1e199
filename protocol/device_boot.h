/* protocol/device_boot.h - what the device files of schemes 4 and 5 share: all but how the keys of a boot are made.
 * Boundary: protocol/boot_keys.h below; contracts are those of struct device_scheme (protocol/device.h). */
#ifndef PROTOCOL_DEVICE_BOOT_H
#define PROTOCOL_DEVICE_BOOT_H

#include "protocol/device.h"

/* The keys of a boot of this device.  SEALED_RANGE, SEALED_CRYPTO. */
typedef enum sealed_result device_boot_keys(const struct crypto *c, const struct device_side *d, uint32_t boot,
                                            struct session *s);

/* device_load, and the secret is there. */
enum sealed_result device_boot_load(const struct device_scheme *scheme, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len,
                                    uint8_t ctr_len, struct device_side *d);

enum sealed_result device_boot_open(const struct crypto *c, const struct device_side *d, device_boot_keys *keys,
                                    uint32_t boot, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                    size_t *frame_len, struct device_session *s);

enum sealed_result device_boot_proof(const struct crypto *c, const struct device_side *d, device_boot_keys *keys,
                                     uint32_t boot, const uint8_t challenge[CHALLENGE_LEN],
                                     const uint8_t image_digest[SHA256_LEN], uint8_t *frame, size_t max, size_t *frame_len);

enum sealed_result device_boot_data(const struct crypto *c, const struct device_side *d, const struct device_session *s,
                                    uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                    size_t *frame_len);

enum sealed_result device_boot_down(const struct crypto *c, const struct device_side *d, struct device_session *s,
                                    const uint8_t *frame, size_t frame_len, uint8_t data[FRAME_DATA_MAX], size_t *len);

#endif
