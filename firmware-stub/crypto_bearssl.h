/* firmware-stub/crypto_bearssl.h - the crypto table of protocol/ on the chip: BearSSL 0.6, constant-time variants only.
 * Boundary: protocol/crypto.h above; the random source is the chip's.  Memory: the stack, under 2 KB; no heap, no state.
 * Time: a scalar multiplication is the cost of everything else together (docs/firmware.md, "Figures"). */
#ifndef FIRMWARE_STUB_CRYPTO_BEARSSL_H
#define FIRMWARE_STUB_CRYPTO_BEARSSL_H

#include "protocol/crypto.h"

/* The table.  random(io, out, len): false when the source failed its test; crypto_bearssl itself holds none. */
struct crypto crypto_bearssl(bool (*random)(void *io, void *out, size_t len));

/* pk = 04 | x | y_even from x alone.  False: x >= p, or no square root.  x is public: time depends on it. */
bool p256_bearssl_decompress(const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN]);

/* Known answers: SHA-256, HMAC, AES-128-CCM both ways, P-256 with a short scalar on both multiplication paths. */
bool crypto_bearssl_self_test(void);

#endif
