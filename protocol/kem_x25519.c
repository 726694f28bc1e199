#include <string.h>

#include "protocol/kem.h"

/* Every scalar is a multiple of 8 once it is clamped, so any of them takes a point of small order to zero. */
static bool point(const struct crypto *c, const uint8_t name[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    uint8_t z[X25519_LEN];
    memcpy(pk, name, X25519_LEN);
    return c->x25519(c->io, name, name, z);
}

static bool scalar_ok(const uint8_t skE[P256_LEN])
{
    (void)skE;
    return true;
}

static bool encap(const struct crypto *c, const uint8_t skE[P256_LEN], const uint8_t pkRm[P256_PK_LEN],
                  uint8_t enc[P256_PK_LEN], uint8_t dh[P256_LEN])
{
    static const uint8_t base[X25519_LEN] = { 9 };
    return c->x25519(c->io, skE, base, enc) && c->x25519(c->io, skE, pkRm, dh);
}

const struct kem kem_x25519 = { HPKE_X25519, X25519_LEN, 0, false, point, scalar_ok, encap };
