/* Scheme 1, the server's side: a key of its own for each device, found by the serial on the air. */
#include "protocol/peer_first.h"

static enum sealed_result session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                  const struct frame *f, struct peer_session *s)
{
    return first_session(frame_open_sealed, c, p, token, f, s, NULL);
}

static enum sealed_result open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    static const struct first_text layout; /* data alone */
    return first_read(frame_open_sealed, &layout, c, p, s, f, proof, out);
}

const struct peer_scheme peer_sealed = {
    .id = 1,
    .suite = { SUITE_P256_CCM },
    .session = session,
    .open = open,
    .data = peer_sid_data,
    .down = peer_sid_down,
};
