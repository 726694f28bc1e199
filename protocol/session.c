#include "protocol/session.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/cose.h"

struct session_way session_up(const struct session *s)
{
    return (struct session_way){ s->key, s->iv };
}

struct session_way session_down(const struct session *s)
{
    return (struct session_way){ s->dkey, s->div };
}

/* RFC 9052's way to a nonce: the counter, left-padded, XOR the session's iv. */
static void put_nonce(const uint8_t iv[SESSION_IV_LEN], uint32_t counter, uint8_t nonce[CCM_NONCE_LEN])
{
    uint8_t ctr[4];
    put32(ctr, counter);
    memcpy(nonce, iv, CCM_NONCE_LEN);
    for (unsigned i = 0; i < sizeof ctr; i++)
        nonce[CCM_NONCE_LEN - sizeof ctr + i] ^= ctr[i];
}

static const struct crypto_part nothing;

enum sealed_result session_seal(const struct crypto *c, struct session_way way, const struct frame_form *form,
                                uint32_t counter, const struct crypto_part *extra, size_t len, uint8_t *frame)
{
    size_t head_len = frame_head_len(form);
    uint8_t nonce[CCM_NONCE_LEN];
    struct cose_aad aad;
    if (!extra)
        extra = &nothing;
    put_nonce(way.iv, counter, nonce);
    cose_enc_structure(&aad, form->tag_len, frame, head_len, extra->data, extra->len);
    const struct ccm m = { way.key, nonce, form->tag_len, aad.part, COSE_AAD_PARTS };
    return c->ccm_seal(c->io, &m, frame + head_len, len, frame + head_len) ? SEALED_OK : SEALED_CRYPTO;
}

enum sealed_result session_unseal(const struct crypto *c, struct session_way way, const struct frame *f,
                                  const struct crypto_part *extra, uint8_t *text)
{
    uint8_t nonce[CCM_NONCE_LEN];
    struct cose_aad aad;
    if (!extra)
        extra = &nothing;
    put_nonce(way.iv, f->counter, nonce);
    cose_enc_structure(&aad, f->form->tag_len, f->bytes, f->head_len, extra->data, extra->len);
    const struct ccm m = { way.key, nonce, f->form->tag_len, aad.part, COSE_AAD_PARTS };
    return c->ccm_open(c->io, &m, f->ct, f->data_len, text) ? SEALED_OK : SEALED_AUTH;
}

void session_head(const struct frame_form *form, const uint8_t *kid, const uint8_t *boot3, uint32_t counter, uint8_t *frame)
{
    *frame++ = form->hdr;
    memcpy(frame, kid, form->kid_len);
    frame += form->kid_len;
    if (form->boot_len)
        memcpy(frame, boot3, form->boot_len);
    frame += form->boot_len;
    for (unsigned left = form->ctr_len; left-- > 0;)
        *frame++ = (uint8_t)(counter >> (8 * left));
}

enum sealed_result session_fits(const struct frame_form *form, uint32_t counter, size_t len, size_t max)
{
    if (!form)
        return SEALED_FORM;
    bool fits = counter != 0 && counter >> (8 * form->ctr_len) == 0 && len <= form->most && frame_size(form, len) <= max;
    return fits ? SEALED_OK : SEALED_RANGE;
}

/* DATA and DOWN are made in one way. */
static enum sealed_result make(const struct crypto *c, const struct frame_form *form, const uint8_t *kid,
                               struct session_way way, uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame,
                               size_t max, size_t *frame_len)
{
    enum sealed_result r = len > FRAME_DATA_MAX ? SEALED_RANGE : session_fits(form, counter, len, max);
    if (r != SEALED_OK)
        return r;
    session_head(form, kid, NULL, counter, frame);
    if (len)
        memcpy(frame + frame_head_len(form), data, len);
    *frame_len = frame_size(form, len);
    return session_seal(c, way, form, counter, NULL, len, frame);
}

enum sealed_result session_make_data(const struct crypto *c, const struct profile *p, const struct session *s,
                                     uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                     size_t *frame_len)
{
    const struct frame_form *form = frame_data_form(p->sid_len, p->ctr_len);
    return make(c, form, s->sid, session_up(s), counter, data, len, frame, max, frame_len);
}

enum sealed_result session_read_data(const struct crypto *c, const struct profile *p, const struct session *s,
                                     const struct frame *f, size_t signature_len, uint8_t text[FRAME_PLAIN_MAX])
{
    if (f->form != frame_data_form(p->sid_len, p->ctr_len))
        return SEALED_FORM;
    if (memcmp(f->kid, s->sid, f->form->kid_len) != 0)
        return SEALED_SERIAL;
    if (f->data_len < signature_len || f->data_len > FRAME_DATA_MAX + signature_len)
        return SEALED_RANGE;
    return session_unseal(c, session_up(s), f, NULL, text);
}

enum sealed_result session_make_down(const struct crypto *c, const struct frame_form *form, const uint8_t *kid,
                                     const struct session *s, uint32_t counter, const uint8_t *data, size_t len,
                                     uint8_t *frame, size_t max, size_t *frame_len)
{
    return make(c, form, kid, session_down(s), counter, data, len, frame, max, frame_len);
}

enum sealed_result session_read_down(const struct crypto *c, const struct frame_form *form, const uint8_t *kid,
                                     const struct session *s, uint32_t *last, const uint8_t *frame, size_t frame_len,
                                     uint8_t data[FRAME_DATA_MAX], size_t *len)
{
    struct frame f;
    if (!form || frame_parse_as(form, frame, frame_len, &f) != FRAME_OK)
        return SEALED_FORM;
    if (memcmp(f.kid, kid, form->kid_len) != 0)
        return SEALED_SERIAL;
    if (f.counter <= *last)
        return SEALED_COUNTER;
    enum sealed_result r = session_unseal(c, session_down(s), &f, NULL, data);
    if (r != SEALED_OK)
        return r;
    *last = f.counter;
    *len = f.data_len;
    return SEALED_OK;
}
