#include "hsm/fleet.h"

#include <string.h>

#include "protocol/scheme.h"

/* Devices take the even point, whichever the token's is. */
static enum err_code name_p256(struct hsm_key *k, uint8_t name[32], struct err *e)
{
    uint8_t pk[65];
    enum err_code rc = hsm_public(k, pk, e);

    if (rc == ERR_OK)
        memcpy(name, pk + 1, 32);
    return rc;
}

const struct hsm_fleet *hsm_fleet_of(uint8_t suite)
{
    static const struct hsm_fleet rows[] = {
        { SUITE_X25519_CCM, HSM_FLEET_X25519, hsm_x25519, hsm_public_x25519 },
        { SUITE_RSA, HSM_RSA, NULL, NULL },
        { SUITE_P256_CCM, HSM_FLEET, hsm_ecdh, name_p256 },
    };
    const struct hsm_fleet *row = rows;

    while (row->suite != suite && row->suite != SUITE_P256_CCM)
        row++;
    return row;
}
