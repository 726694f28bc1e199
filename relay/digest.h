/* relay/digest.h - SHA-256, of frames: the name under which one is kept and receipted.  Source: FIPS 180-4. */
#ifndef RELAY_DIGEST_H
#define RELAY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_LEN = 32 };

void digest_of(const uint8_t *bytes, size_t len, uint8_t out[DIGEST_LEN]);

#endif
