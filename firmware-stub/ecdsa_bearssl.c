#include "firmware-stub/ecdsa_bearssl.h"

#include <string.h>

#include <inner.h> /* BearSSL's own: bearssl.h and the curves */

#include "protocol/bytes.h"
#include "protocol/p256.h"

/* BearSSL's ECDSA chooses a curve by number; the two that are never asked for need a name, not their 600 bytes. */
const br_ec_curve_def br_secp384r1, br_secp521r1;

bool ecdsa_bearssl_sign(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN])
{
    uint8_t key[P256_LEN]; /* BearSSL takes it without const */
    const br_ec_private_key sk = { BR_EC_secp256r1, key, sizeof key };
    (void)io;
    if (!p256_scalar_ok(d))
        return false;
    memcpy(key, d, sizeof key);
    bool ok = br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &sk, sig) == ECDSA_LEN;
    bytes_wipe(key, sizeof key);
    return ok;
}

/* BearSSL checks s = 0 and the upper bounds, but lets r = 0 come to its comparison: refused here by itself. */
bool ecdsa_bearssl_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                          const uint8_t sig[ECDSA_LEN])
{
    uint8_t point[P256_PK_LEN];
    const br_ec_public_key q = { BR_EC_secp256r1, point, sizeof point };
    (void)io;
    memcpy(point, pk, sizeof point);
    return pk[0] == 0x04 && p256_scalar_ok(sig) && p256_scalar_ok(sig + P256_LEN) &&
           br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, SHA256_LEN, &q, sig, ECDSA_LEN) != 0;
}
