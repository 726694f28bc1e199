/* Scheme 6, RSA form, the server's side.  The token does the modular power alone; padding comes off here. */
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/peer_first.h"
#include "protocol/session_rsa.h"

/* 01 | ID | data under one of the two labels.  Wrong padding, label, version or length: one and the same answer. */
static bool decode(const struct crypto *c, const struct peer_side *p, bool proof, const uint8_t em[FRAME_RSA_LEN],
                   uint8_t message[OAEP_MESSAGE_MAX], size_t *len)
{
    uint8_t text[SESSION_RSA_LABEL_MAX];
    const struct crypto_part label = { text, session_rsa_label(&p->profile, proof, text) };
    return oaep_decode(c, &label, 1, em, message, len) && *len >= SESSION_RSA_HEAD_LEN && message[0] == SESSION_RSA_VERSION;
}

/* Both labels are tried, always: it does not take longer for the one than for the other. */
static enum sealed_result session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                  const struct frame *f, struct peer_session *s)
{
    uint8_t em[FRAME_RSA_LEN], message[OAEP_MESSAGE_MAX];
    size_t len = 0;
    if (f->form != frame_open_rsa)
        return SEALED_FORM;
    memset(s, 0, sizeof *s);
    if (!token->rsa(token->io, f->ct, em))
        return SEALED_CRYPTO;
    bool data = decode(c, p, false, em, message, &len), proof = decode(c, p, true, em, message, &len);
    enum sealed_result r = data || proof ? SEALED_OK : SEALED_AUTH;
    if (r == SEALED_OK && !session_rsa_keys(c, &p->profile, message + 1, &s->keys, s->open.x))
        r = SEALED_CRYPTO;
    if (r == SEALED_OK) {
        s->ride.proof = proof;
        s->ride.len = (uint16_t)(len - SESSION_RSA_HEAD_LEN);
        memcpy(s->ride.data, message + SESSION_RSA_HEAD_LEN, s->ride.len);
    } else
        bytes_wipe(s, sizeof *s);
    bytes_wipe(em, sizeof em);
    bytes_wipe(message, sizeof message);
    return r;
}

/* The proof's data is SHA-256 of its bytes. */
static bool proves(const struct crypto *c, const struct peer_ride *ride, const uint8_t proof[PROOF_LEN])
{
    uint8_t digest[SHA256_LEN];
    const struct crypto_part part = { proof, PROOF_LEN };
    return ride->len == sizeof digest && c->sha256(c->io, &part, 1, digest) &&
           bytes_equal(ride->data, digest, sizeof digest);
}

static enum sealed_result open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    (void)p;
    enum sealed_result r = SEALED_OK;
    memset(out, 0, sizeof *out);
    out->data = out->text;
    if (f->form != frame_open_rsa)
        r = SEALED_FORM;
    else if (s->ride.proof != (proof != NULL) || (proof && !proves(c, &s->ride, proof)))
        r = SEALED_AUTH;
    else if (!proof) {
        out->data_len = s->ride.len;
        memcpy(out->text, s->ride.data, s->ride.len);
    }
    bytes_wipe(&s->ride, sizeof s->ride);
    return r;
}

const struct peer_scheme peer_session_rsa = {
    .id = 6,
    .suite = { SUITE_RSA },
    .session = session,
    .open = open,
    .data = peer_sid_data,
    .down = peer_sid_down,
};
