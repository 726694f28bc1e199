/* hsm/x25519_host.h - X25519 on the host, by OpenSSL: the crypto table's x25519 (protocol/crypto.h). */
#ifndef HSM_X25519_HOST_H
#define HSM_X25519_HOST_H

#include "protocol/crypto.h"

/* As struct crypto's x25519; io is not looked at. */
bool x25519_host(void *io, const uint8_t d[X25519_LEN], const uint8_t u[X25519_LEN], uint8_t z[X25519_LEN]);

#endif
