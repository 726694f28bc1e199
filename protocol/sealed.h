/* protocol/sealed.h - scheme 1: the device seals to a server public key that only it was given.
 * OPEN sets up a session and carries the first data; DATA follows; the proof is an OPEN over a station's challenge.
 * Boundary: the crypto table below; the boot number comes from protocol/counter.h, replay is the verifier's.
 * Memory: caller's; nothing kept; no buffer here is larger than a key.  On failure outputs hold no secret and are not to be
 * used. Secrets: sealed_session whole, secret, psk, dh.  The caller wipes them (bytes_wipe).
 * Source: docs/protocol.md, "Scheme 1", "Keys of a session", "Proof". */
#ifndef PROTOCOL_SEALED_H
#define PROTOCOL_SEALED_H

#include "protocol/crypto.h"
#include "protocol/frame.h"
#include "protocol/otp_image.h"

enum {
    SEALED_INFO_LEN = 15, /* "fl1" suite1 scheme1 fleet2 serial8 */
    SEALED_CHALLENGE_LEN = 32,
    SEALED_IV_LEN = CCM_NONCE_LEN
};

/* What both sides must agree on, fixed per product: from the OTP image and the firmware's build on one side, from the
 * registry on the other.  Never from a frame. */
struct profile {
    uint8_t suite, scheme;
    uint16_t fleet;
    bool psk;        /* mode_psk; else mode_base */
    bool compact;    /* serial4 and tag 8 in OPEN */
    uint8_t sid_len; /* 2 or 4 */
    uint8_t ctr_len; /* 1 or 2 */
};

/* Keys of one session; `sid` is public. */
struct sealed_session {
    uint8_t key[CCM_KEY_LEN], iv[SEALED_IV_LEN];
    uint8_t sid[FRAME_SID_LEN];
    uint8_t dkey[CCM_KEY_LEN], div[SEALED_IV_LEN]; /* downlink */
};

/* Stable numbers and names. */
enum sealed_result {
    SEALED_OK,
    SEALED_FORM,   /* the frame's form is not the profile's */
    SEALED_SERIAL, /* another device's serial, or another session's sid */
    SEALED_POINT,  /* x names no point, or pkRm is not the even one */
    SEALED_AUTH,   /* the AEAD refused it */
    SEALED_RANGE,  /* too much data, a counter used up, a boot number of 0 or above 24 bits, no room */
    SEALED_RANDOM, /* the random source failed and there is no secret to stand in */
    SEALED_CRYPTO, /* the crypto table failed */
    SEALED_RESULTS
};
const char *sealed_result_name(enum sealed_result r); /* "sealed-auth"; never NULL */

/* profile of a checked image; sid_len and ctr_len are the build's.  False: not a scheme-1 image, or bad lengths. */
bool profile_from_image(const struct otp_image *image, uint8_t sid_len, uint8_t ctr_len, struct profile *out);

/* ---- device ---- */

struct sealed_device {
    struct profile profile;
    uint8_t serial[OTP_SERIAL_LEN];
    uint8_t pkRm[P256_PK_LEN]; /* 04 | S0 | y_even */
    const uint8_t *secret;     /* S1 (SLOT_LEN), pointing into the image; NULL if it has none */
};

/* From an image that passed otp_image_check; `image` stays in use (secret).  SEALED_FORM, SEALED_POINT. */
enum sealed_result sealed_device_init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len,
                                      uint8_t ctr_len, struct sealed_device *d);

/* OPEN with its first data, under a boot number that was never used (protocol/counter.h); draws one ephemeral key.
 *   data [len]   0..FRAME_DATA_MAX bytes; must not overlap frame
 *   frame [max]  gets the frame, *frame_len its length: 73 (compact 61) for 16 bytes of data
 *   s            the new session; DATA starts with counter 1 */
enum sealed_result sealed_make_open(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                    const uint8_t *data, size_t len, uint8_t *frame, size_t max, size_t *frame_len,
                                    struct sealed_session *s);

