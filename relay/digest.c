#include "relay/digest.h"

#include <openssl/sha.h>

void digest_of(const uint8_t *bytes, size_t len, uint8_t out[DIGEST_LEN])
{
    (void)SHA256(bytes, len, out); /* with a place for the result it can't fail */
}
