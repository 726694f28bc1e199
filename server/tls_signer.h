/* server/tls_signer.h - a certificate's key that stays in its token: GnuTLS asks for a signature, hsm_sign gives it.
 * Boundary: GnuTLS above (gnutls_privkey_import_ext4), hsm/ below.  P-256 alone; of the signature schemes those with ECDSA
 * and SHA-256 or longer, whose first 32 bytes are signed (FIPS 186-5 s.6.4.1). Threads: none; whoever holds the key's token
 * uses it, so handshakes and the engine of a worker take turns.  A session that died is opened again by hsm/; what fails all
 * the same is kept in `why`: the handshake's own error tells nobody. Memory: the signer outlives the GnuTLS objects that
 * were made of it. */
#ifndef SERVER_TLS_SIGNER_H
#define SERVER_TLS_SIGNER_H

#include <gnutls/abstract.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hsm/hsm.h"

struct tls_signer {
    struct hsm_key *key; /* HSM_TLS */
    bool failed;         /* the token did not sign: why */
    struct err why;
};

/* Both for gnutls_*_deinit; *out is NULL after a failure.  A GnuTLS code below 0: it failed. */
int tls_signer_private(struct tls_signer *s, gnutls_privkey_t *out);
int tls_signer_public(const uint8_t pk[65], gnutls_pubkey_t *out);

/* r32 | s32 as ECDSA-Sig-Value (RFC 3279 s.2.2.3), DER: no zero in front but the one that keeps a number positive.
 * out: gnutls_free. */
int tls_signature_der(const uint8_t rs[64], gnutls_datum_t *out);

#endif
