/* firmware-stub/ecdsa_bearssl.h - ECDSA for the chip's crypto table, in a file of its own: only a firmware whose scheme
 * signs or checks a ROTATE names it, and only that one links it.  BearSSL's i31: nonce of RFC 6979, constant time. */
#ifndef FIRMWARE_STUB_ECDSA_BEARSSL_H
#define FIRMWARE_STUB_ECDSA_BEARSSL_H

#include "protocol/crypto.h"

/* As ecdsa_sign and ecdsa_verify of protocol/crypto.h: put where the scheme needs it into the table of crypto_bearssl(). */
bool ecdsa_bearssl_sign(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN]);
bool ecdsa_bearssl_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                          const uint8_t sig[ECDSA_LEN]);

#endif
