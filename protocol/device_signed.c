#include "protocol/device_signed.h"

#include <string.h>

#include "protocol/signing.h"

enum sealed_result signed_init(const struct device_scheme *scheme, unsigned slot, const struct crypto *c,
                               const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len, uint8_t ctr_len, struct device_side *d)
{
    enum sealed_result r = first_init(scheme, slot, c, image, sid_len, ctr_len, d);
    if (r != SEALED_OK)
        return r;
    if (!d->secret)
        return SEALED_FORM;
    return signing_key(c, d->secret, d->sign_key, d->sign_x) ? SEALED_OK : SEALED_CRYPTO;
}

size_t signed_prefix(const struct device_side *d, uint32_t boot, uint8_t *out)
{
    const uint8_t *serial;
    size_t n = first_serial(d, &serial);
    memcpy(out, serial, n);
    for (unsigned left = FRAME_BOOT_LEN; left-- > 0;)
        out[n++] = (uint8_t)(boot >> (8 * left));
    return n;
}

bool signed_sign(const struct frame_form forms[2], const struct crypto *c, const struct device_side *d,
                 const struct session_open *open, uint32_t counter, const struct crypto_part *proof, const uint8_t *text,
                 size_t len, uint8_t sig[FRAME_SIG_LEN])
{
    const struct frame_form *form = &forms[d->profile.compact ? FORM_COMPACT : FORM_WHOLE];
    const struct signing s = { &d->profile, form, d->pkRm, open };
    return signing_make(c, &s, counter, proof, text, len, d->sign_key, sig);
}

enum sealed_result signed_data(const struct first_plan *plan, const struct crypto *c, const struct device_side *d,
                               const struct device_session *s, uint32_t counter, const uint8_t *data, size_t len,
                               uint8_t *frame, size_t max, size_t *frame_len)
{
    if (!d->profile.sign_all)
        return device_sid_data(c, d, s, counter, data, len, frame, max, frame_len);

    const struct frame_form *form = frame_data_form(d->profile.sid_len, d->profile.ctr_len);
    size_t n = len + FRAME_SIG_LEN;
    enum sealed_result r = len > FRAME_DATA_MAX ? SEALED_RANGE : session_fits(form, counter, n, max);
    if (r != SEALED_OK)
        return r;
    uint8_t *text = frame + frame_head_len(form);
    session_head(form, s->keys.sid, NULL, counter, frame);
    if (len)
        memcpy(text, data, len);
    if (!plan->sign(c, d, &s->open, counter, NULL, text, len, text + len))
        return SEALED_CRYPTO;
    *frame_len = frame_size(form, n);
    return session_seal(c, session_up(&s->keys), form, counter, NULL, n, frame);
}
