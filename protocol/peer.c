#include "protocol/peer.h"

#include <stddef.h>

static const struct peer_scheme *const schemes[] = {
    &peer_sealed,  &peer_fleet,         &peer_identity,    &peer_secret,
    &peer_derived, &peer_session_ecies, &peer_session_rsa, &peer_signup,
};

const struct peer_scheme *peer_scheme_of(uint8_t scheme, uint8_t suite)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (suite != 0 && schemes[i]->id == scheme && (schemes[i]->suite[0] == suite || schemes[i]->suite[1] == suite))
            return schemes[i];
    return NULL;
}
