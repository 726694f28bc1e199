/* protocol/p256.h - the two facts about P-256 that the protocol needs beside the crypto table.
 * Boundary: pure.  Source: SP 800-186 (p and n); docs/protocol.md, "The even-y rule". */
#ifndef PROTOCOL_P256_H
#define PROTOCOL_P256_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/crypto.h"

/* Turn a point of the curve into the one with the same x and even y: y becomes p - y where it is odd. */
void p256_even_y(uint8_t pk[P256_PK_LEN]);

/* 1 <= d < n?  Time does not depend on d. */
bool p256_scalar_ok(const uint8_t d[P256_LEN]);

/* d becomes n - d: the key of the point with the same x and the other y.  1 <= d < n. */
void p256_negate(uint8_t d[P256_LEN]);

/* A 256-bit number becomes itself mod n (RFC 6979 2.3.4, bits2octets). */
void p256_reduce(uint8_t v[P256_LEN]);

/* s of a signature becomes n - s where that is the smaller one; public. */
void p256_low_s(uint8_t s[P256_LEN]);

#endif
