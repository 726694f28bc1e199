#include "protocol/kem.h"

#include "protocol/scheme.h"

const struct kem *kem_of(uint8_t suite)
{
    return suite == SUITE_X25519_CCM ? &kem_x25519 : &kem_p256;
}
