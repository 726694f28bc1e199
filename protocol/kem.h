/* protocol/kem.h - how the key that frames are sealed to looks in a suite, and how one seals to it: a row per KEM of HPKE.
 * A public key has a 32-byte name, which is what OTP, frames, ROTATE and the registry hold: x of a P-256 point (the one with
 * even y), or u of X25519, which is the key itself.  pk is the key as the KEM serialises it: 04 | x | y_even, or u.
 * Boundary: the crypto table below.  A firmware links the row of its own product alone, the host both.
 * Signatures are P-256 in every suite, and no business of this table.
 * Memory: caller's; nothing kept.  Secrets: skE, dh.  Source: docs/protocol.md, "Primitives"; RFC 9180 4.1, 7.1. */
#ifndef PROTOCOL_KEM_H
#define PROTOCOL_KEM_H

#include "protocol/hpke.h"

struct kem {
    enum hpke_kem id;
    uint8_t pk_len; /* bytes of pk and of enc */
    uint8_t name;   /* where in pk its name stands */
    bool even_y;    /* pk's last byte is even, or it is not the one that the name means */

    /* pk from its name.  False: x of no point; u of small order, to which every ECDH is zero (RFC 7748 6.1). */
    bool (*point)(const struct crypto *c, const uint8_t name[P256_LEN], uint8_t pk[P256_PK_LEN]);

    /* Is skE a private key?  Of X25519 every 32 bytes are. */
    bool (*scalar_ok)(const uint8_t skE[P256_LEN]);

    /* enc: the public key of skE; dh: what both sides agree on. */
    bool (*encap)(const struct crypto *c, const uint8_t skE[P256_LEN], const uint8_t pkRm[P256_PK_LEN],
                  uint8_t enc[P256_PK_LEN], uint8_t dh[P256_LEN]);
};

extern const struct kem kem_p256, kem_x25519;

/* The row of an enum suite.  On the host (kem.c) never NULL: whatever is not X25519 is P-256.  A firmware brings a kem_of of
 * its own (firmware-stub/identity.c), its product's row whatever the suite: it refuses images of any other before. */
const struct kem *kem_of(uint8_t suite);

#endif
