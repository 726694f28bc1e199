/* protocol/device_signed.h - what the device's files of schemes 3 and 8 (and 7) share: first frames that name their sender
 * inside, and are signed; DATA that is signed too where the profile says so. */
#ifndef PROTOCOL_DEVICE_SIGNED_H
#define PROTOCOL_DEVICE_SIGNED_H

#include "protocol/device_first.h"

/* As first_init, and the key from the seed in the secret slot. */
enum sealed_result signed_init(const struct device_scheme *scheme, unsigned slot, const struct crypto *c,
                               const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len, struct device_side *d);

/* serial boot3, at out; returns the length. */
size_t signed_prefix(const struct device_side *d, uint32_t boot, uint8_t *out);

/* As first_plan.sign, for the family's forms. */
bool signed_sign(const struct frame_form forms[2], const struct crypto *c, const struct device_side *d,
                 const struct session_open *open, uint32_t counter, const struct crypto_part *proof, const uint8_t *text,
                 size_t len, uint8_t sig[FRAME_SIG_LEN]);

/* As device_scheme.data. */
enum sealed_result signed_data(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                               const struct device_session *s, uint32_t counter, const uint8_t *data, size_t len,
                               uint8_t *frame, size_t max, size_t *frame_len);

#endif
