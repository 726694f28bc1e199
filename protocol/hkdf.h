/* protocol/hkdf.h - HKDF-SHA256 (RFC 5869) over lists of parts.
 * Boundary: the crypto table below.  Secrets: ikm, prk and out are the caller's to wipe; working copies are wiped here. */
#ifndef PROTOCOL_HKDF_H
#define PROTOCOL_HKDF_H

#include "protocol/crypto.h"

enum {
    HKDF_LEN_MAX = 255 * SHA256_LEN, /* bytes, RFC 5869 2.3 */
    HKDF_PARTS = 6                   /* of info, at most */
};

/* prk = HMAC(salt, ikm), ikm being the joined parts.  An empty salt (salt_len 0) stands for 32 zero bytes. */
bool hkdf_extract(const struct crypto *c, const uint8_t *salt, size_t salt_len, const struct crypto_part *ikm, size_t n,
                  uint8_t prk[SHA256_LEN]);

/* out[len] = T(1) | T(2) | ...  False: len > HKDF_LEN_MAX, n > HKDF_PARTS, or the table failed. */
bool hkdf_expand(const struct crypto *c, const uint8_t prk[SHA256_LEN], const struct crypto_part *info, size_t n,
                 uint8_t *out, size_t len);

#endif
