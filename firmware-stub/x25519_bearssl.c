/* BearSSL's X25519 without its table of functions, which would link a generator and an order that nobody asks for.
 * By the 31-bit integers: point decompression and ECDSA have most of them, and this core multiplies them in a constant time
 * (crypto_bearssl.h). */
#define br_ec_c25519_i31 x25519_i31_table /* stays behind: nobody names it */
#include <ec/ec_c25519_i31.c>

#include "firmware-stub/crypto_bearssl.h"

bool x25519_bearssl(void *io, const uint8_t d[X25519_LEN], const uint8_t u[X25519_LEN], uint8_t z[X25519_LEN])
{
    uint8_t any = 0;
    (void)io;
    memmove(z, u, X25519_LEN);
    (void)api_mul(z, X25519_LEN, d, X25519_LEN, BR_EC_curve25519);
    for (unsigned i = 0; i < X25519_LEN; i++)
        any |= z[i];
    return any != 0;
}
