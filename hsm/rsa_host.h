/* hsm/rsa_host.h - RSA-4096's public operation on the host, for the crypto table (hsm/hpke_host.c).
 * Only tests and tools encrypt on a host; the private half stays in the HSM. */
#ifndef HSM_RSA_HOST_H
#define HSM_RSA_HOST_H

#include "protocol/crypto.h"

/* struct crypto's rsa_public; io is not used. */
bool rsa_host_public(void *io, const uint8_t n[RSA_LEN], const uint8_t e[4], const uint8_t in[RSA_LEN],
                     uint8_t out[RSA_LEN]);

#endif
