/* BearSSL's P-256 with its inner functions in reach: its own way in is a table of functions that links all of them, and its
 * mulgen alone is 1.5 KB, which a scheme that does not sign can do without. */
#define br_ec_p256_m31 p256_m31_table /* stays behind: nobody names it */
#include <ec/ec_p256_m31.c>

#include "firmware-stub/crypto_bearssl.h"

bool p256_bearssl_mul(uint8_t point[P256_PK_LEN], const uint8_t *d, size_t len)
{
    return api_mul(point, P256_PK_LEN, d, len, BR_EC_secp256r1) != 0;
}

void p256_bearssl_mulgen(uint8_t pk[P256_PK_LEN], const uint8_t *d, size_t len)
{
    (void)api_mulgen(pk, d, len, BR_EC_secp256r1);
}

void p256_bearssl_mulgen_small(uint8_t pk[P256_PK_LEN], const uint8_t *d, size_t len)
{
    memcpy(pk, P256_G, P256_PK_LEN);
    (void)api_mul(pk, P256_PK_LEN, d, len, BR_EC_secp256r1);
}

/* As api_muladd, by the general multiplication for both. */
bool p256_bearssl_muladd(uint8_t point[P256_PK_LEN], const uint8_t u[P256_LEN], const uint8_t v[P256_LEN])
{
    p256_jacobian p, q;
    uint32_t zero = 0;
    bool ok = p256_decode(&p, point, P256_PK_LEN) != 0 && p256_decode(&q, P256_G, P256_PK_LEN) != 0;
    if (!ok)
        return false;
    p256_mul(&p, u, P256_LEN);
    p256_mul(&q, v, P256_LEN);
    uint32_t differ = p256_add(&p, &q); /* 0: the same point twice, which this addition can't do */
    reduce_final_f256(p.z);
    for (unsigned i = 0; i < sizeof p.z / sizeof *p.z; i++)
        zero |= p.z[i];
    if (zero == 0 && differ != 0)
        return false; /* infinity */
    if (zero == 0) {
        p256_double(&q);
        p = q;
    }
    p256_to_affine(&p);
    p256_encode(point, &p);
    return true;
}
