/* Scheme 6, the small form, the server's side. */
#include "protocol/bytes.h"
#include "protocol/peer_first.h"

static enum sealed_result session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                  const struct frame *f, struct peer_session *s)
{
    return first_session(frame_open_session, c, p, token, f, s, NULL);
}

static enum sealed_result open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    static const struct first_text layout; /* data alone */
    return first_read(frame_open_session, &layout, c, p, s, f, proof, out);
}

enum sealed_result peer_session_id(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                   const struct frame *f, uint8_t id[32])
{
    struct peer_session s;
    enum sealed_result r = first_session(frame_open_session, c, p, token, f, &s, id);
    bytes_wipe(&s, sizeof s);
    return r;
}

const struct peer_scheme peer_session_ecies = {
    .id = 6,
    .suite = { SUITE_P256_CCM, SUITE_X25519_CCM },
    .session = session,
    .open = open,
    .data = peer_sid_data,
    .down = peer_sid_down,
};
