#include "protocol/device_first.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/sealing.h"

enum sealed_result first_init(const struct device_scheme *scheme, unsigned slot, const struct crypto *c,
                              const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len, struct device_side *d)
{
    enum sealed_result r = device_load(scheme, image, sid_len, ctr_len, d);
    if (r != SEALED_OK)
        return r;
    const uint8_t *name = image + OTP_OFF_SLOT + slot * SLOT_LEN;
    return kem_of(d->profile.suite)->point(c, name, d->pkRm) ? SEALED_OK : SEALED_POINT;
}

size_t first_serial(const struct device_side *d, const uint8_t **serial)
{
    size_t len = d->profile.compact ? OTP_SERIAL_LEN / 2 : OTP_SERIAL_LEN;
    *serial = d->serial + OTP_SERIAL_LEN - len;
    return len;
}

/* Encap with a fresh ephemeral key, down to the session. */
static enum sealed_result encap(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                                struct device_session *s)
{
    const struct kem *kem = kem_of(d->profile.suite);
    uint8_t skE[P256_LEN], enc[P256_PK_LEN], dh[P256_LEN], psk[SHA256_LEN];
    const uint8_t *x = enc + kem->name;
    enum sealed_result r = sealing_ephemeral(c, kem, d->secret, s->open.boot, skE);
    if (r != SEALED_OK)
        goto out;

    r = SEALED_CRYPTO;
    if (!kem->encap(c, skE, d->pkRm, enc, dh) || (plan->psk && !plan->psk(c, d, x, psk)))
        goto out;
    memcpy(s->open.x, x, P256_LEN);
    const struct sealing in = { &d->profile, d->serial, d->epoch, enc, d->pkRm, dh, plan->psk ? psk : NULL };
    r = sealing_session(c, &in, &s->keys, NULL);
out:
    bytes_wipe(skE, sizeof skE);
    bytes_wipe(dh, sizeof dh);
    bytes_wipe(psk, sizeof psk);
    return r;
}

/* hdr | serial or epoch | x. */
static void put_head(const struct device_side *d, const struct frame_form *form, const uint8_t x[P256_LEN], uint8_t *frame)
{
    *frame++ = form->hdr;
    memcpy(frame, d->serial + OTP_SERIAL_LEN - form->kid_len, form->kid_len);
    frame += form->kid_len;
    if (form->epoch_len)
        *frame++ = d->epoch;
    memcpy(frame, x, P256_LEN);
}

/* prefix | data | signature over both. */
static enum sealed_result put_text(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                                   const struct session_open *open, const struct crypto_part *proof, const uint8_t *data,
                                   size_t len, uint8_t *text, size_t *text_len)
{
    size_t n = plan->prefix ? plan->prefix(d, open->boot, text) : 0;
    if (len)
        memcpy(text + n, data, len);
    n += len;
    *text_len = n + (plan->sign ? FRAME_SIG_LEN : 0);
    return !plan->sign || plan->sign(c, d, open, 0, proof, text, n, text + n) ? SEALED_OK : SEALED_CRYPTO;
}

static enum sealed_result make(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                               uint32_t boot, const struct crypto_part *proof, const uint8_t *data, size_t len,
                               uint8_t *frame, size_t max, size_t *frame_len, struct device_session *s)
{
    const struct frame_form *form = &plan->forms[d->profile.compact ? FORM_COMPACT : FORM_WHOLE];
    if (boot == 0 || boot > BOOT_MAX || len > FRAME_DATA_MAX || frame_size(form, form->least + len) > max)
        return SEALED_RANGE;

    memset(s, 0, sizeof *s);
    s->open.boot = boot;
    s->open.epoch = d->epoch;
    uint8_t *text = frame + frame_head_len(form);
    size_t n = 0;
    enum sealed_result r = encap(plan, c, d, s);
    if (r == SEALED_OK) {
        put_head(d, form, s->open.x, frame);
        r = put_text(plan, c, d, &s->open, proof, data, len, text, &n);
    }
    if (r == SEALED_OK)
        r = session_seal(c, session_up(&s->keys), form, 0, proof, n, frame);
    if (r != SEALED_OK) {
        bytes_wipe(s, sizeof *s);
        return r;
    }
    *frame_len = frame_size(form, n);
    return SEALED_OK;
}

enum sealed_result first_open(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                              uint32_t boot, const uint8_t *data, size_t len, uint8_t *frame, size_t max, size_t *frame_len,
                              struct device_session *s)
{
    return make(plan, c, d, boot, NULL, data, len, frame, max, frame_len, s);
}

enum sealed_result first_proof(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                               uint32_t boot, const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                               uint8_t *frame, size_t max, size_t *frame_len)
{
    uint8_t bytes[PROOF_LEN];
    const struct crypto_part proof = { bytes, sizeof bytes };
    struct device_session s;
    profile_proof(challenge, image_digest, bytes);
    enum sealed_result r = make(plan, c, d, boot, &proof, NULL, 0, frame, max, frame_len, &s);
    bytes_wipe(&s, sizeof s);
    return r;
}
