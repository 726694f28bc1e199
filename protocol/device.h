/* protocol/device.h - the device's side of every scheme: who it is, and the frames it makes and takes.
 * Boundary: firmware above, one `device_scheme` per scheme below; a firmware names one of them and links that one alone.
 * The boot number comes from protocol/counter.h, and is taken before the call: nothing is made twice under one.
 * Memory: caller's; nothing kept.  `image` stays in use.  On failure outputs hold no secret and are not to be used.
 * Secrets: image, secret, sign_key, the keys of a session; the caller wipes them.
 * Source: docs/protocol.md, "Frames", "OTP image", "Proof". */
#ifndef PROTOCOL_DEVICE_H
#define PROTOCOL_DEVICE_H

#include "protocol/session.h"

/* Who this device is.  What a scheme has not stays zero. */
struct device_side {
    struct profile profile;
    const uint8_t *image;                         /* [OTP_IMAGE_LEN], checked (otp_image_check) */
    const uint8_t *serial;                        /* [OTP_SERIAL_LEN], in image */
    const uint8_t *secret;                        /* the secret slot [SLOT_LEN], in image; NULL if it has none */
    uint8_t epoch;                                /* of pkRm: the image's, or that of the last ROTATE */
    uint8_t pkRm[P256_PK_LEN];                    /* server key, or fleet key of `epoch`, as the suite's KEM has it */
    uint8_t sign_key[P256_LEN], sign_x[P256_LEN]; /* 3, 7, 8: from the seed, y even */
    uint8_t gen, salt[FRAME_SALT_LEN];            /* 5: of K_gen; 0 until the first REKEY */
    const uint8_t *rsa; /* 6, RSA: n512 e4, in the firmware, which sets it after init and checks its digest */
};

/* A session as the device keeps it, from its first frame until its counter is used up or the power goes.  4, 5: a boot. */
struct device_session {
    struct session keys;
    struct session_open open;
    uint32_t down; /* ctr of the last DOWN that was accepted */
};

struct device_scheme {
    uint8_t id, suite[2]; /* that it can speak; a firmware does in one (protocol/kem.h) */
    bool sid;             /* DATA names a session by its sid; else (4, 5) by serial and boot */

    /* From an image that passed otp_image_check.  SEALED_FORM (another scheme's image, lengths that are no form),
     * SEALED_POINT, SEALED_CRYPTO. */
    enum sealed_result (*init)(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len,
                               struct device_side *d);

    /* The first frame with its data, under a boot number that was never used.
     *   data [len]   0..FRAME_DATA_MAX bytes; must not overlap frame
     *   frame [max]  gets the frame, *frame_len its length
     *   s            the new session; the next counter is 1 (4, 5: 2, for the first frame is DATA 1)
     * SEALED_RANGE, SEALED_RANDOM, SEALED_CRYPTO. */
    enum sealed_result (*open)(const struct crypto *c, const struct device_side *d, uint32_t boot, const uint8_t *data,
                               size_t len, uint8_t *frame, size_t max, size_t *frame_len, struct device_session *s);

    /* The proof: a first frame with empty data, bound to the challenge and to the image as read.  Its boot number is its
     * own: nothing else is ever sent under it, and its session is not kept. image_digest  otp_image_digest() of the image as
     * the firmware reads it */
    enum sealed_result (*proof)(const struct crypto *c, const struct device_side *d, uint32_t boot,
                                const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                uint8_t *frame, size_t max, size_t *frame_len);

    /* DATA with a counter of this session; each value once.  SEALED_RANGE when it no longer fits: open again, under the next
     * boot number. */
    enum sealed_result (*data)(const struct crypto *c, const struct device_side *d, const struct device_session *s,
                               uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                               size_t *frame_len);

    /* A DOWN frame of this session; s->down moves up.  data gets *len bytes.  SEALED_FORM (also: no DOWN frame),
     * SEALED_SERIAL, SEALED_COUNTER, SEALED_AUTH. */
    enum sealed_result (*down)(const struct crypto *c, const struct device_side *d, struct device_session *s,
                               const uint8_t *frame, size_t frame_len, uint8_t data[FRAME_DATA_MAX], size_t *len);
};

extern const struct device_scheme device_sealed, device_fleet, device_identity, device_secret, device_derived,
    device_session, device_session_rsa, device_signup;

/* ---- for the files of the schemes ---- */

/* Fill profile, image, serial, secret, epoch from an image of that scheme; the rest of *d is zero.  SEALED_FORM. */
enum sealed_result device_load(const struct device_scheme *scheme, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len,
                               uint8_t ctr_len, struct device_side *d);

/* DOWN of a session that is named by its sid. */
enum sealed_result device_sid_down(const struct crypto *c, const struct device_side *d, struct device_session *s,
                                   const uint8_t *frame, size_t frame_len, uint8_t data[FRAME_DATA_MAX], size_t *len);

/* DATA of such a session, unsigned. */
enum sealed_result device_sid_data(const struct crypto *c, const struct device_side *d, const struct device_session *s,
                                   uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                   size_t *frame_len);

#endif
