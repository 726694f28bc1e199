/* Scheme 2, the server's side: one key for a fleet and epoch; the serial is the sender's word. */
#include "protocol/peer_first.h"

static enum sealed_result session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                  const struct frame *f, struct peer_session *s)
{
    return first_session(frame_open_fleet, c, p, token, f, s, NULL);
}

static enum sealed_result open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    const struct first_text layout = { .serial_len = first_serial_len(p) };
    return first_read(frame_open_fleet, &layout, c, p, s, f, proof, out);
}

const struct peer_scheme peer_fleet = {
    .id = 2,
    .suite = { SUITE_P256_CCM, SUITE_X25519_CCM },
    .session = session,
    .open = open,
    .data = peer_sid_data,
    .down = peer_sid_down,
};