/* The proof: an OPEN with empty data, bound to the challenge and to the image as read.  Its boot number is its own: nothing
 * else is ever sent under it, and its session is not kept.
 *   image_digest  otp_image_digest() of the image as the firmware reads it */
enum sealed_result sealed_make_proof(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                     const uint8_t challenge[SEALED_CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                     uint8_t *frame, size_t max, size_t *frame_len);

/* DATA with counter 1.. of this session; each value once.  28..31 bytes for 16 bytes of data.  SEALED_RANGE when the counter
 * no longer fits ctr_len (the all-ones value is used): OPEN again. */
enum sealed_result sealed_make_data(const struct crypto *c, const struct profile *p, const struct sealed_session *s,
                                    uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                    size_t *frame_len);

/* ---- server ---- */

/* The device that a frame claims to be, from the registry. */
struct sealed_peer {
    struct profile profile;
    uint8_t serial[OTP_SERIAL_LEN];
    uint8_t pkRm[P256_PK_LEN]; /* 04 | x | y_even, rebuilt from x (p256_decompress, or p256_even_y of the HSM's point) */
};

/* Before the HSM is asked: the form and serial are the peer's and x is a point.  enc = 04 | x | y_even, for the HSM's ECDH
 * and for sealed_read_open.  SEALED_FORM, SEALED_SERIAL, SEALED_POINT. */
enum sealed_result sealed_check_open(const struct crypto *c, const struct sealed_peer *p, const struct frame *f,
                                     uint8_t enc[P256_PK_LEN]);

/* What the HSM contributed to one OPEN. */
struct sealed_secrets {
    uint8_t dh[P256_LEN];    /* ECDH(skR, enc) */
    uint8_t psk[SHA256_LEN]; /* HMAC(S1, sealed_psk_input); only read when profile.psk */
};

/* The bytes that the HSM MACs under S1 to get psk: "fl1 psk" | x32. */
enum { SEALED_PSK_INPUT_LEN = 39 };
void sealed_psk_input(const uint8_t x[P256_LEN], uint8_t out[SEALED_PSK_INPUT_LEN]);

/* The session of an OPEN that passed sealed_check_open; also how a cold session is remade from its stored OPEN.  Proves
 * nothing yet: only sealed_read_* do.  SEALED_POINT: pkRm or enc has odd y; SEALED_CRYPTO. */
enum sealed_result sealed_session_make(const struct crypto *c, const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN],
                                       const uint8_t enc[P256_PK_LEN], const uint8_t pkRm[P256_PK_LEN],
                                       const struct sealed_secrets *in, struct sealed_session *s);

/* Open the first data.  data has FRAME_DATA_MAX bytes; *len is set.  SEALED_FORM, SEALED_SERIAL, SEALED_AUTH.
 * A proof is never accepted here, nor an OPEN as a proof. */
enum sealed_result sealed_read_open(const struct crypto *c, const struct sealed_peer *p, const struct sealed_session *s,
                                    const struct frame *f, uint8_t data[FRAME_DATA_MAX], size_t *len);

/* Accept a proof over this challenge and this image.  SEALED_FORM also for a proof that carries data. */
enum sealed_result sealed_read_proof(const struct crypto *c, const struct sealed_peer *p, const struct sealed_session *s,
                                     const struct frame *f, const uint8_t challenge[SEALED_CHALLENGE_LEN],
                                     const uint8_t image_digest[SHA256_LEN]);

/* Open DATA of a session (the caller found it by the sid on the air, and tries the newest ones with that prefix).
 * SEALED_FORM, SEALED_SERIAL (the sid is not this session's), SEALED_AUTH. */
enum sealed_result sealed_read_data(const struct crypto *c, const struct profile *p, const struct sealed_session *s,
                                    const struct frame *f, uint8_t data[FRAME_DATA_MAX], size_t *len);

#endif
