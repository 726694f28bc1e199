/* protocol/device_first.h - the first frame of the HPKE family, for the device's files of those schemes.
 * One builder for all: a scheme says what stands in it, and brings the two things that only some do (psk, signature). */
#ifndef PROTOCOL_DEVICE_FIRST_H
#define PROTOCOL_DEVICE_FIRST_H

#include "protocol/device.h"

enum { FIRST_PREFIX_MAX = OTP_SERIAL_LEN + FRAME_BOOT_LEN + P256_LEN };

struct first_plan {
    const struct frame_form *forms; /* a family of two: whole, compact */
    /* What stands before the data in the sealed text; returns its length.  NULL: nothing. */
    size_t (*prefix)(const struct device_side *d, uint32_t boot, uint8_t out[FIRST_PREFIX_MAX]);
    /* psk of this ephemeral x; NULL: mode_base. */
    bool (*psk)(const struct crypto *c, const struct device_side *d, const uint8_t x[P256_LEN], uint8_t psk[SHA256_LEN]);
    /* Signature over text [len] of this session's frame `counter`; NULL: none. */
    bool (*sign)(const struct crypto *c, const struct device_side *d, const struct session_open *open, uint32_t counter,
                 const struct crypto_part *proof, const uint8_t *text, size_t len, uint8_t sig[FRAME_SIG_LEN]);
};

/* As device_scheme.open; and as device_scheme.proof. */
enum sealed_result first_open(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                              uint32_t boot, const uint8_t *data, size_t len, uint8_t *frame, size_t max, size_t *frame_len,
                              struct device_session *s);
enum sealed_result first_proof(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                               uint32_t boot, const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                               uint8_t *frame, size_t max, size_t *frame_len);

/* As device_scheme.init, where the key to seal to stands in that slot. */
enum sealed_result first_init(const struct device_scheme *scheme, unsigned slot, const struct crypto *c,
                              const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len, struct device_side *d);

/* The serial as the product's frames carry it: whole, or its low 4 bytes. */
size_t first_serial(const struct device_side *d, const uint8_t **serial);

#endif
