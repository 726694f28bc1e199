/* firmware-stub/rsa_bearssl.h - RSA-4096's public operation on BearSSL's i31 integers, for a stack of 4 KB.
 * br_rsa_i31_public keeps 2160 bytes on the stack and leaves them there.  Here they are static, and wiped.
 * Not in crypto_bearssl()'s table: the firmware of scheme 6's RSA form puts it there, the others do not link it.
 * Source: BearSSL 0.6, src/rsa/rsa_i31_pub.c. */
#ifndef FIRMWARE_STUB_RSA_BEARSSL_H
#define FIRMWARE_STUB_RSA_BEARSSL_H

#include "protocol/crypto.h"

/* struct crypto's rsa_public. */
bool rsa_bearssl_public(void *io, const uint8_t n[RSA_LEN], const uint8_t e[4], const uint8_t in[RSA_LEN],
                        uint8_t out[RSA_LEN]);

#endif
