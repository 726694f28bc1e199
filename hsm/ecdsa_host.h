/* hsm/ecdsa_host.h - ECDSA over P-256 for the host's crypto table: RFC 6979 where OpenSSL 3.0 has random nonces only.
 * Used by senders in tests and by whoever checks a device's signature; the HSM signs with its own nonce (hsm.h). */
#ifndef HSM_ECDSA_HOST_H
#define HSM_ECDSA_HOST_H

#include <openssl/ec.h>

#include "protocol/crypto.h"

/* As ecdsa_sign and ecdsa_verify of protocol/crypto.h; c brings hmac_sha256. */
bool ecdsa_host_sign(const struct crypto *c, const EC_GROUP *group, const uint8_t d[P256_LEN],
                     const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN]);
bool ecdsa_host_verify(const EC_GROUP *group, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                       const uint8_t sig[ECDSA_LEN]);

#endif
