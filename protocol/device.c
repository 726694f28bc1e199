#include "protocol/device.h"

#include "protocol/bytes.h"

enum sealed_result device_load(const struct device_scheme *scheme, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len,
                               uint8_t ctr_len, struct device_side *d)
{
    struct otp_image in;
    if (otp_image_decode(image, &in) != OTP_OK)
        return SEALED_FORM;
    *d = (struct device_side){ .rsa = d->rsa };
    d->profile = profile_from_image(&in, sid_len, ctr_len);
    d->image = image;
    d->serial = image + OTP_OFF_SERIAL;
    d->secret = otp_image_secret(image);
    d->epoch = in.epoch;
    bool known = in.scheme == scheme->id && (in.suite == scheme->suite[0] || in.suite == scheme->suite[1]) &&
                 (!scheme->sid || (frame_data_form(sid_len, ctr_len) && frame_down_form(sid_len)));
    bytes_wipe(&in, sizeof in); /* holds the secret slot */
    return known ? SEALED_OK : SEALED_FORM;
}

enum sealed_result device_sid_data(const struct crypto *c, const struct device_side *d, const struct device_session *s,
                                   uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                   size_t *frame_len)
{
    return session_make_data(c, &d->profile, &s->keys, counter, data, len, frame, max, frame_len);
}

enum sealed_result device_sid_down(const struct crypto *c, const struct device_side *d, struct device_session *s,
                                   const uint8_t *frame, size_t frame_len, uint8_t data[FRAME_DATA_MAX], size_t *len)
{
    return session_read_down(c, frame_down_form(d->profile.sid_len), s->keys.sid, &s->keys, &s->down, frame, frame_len, data,
                             len);
}
