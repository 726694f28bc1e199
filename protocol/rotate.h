/* protocol/rotate.h - the rotation authority (RA) gives a fleet its next key:  80|81 epoch1 x32 sig64
 * 80: signed by the RA (v = 0); 81: by the backup RA (v = 1), which revokes the RA for good; only scheme 2 has one.
 * The same 98 bytes serve the whole fleet; anyone may carry them.  They are public, and so is all that is checked here.
 * It stands for a COSE_Sign1 (RFC 9052 4.2): alg ESP256, payload {1: epoch, 2: {1: 2, -1: 1, -2: x, -3: false}} (a COSE_Key
 * with even y; of X25519 {1: 1, -1: 4, -2: x}), external_aad = "fl1 rotate" | v1 | suite1 | fleet2, so that no fleet's
 * ROTATE serves another. Boundary: the crypto table on the device; the RA's HSM signs rotate_digest.  Where it is kept:
 * protocol/rotate_store.h. Source: docs/protocol.md, "ROTATE"; RFC 9052 4.4, RFC 9053 7.1.1. */
#ifndef PROTOCOL_ROTATE_H
#define PROTOCOL_ROTATE_H

#include "protocol/frame.h"
#include "protocol/otp_image.h"
#include "protocol/profile.h"
#include "protocol/sealed.h"

enum {
    ROTATE_LEN = 98,
    ROTATE_TBS_MAX = 80,                      /* Sig_structure */
    ROTATE_COSE_MAX = 1 + 4 + 1 + 2 + 47 + 66 /* COSE_Sign1 */
};

/* A ROTATE's order: v first, then epoch.  (0, initial epoch of the image) is where every device starts. */
struct rotate_mark {
    uint8_t v, epoch;
};
/* a > b? */
bool rotate_after(struct rotate_mark a, struct rotate_mark b);

/* ---- making one ---- */

/* The digest that the RA signs: SHA-256 of the Sig_structure.  x is the new key's name (protocol/kem.h).
 * SEALED_FORM: a scheme that does not rotate, v = 1 outside scheme 2, epoch 0; SEALED_POINT; SEALED_CRYPTO. */
enum sealed_result rotate_digest(const struct crypto *c, const struct profile *p, struct rotate_mark mark,
                                 const uint8_t x[P256_LEN], uint8_t digest[SHA256_LEN]);

void rotate_put(struct rotate_mark mark, const uint8_t x[P256_LEN], const uint8_t sig[ECDSA_LEN], uint8_t frame[ROTATE_LEN]);

/* ---- checking one ---- */

/* Which slot of an image holds the x of the RA (v = 0) or the backup RA (v = 1); NULL: the scheme has none. */
const uint8_t *rotate_ra(const uint8_t image[OTP_IMAGE_LEN], uint8_t v);

/* Is this a ROTATE for the product, signed by the holder of ra_x?  *mark and pk, as the suite's KEM has it, are set on
 * SEALED_OK alone. Says nothing of its age.  SEALED_FORM, SEALED_SIGNATURE, SEALED_POINT (ra_x or x names none),
 * SEALED_CRYPTO. */
enum sealed_result rotate_verify(const struct crypto *c, const struct profile *p, const uint8_t ra_x[P256_LEN],
                                 const uint8_t *bytes, size_t len, struct rotate_mark *mark, uint8_t pk[P256_PK_LEN]);

/* rotate_verify under the image's own RA slots, as a device does it: the RA that signed must be one it has, and v = 0 is
 * refused (SEALED_SIGNATURE) once CELL_RA_REVOKED is burned. */
enum sealed_result rotate_verify_image(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], bool revoked,
                                       const uint8_t *bytes, size_t len, struct rotate_mark *mark, uint8_t pk[P256_PK_LEN]);

/* ---- in full ---- */

/* COSE_Sign1 [h'A10128', {}, payload, sig], untagged; the signature with low s.  bytes: a ROTATE's.  Returns its length. */
size_t rotate_cose(uint8_t suite, const uint8_t bytes[ROTATE_LEN], uint8_t out[ROTATE_COSE_MAX]);

/* The Sig_structure itself: for the check of a second implementation.  Returns its length. */
size_t rotate_sig_structure(const struct profile *p, struct rotate_mark mark, const uint8_t x[P256_LEN],
                            uint8_t out[ROTATE_TBS_MAX]);

#endif
