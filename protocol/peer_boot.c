#include "protocol/peer_boot.h"

#include <string.h>

#include "protocol/boot_keys.h"
#include "protocol/bytes.h"
#include "protocol/counter.h"

/* ---- frames ---- */

enum sealed_result peer_boot_session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                     const struct frame *f, struct peer_session *s)
{
    uint8_t t[BOOT_KEYS_ROUNDS][SHA256_LEN], input[BOOT_KEYS_INPUT_MAX];
    uint32_t boot;
    (void)c;
    enum sealed_result r = boot_keys_check(f, p->serial, &boot);
    if (r != SEALED_OK)
        return r;
    bool ok = true;
    for (unsigned round = 1; ok && round <= BOOT_KEYS_ROUNDS; round++)
        ok = token->mac(token->io, input, boot_keys_input(&p->profile, p->serial, boot, round, t[0], input), t[round - 1]);
    memset(s, 0, sizeof *s);
    s->open.boot = boot;
    if (ok)
        boot_keys_take((const uint8_t(*)[SHA256_LEN])t, &s->keys);
    bytes_wipe(t, sizeof t);
    bytes_wipe(input, sizeof input);
    return ok ? SEALED_OK : SEALED_CRYPTO;
}

/* The frame is of the session's very boot. */
static enum sealed_result belongs(const struct peer_side *p, const struct peer_session *s, const struct frame *f)
{
    uint32_t boot;
    enum sealed_result r = boot_keys_check(f, p->serial, &boot);
    return r == SEALED_OK && boot != s->open.boot ? SEALED_SERIAL : r;
}

static enum sealed_result read(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    enum sealed_result r = belongs(p, s, f);
    memset(out, 0, sizeof *out);
    out->data = out->text;
    if (r == SEALED_OK && proof && (f->counter != 1 || f->data_len != 0))
        r = SEALED_FORM;
    if (r == SEALED_OK)
        r = boot_keys_read(c, &s->keys, f, proof, out->text);
    if (r == SEALED_OK)
        out->data_len = f->data_len;
    return r;
}

enum sealed_result peer_boot_open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                                  const struct frame *f, const uint8_t *proof, struct peer_text *out)
{
    return read(c, p, s, f, proof, out);
}

enum sealed_result peer_boot_data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                  const struct frame *f, struct peer_text *out)
{
    return read(c, p, s, f, NULL, out);
}

enum sealed_result peer_boot_down(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                  uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                  size_t *frame_len)
{
    const struct frame_form *form = frame_down_form(frame_data_boot->kid_len);
    return session_make_down(c, form, boot_keys_kid(p->serial), &s->keys, counter, data, len, frame, max, frame_len);
}

/* ---- generations ---- */

size_t peer_boot_gens(const struct peer_gens *known, struct peer_gen out[PEER_GENS_MAX])
{
    size_t n = 0;
    if (known->pending.gen)
        out[n++] = known->pending;
    out[n++] = known->current;
    if (known->current.gen)
        out[n++] = (struct peer_gen){ 0 };
    return n;
}

enum peer_boot_meaning peer_boot_means(const struct peer_gens *known, uint8_t gen, uint32_t boot)
{
    if (known->pending.gen && gen == known->pending.gen)
        return PEER_BOOT_MOVED;
    if (gen == known->current.gen)
        return PEER_BOOT_DATA;
    return gen == 0 && boot_nvm_loss(boot) > known->nvm_loss ? PEER_BOOT_LOST : PEER_BOOT_ENDED;
}
