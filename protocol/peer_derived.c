/* Scheme 5, the server's side: the token MACs under the K_gen of one generation; which ones to try: protocol/peer_boot.h. */
#include "protocol/peer_boot.h"

const struct peer_scheme peer_derived = {
    .id = 5,
    .suite = { SUITE_P256_CCM },
    .session = peer_boot_session,
    .open = peer_boot_open,
    .data = peer_boot_data,
    .down = peer_boot_down,
};
