/* Scheme 8, the server's side: the key in the frame is compared with the pinned one by the caller, and then checked. */
#include "protocol/peer_first.h"

static enum sealed_result session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                  const struct frame *f, struct peer_session *s)
{
    return first_session(frame_open_signup, c, p, token, f, s, NULL);
}

static enum sealed_result open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    const struct first_text layout = {
        .serial_len = first_serial_len(p), .boot_len = FRAME_BOOT_LEN, .pk_len = P256_LEN, .sig_len = FRAME_SIG_LEN
    };
    return first_read(frame_open_signup, &layout, c, p, s, f, proof, out);
}

static enum sealed_result data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                               const struct frame *f, struct peer_text *out)
{
    return first_data(c, p, s, f, p->profile.sign_all, out);
}

static enum sealed_result verify(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                 uint32_t counter, const uint8_t *proof, const struct peer_text *out,
                                 const uint8_t x[P256_LEN])
{
    return first_verify(frame_open_signup, c, p, s, counter, proof, out, x);
}

const struct peer_scheme peer_signup = {
    .id = 8,
    .suite = { SUITE_P256_CCM, SUITE_X25519_CCM },
    .session = session,
    .open = open,
    .data = data,
    .verify = verify,
    .down = peer_sid_down,
};
