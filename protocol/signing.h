/* protocol/signing.h - schemes 3, 7, 8: what a device signs, and with which key.  Sign, then encrypt.
 * Sig_structure (RFC 9052 4.4) with external_aad H, H = SHA-256(info | pkRm | OPEN bytes through x | boot4 | ctr5): a
 * signature is good for one frame of one session to one key.  A proof's bytes follow H, so that it is never good as
 * telemetry. Boundary: ecdsa_sign and ecdsa_verify of the crypto table below.  Signatures are r | s, s as it comes. Secrets:
 * d.  Source: docs/protocol.md, "Signatures". */
#ifndef PROTOCOL_SIGNING_H
#define PROTOCOL_SIGNING_H

#include "protocol/session.h"

/* The session that a signature belongs to. */
struct signing {
    const struct profile *profile;
    const struct frame_form *form; /* of its OPEN */
    const uint8_t *pkRm;           /* as the suite's KEM has it, of the epoch of its OPEN */
    const struct session_open *open;
};

/* The device's key from its seed: d = HMAC(secret, "fl1 sig" | i1), i = 0, 1, .. until a scalar; negated where y is odd.
 * x names it.  False: the table failed. */
bool signing_key(const struct crypto *c, const uint8_t secret[SLOT_LEN], uint8_t d[P256_LEN], uint8_t x[P256_LEN]);

/* H, for those who show a signed frame as COSE. */
bool signing_external(const struct crypto *c, const struct signing *s, uint32_t counter, uint8_t h[SHA256_LEN]);

/* Signature over text of the frame with that counter (0: OPEN).  extra: a proof's bytes; NULL: none.  False: the table has
 * no ecdsa_sign, or failed. */
bool signing_make(const struct crypto *c, const struct signing *s, uint32_t counter, const struct crypto_part *extra,
                  const uint8_t *text, size_t len, const uint8_t d[P256_LEN], uint8_t sig[FRAME_SIG_LEN]);

/* SEALED_OK, SEALED_POINT (x), SEALED_SIGNATURE, SEALED_CRYPTO. */
enum sealed_result signing_check(const struct crypto *c, const struct signing *s, uint32_t counter,
                                 const struct crypto_part *extra, const uint8_t *text, size_t len, const uint8_t x[P256_LEN],
                                 const uint8_t sig[FRAME_SIG_LEN]);

#endif
