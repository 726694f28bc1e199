/* protocol/cobs.h - frames on a serial line: consistent overhead byte stuffing, 00 as delimiter, both ways.
 * Boundary: pure.  Source: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999. */
#ifndef PROTOCOL_COBS_H
#define PROTOCOL_COBS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that cobs_encode of len bytes needs at most, delimiter included. */
#define COBS_MAX(len) ((len) + (len) / 254 + 2)

/* out gets the encoded bytes and the 00 delimiter.  in and out do not overlap.  Returns the length, 0 if max is too small.
 */
size_t cobs_encode(const uint8_t *in, size_t len, uint8_t *out, size_t max);

/* in: what came between two delimiters, without them.  Returns the decoded length, or -1: empty, cut, a 00 inside, or more
 * than max bytes.  out may be in (decoded in place). */
long cobs_decode(const uint8_t *in, size_t len, uint8_t *out, size_t max);

#endif
