#include "protocol/peer_first.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/sealing.h"
#include "protocol/signing.h"

static const struct frame_form *form_of(const struct frame_form forms[2], const struct profile *p)
{
    return &forms[p->compact ? FORM_COMPACT : FORM_WHOLE];
}

/* The form is the product's, and the frame names this device or this epoch. */
static enum sealed_result is_peers(const struct frame_form forms[2], const struct peer_side *p, const struct frame *f)
{
    size_t kid_len = f->form->kid_len;
    if (f->form != form_of(forms, &p->profile))
        return SEALED_FORM;
    bool named = f->epoch ? *f->epoch == p->epoch : memcmp(f->kid, p->serial + OTP_SERIAL_LEN - kid_len, kid_len) == 0;
    return named ? SEALED_OK : SEALED_SERIAL;
}

static bool ask_token(const struct peer_side *p, const struct peer_token *token, const uint8_t enc[P256_PK_LEN],
                      uint8_t dh[P256_LEN], uint8_t psk[SHA256_LEN])
{
    uint8_t input[SEALING_PSK_INPUT_LEN];
    if (!token->ecdh(token->io, enc, dh))
        return false;
    sealing_psk_input(enc + kem_of(p->profile.suite)->name, input);
    return !p->profile.psk || token->mac(token->io, input, sizeof input, psk);
}

enum sealed_result first_session(const struct frame_form forms[2], const struct crypto *c, const struct peer_side *p,
                                 const struct peer_token *token, const struct frame *f, struct peer_session *s, uint8_t *id)
{
    uint8_t enc[P256_PK_LEN], dh[P256_LEN], psk[SHA256_LEN];
    enum sealed_result r = is_peers(forms, p, f);
    if (r != SEALED_OK)
        return r;
    if (!kem_of(p->profile.suite)->point(c, f->x, enc))
        return SEALED_POINT;

    memset(s, 0, sizeof *s);
    s->open.epoch = p->epoch;
    memcpy(s->open.x, f->x, P256_LEN);
    const struct sealing in = { &p->profile, p->serial, p->epoch, enc, p->pkRm, dh, p->profile.psk ? psk : NULL };
    r = ask_token(p, token, enc, dh, psk) ? sealing_session(c, &in, &s->keys, id) : SEALED_CRYPTO;
    bytes_wipe(dh, sizeof dh);
    bytes_wipe(psk, sizeof psk);
    return r;
}

size_t first_serial_len(const struct peer_side *p)
{
    return p->profile.compact ? OTP_SERIAL_LEN / 2 : OTP_SERIAL_LEN;
}

/* The next len bytes; NULL where there are none. */
static const uint8_t *take(const uint8_t **at, size_t len)
{
    const uint8_t *field = *at;
    *at += len;
    return len ? field : NULL;
}

static const uint8_t *split(const struct first_text *layout, size_t len, struct peer_text *out)
{
    const uint8_t *at = out->text;
    out->serial_len = layout->serial_len;
    out->serial = take(&at, layout->serial_len);
    const uint8_t *boot = take(&at, layout->boot_len);
    out->pk = take(&at, layout->pk_len);
    out->data = at;
    out->data_len = len - (size_t)(at - out->text) - layout->sig_len;
    at += out->data_len;
    out->sig = take(&at, layout->sig_len);
    return boot;
}

/* A first frame's boot number: 24 bits, never 0. */
static bool set_boot(const uint8_t *boot3, struct peer_session *s)
{
    if (!boot3)
        return true;
    s->open.boot = (uint32_t)boot3[0] << 16 | (uint32_t)boot3[1] << 8 | boot3[2];
    return s->open.boot != 0;
}

enum sealed_result first_read(const struct frame_form forms[2], const struct first_text *layout, const struct crypto *c,
                              const struct peer_side *p, struct peer_session *s, const struct frame *f, const uint8_t *proof,
                              struct peer_text *out)
{
    const struct crypto_part extra = { proof, PROOF_LEN };
    enum sealed_result r = is_peers(forms, p, f);
    if (r != SEALED_OK)
        return r;
    if (proof && f->data_len != f->form->least)
        return SEALED_FORM;
    r = session_unseal(c, session_up(&s->keys), f, proof ? &extra : NULL, out->text);
    if (r != SEALED_OK)
        return r;
    return set_boot(split(layout, f->data_len, out), s) ? SEALED_OK : SEALED_FORM;
}

enum sealed_result first_data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                              const struct frame *f, bool is_signed, struct peer_text *out)
{
    const struct first_text layout = { .sig_len = is_signed ? FRAME_SIG_LEN : 0 };
    enum sealed_result r = session_read_data(c, &p->profile, &s->keys, f, layout.sig_len, out->text);
    if (r == SEALED_OK)
        (void)split(&layout, f->data_len, out);
    return r;
}

enum sealed_result first_verify(const struct frame_form forms[2], const struct crypto *c, const struct peer_side *p,
                                const struct peer_session *s, uint32_t counter, const uint8_t *proof,
                                const struct peer_text *out, const uint8_t x[P256_LEN])
{
    const struct signing in = { &p->profile, form_of(forms, &p->profile), p->pkRm, &s->open };
    const struct crypto_part extra = { proof, PROOF_LEN };
    if (!out->sig || s->open.epoch != p->epoch)
        return SEALED_SIGNATURE;
    return signing_check(c, &in, counter, proof ? &extra : NULL, out->text, (size_t)(out->sig - out->text), x, out->sig);
}

enum sealed_result peer_sid_data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                 const struct frame *f, struct peer_text *out)
{
    return first_data(c, p, s, f, false, out);
}

enum sealed_result peer_sid_down(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                 uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                 size_t *frame_len)
{
    const struct frame_form *form = frame_down_form(p->profile.sid_len);
    return session_make_down(c, form, s->keys.sid, &s->keys, counter, data, len, frame, max, frame_len);
}
