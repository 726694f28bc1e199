/* Scheme 4, the server's side: the token MACs under S0. */
#include "protocol/peer_boot.h"

const struct peer_scheme peer_secret = {
    .id = 4,
    .suite = { SUITE_P256_CCM },
    .session = peer_boot_session,
    .open = peer_boot_open,
    .data = peer_boot_data,
    .down = peer_boot_down,
};
