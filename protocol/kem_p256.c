#include "protocol/kem.h"
#include "protocol/p256.h"

static bool point(const struct crypto *c, const uint8_t name[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    return c->p256_decompress(c->io, name, pk);
}

static bool encap(const struct crypto *c, const uint8_t skE[P256_LEN], const uint8_t pkRm[P256_PK_LEN],
                  uint8_t enc[P256_PK_LEN], uint8_t dh[P256_LEN])
{
    if (!c->p256_public(c->io, skE, enc) || !c->p256_ecdh(c->io, skE, pkRm, dh))
        return false;
    p256_even_y(enc); /* the x-coordinate of the ECDH is the same for either sign of y */
    return true;
}

const struct kem kem_p256 = { HPKE_P256, P256_PK_LEN, 1, true, point, p256_scalar_ok, encap };
