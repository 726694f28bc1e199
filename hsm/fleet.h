/* hsm/fleet.h - the key of a fleet, by the suite of its product: a row per suite, so that nobody else branches on it.
 * Boundary: hsm.h below; protocol/scheme.h says which suites there are.  Source: docs/protocol.md, "Primitives". */
#ifndef HSM_FLEET_H
#define HSM_FLEET_H

#include "hsm/hsm.h"

struct hsm_fleet {
    uint8_t suite; /* enum suite */
    enum hsm_key_kind kind;
    /* What both sides agree on; pk as the suite's KEM has it (protocol/kem.h), checked to be a point.  NULL: RSA. */
    enum err_code (*ecdh)(struct hsm_key *skR, const uint8_t *pk, uint8_t z[32], struct err *e);
    /* The 32 bytes that devices have of it: x, or u.  NULL: RSA. */
    enum err_code (*name)(struct hsm_key *k, uint8_t name[32], struct err *e);
};

/* Never NULL: whatever is neither X25519 nor RSA is P-256. */
const struct hsm_fleet *hsm_fleet_of(uint8_t suite);

#endif
