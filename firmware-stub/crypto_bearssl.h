/* firmware-stub/crypto_bearssl.h - the crypto table of protocol/ on the chip: BearSSL 0.6, constant-time variants only.
 * Boundary: protocol/crypto.h above; the random source is the chip's.  Memory: the stack, under 2 KB; no heap, no state.
 * Time: a scalar multiplication is the cost of everything else together (docs/firmware.md, "Figures"). */
#ifndef FIRMWARE_STUB_CRYPTO_BEARSSL_H
#define FIRMWARE_STUB_CRYPTO_BEARSSL_H

#include "protocol/crypto.h"

/* random(io, out, len): false when the source failed its test; the tables hold none. */
typedef bool crypto_random(void *io, void *out, size_t len);

/* One table for each set of primitives that a scheme uses; the others are NULL, and are not linked. */
struct crypto crypto_bearssl_secret(crypto_random *random);         /* SHA-256, HMAC, AES-128-CCM */
struct crypto crypto_bearssl_sealing(crypto_random *random);        /* and P-256 */
struct crypto crypto_bearssl_fleet(crypto_random *random);          /* and ECDSA to verify: for ROTATE */
struct crypto crypto_bearssl_fleet_x25519(crypto_random *random);   /* SHA-256, HMAC, AES-128-CCM, X25519, ECDSA to verify */
struct crypto crypto_bearssl_signing(crypto_random *random);        /* as fleet, and to sign */
struct crypto crypto_bearssl_signing_x25519(crypto_random *random); /* and X25519, in place of P-256's ECDH */
struct crypto crypto_bearssl_rsa(crypto_random *random);            /* SHA-256, HMAC, AES-128-CCM, RSA, points to look at */
struct crypto crypto_bearssl(crypto_random *random);                /* all there is, for the tests */

/* Known answers of the same sets. */
bool crypto_bearssl_test_secret(void);
bool crypto_bearssl_test_sealing(void);
bool crypto_bearssl_test_fleet(void);
bool crypto_bearssl_test_fleet_x25519(void);
bool crypto_bearssl_test_signing(void);
bool crypto_bearssl_test_signing_x25519(void);
bool crypto_bearssl_test_rsa(void);
bool crypto_bearssl_self_test(void); /* all */

/* struct crypto's hmac_sha256; out may be the key. */
bool hmac_bearssl(void *io, const uint8_t *key, size_t key_len, const struct crypto_part *part, size_t n,
                  uint8_t out[SHA256_LEN]);

/* struct crypto's ecdsa_sign and ecdsa_verify; small: by muladd_small. */
bool ecdsa_bearssl_sign(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN]);
bool ecdsa_bearssl_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                          const uint8_t sig[ECDSA_LEN]);
bool ecdsa_bearssl_verify_small(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                                const uint8_t sig[ECDSA_LEN]);

/* P-256 by the 30-bit implementation, for a core whose multiplier takes a constant time (Cortex-M3 and up: UMULL of the M3
 * does not, that of the M4 does; BearSSL, "Constant-Time Mul").  Scalars are big-endian and below n.  Not checked: d = 0.
 *   mul           point = d * point; false: it is not on the curve
 *   mulgen        pk = d * G; small: half as slow again and 1.5 KB less to link
 *   muladd        point = u * point + v * G, for public u and v; false: not on the curve, or infinity comes out
 *   muladd_small  x of the same, by the 31-bit integers: where nothing secret meets P-256, the rest need not be linked */
bool p256_bearssl_mul(uint8_t point[P256_PK_LEN], const uint8_t *d, size_t len);
void p256_bearssl_mulgen(uint8_t pk[P256_PK_LEN], const uint8_t *d, size_t len);
void p256_bearssl_mulgen_small(uint8_t pk[P256_PK_LEN], const uint8_t *d, size_t len);
bool p256_bearssl_muladd(uint8_t point[P256_PK_LEN], const uint8_t u[P256_LEN], const uint8_t v[P256_LEN]);
bool p256_bearssl_muladd_small(const uint8_t pk[P256_PK_LEN], const uint8_t u[P256_LEN], const uint8_t v[P256_LEN],
                               uint8_t x[P256_LEN]);

/* struct crypto's x25519, on the 31-bit integers that ECDSA needs anyway. */
bool x25519_bearssl(void *io, const uint8_t d[X25519_LEN], const uint8_t u[X25519_LEN], uint8_t z[X25519_LEN]);

/* pk = 04 | x | y_even from x alone.  False: x >= p, or no square root.  x is public: time depends on it. */
bool p256_bearssl_decompress(const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN]);

#endif
