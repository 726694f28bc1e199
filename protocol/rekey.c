#include "protocol/rekey.h"

#include <string.h>

#include "protocol/bytes.h"

enum { SCHEME_DERIVED = 5 };

void rekey_head(const uint8_t serial[OTP_SERIAL_LEN], const struct rekey *k, uint8_t frame[REKEY_LEN])
{
    const struct frame_form *form = frame_rekey;
    frame[0] = form->hdr;
    memcpy(frame + 1, serial + OTP_SERIAL_LEN - form->kid_len, form->kid_len);
    frame[1 + form->kid_len] = k->gen;
    memcpy(frame + frame_head_len(form), k->salt, sizeof k->salt);
}

void rekey_input(const struct profile *p, uint8_t nvm_loss, const uint8_t head[REKEY_HEAD_LEN], uint8_t out[REKEY_INPUT_LEN])
{
    memcpy(out, "fl1 rekey", 9);
    out[9] = nvm_loss;
    out[10] = p->suite;
    put16(out + 11, p->fleet);
    memcpy(out + 13, head, REKEY_HEAD_LEN);
}

void rekey_finish(const uint8_t mac[SHA256_LEN], uint8_t frame[REKEY_LEN])
{
    memcpy(frame + REKEY_HEAD_LEN, mac, REKEY_MAC_LEN);
}

enum sealed_result rekey_check(const struct crypto *c, const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN],
                               const uint8_t K_root[DERIVE_KEY_LEN], uint8_t nvm_loss, uint8_t gen, const uint8_t *bytes,
                               size_t len, struct rekey *out)
{
    struct frame f;
    if (p->scheme != SCHEME_DERIVED || frame_parse_as(frame_rekey, bytes, len, &f) != FRAME_OK)
        return SEALED_FORM;
    if (memcmp(f.kid, serial + OTP_SERIAL_LEN - f.form->kid_len, f.form->kid_len) != 0)
        return SEALED_SERIAL;

    uint8_t input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    const struct crypto_part part = { input, sizeof input };
    rekey_input(p, nvm_loss, bytes, input);
    if (!c->hmac_sha256(c->io, K_root, DERIVE_KEY_LEN, &part, 1, mac))
        return SEALED_CRYPTO;
    bool genuine = bytes_equal(mac, bytes + REKEY_HEAD_LEN, REKEY_MAC_LEN);
    bytes_wipe(mac, sizeof mac); /* the right one for whatever came */
    if (!genuine)
        return SEALED_AUTH;
    if (f.epoch[0] <= gen)
        return SEALED_COUNTER;
    out->gen = f.epoch[0];
    memcpy(out->salt, f.ct, sizeof out->salt);
    return SEALED_OK;
}

void rekey_record(const struct rekey *k, struct counter_record *r)
{
    r->gen = k->gen;
    memcpy(r->salt, k->salt, sizeof r->salt);
}
