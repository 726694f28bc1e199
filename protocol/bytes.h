/* protocol/bytes.h - big-endian integers, wiping, comparing: what freestanding C lacks.
 * Boundary: pure, no state.  All integers of the protocol are big-endian (docs/protocol.md); the mailbox alone is not. */
#ifndef PROTOCOL_BYTES_H
#define PROTOCOL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void put16(uint8_t out[2], uint16_t v);
void put32(uint8_t out[4], uint32_t v);
uint16_t get16(const uint8_t in[2]);
uint32_t get32(const uint8_t in[4]);

/* Set to zero; never optimised away. */
void bytes_wipe(void *p, size_t len);

/* Equal?  Time depends on len alone: for secrets, tags and digests. */
bool bytes_equal(const void *a, const void *b, size_t len);

/* Every byte is `value`?  (blank cells, empty slots.)  Time depends on len alone. */
bool bytes_all(const void *p, size_t len, uint8_t value);

#endif
