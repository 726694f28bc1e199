#include "protocol/boot_keys.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/counter.h"

/* ---- keys ---- */

static void put_info(const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN], uint32_t boot,
                     uint8_t out[BOOT_KEYS_INFO_LEN])
{
    memcpy(out, "fl1 boot", 8);
    out[8] = p->suite;
    out[9] = p->scheme;
    put16(out + 10, p->fleet);
    memcpy(out + 12, serial, OTP_SERIAL_LEN);
    boot4(boot, out + 12 + OTP_SERIAL_LEN);
}

size_t boot_keys_input(const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN], uint32_t boot, unsigned round,
                       const uint8_t t1[SHA256_LEN], uint8_t out[BOOT_KEYS_INPUT_MAX])
{
    size_t n = 0;
    if (round > 1) {
        memcpy(out, t1, SHA256_LEN);
        n = SHA256_LEN;
    }
    put_info(p, serial, boot, out + n);
    n += BOOT_KEYS_INFO_LEN;
    out[n++] = (uint8_t)round;
    return n;
}

void boot_keys_take(const uint8_t t[BOOT_KEYS_ROUNDS][SHA256_LEN], struct session *s)
{
    const uint8_t *k = t[0];
    memcpy(s->key, k, sizeof s->key);
    memcpy(s->iv, k += sizeof s->key, sizeof s->iv);
    memset(s->sid, 0, sizeof s->sid);
    memcpy(s->dkey, k += sizeof s->iv, sizeof s->dkey);
    memcpy(s->div, k += sizeof s->dkey, sizeof s->div);
}

enum sealed_result boot_keys_make(const struct crypto *c, const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN],
                                  uint32_t boot, const uint8_t K_gen[SHA256_LEN], struct session *s)
{
    if (boot == 0 || boot > BOOT_MAX)
        return SEALED_RANGE;
    uint8_t t[BOOT_KEYS_ROUNDS][SHA256_LEN], input[BOOT_KEYS_INPUT_MAX];
    bool ok = true;
    for (unsigned round = 1; ok && round <= BOOT_KEYS_ROUNDS; round++) {
        const struct crypto_part part = { input, boot_keys_input(p, serial, boot, round, t[0], input) };
        ok = c->hmac_sha256(c->io, K_gen, SHA256_LEN, &part, 1, t[round - 1]);
    }
    if (ok)
        boot_keys_take((const uint8_t(*)[SHA256_LEN])t, s);
    bytes_wipe(t, sizeof t);
    bytes_wipe(input, sizeof input); /* T(1) */
    return ok ? SEALED_OK : SEALED_CRYPTO;
}

/* ---- frames ---- */

const uint8_t *boot_keys_kid(const uint8_t serial[OTP_SERIAL_LEN])
{
    return serial + OTP_SERIAL_LEN - frame_data_boot->kid_len;
}

enum sealed_result boot_keys_data(const struct crypto *c, const uint8_t serial[OTP_SERIAL_LEN], uint32_t boot,
                                  const struct session *s, uint32_t counter, const uint8_t *proof, const uint8_t *data,
                                  size_t len, uint8_t *frame, size_t max, size_t *frame_len)
{
    const struct crypto_part extra = { proof, PROOF_LEN };
    uint8_t b[FRAME_BOOT_LEN];
    enum sealed_result r = session_fits(frame_data_boot, counter, len, max);
    if (r != SEALED_OK)
        return r;
    boot3(boot, b);
    session_head(frame_data_boot, boot_keys_kid(serial), b, counter, frame);
    if (len)
        memcpy(frame + frame_head_len(frame_data_boot), data, len);
    r = session_seal(c, session_up(s), frame_data_boot, counter, proof ? &extra : NULL, len, frame);
    if (r == SEALED_OK)
        *frame_len = frame_size(frame_data_boot, len);
    return r;
}

enum sealed_result boot_keys_check(const struct frame *f, const uint8_t serial[OTP_SERIAL_LEN], uint32_t *boot)
{
    if (f->form != frame_data_boot)
        return SEALED_FORM;
    if (memcmp(f->kid, boot_keys_kid(serial), f->form->kid_len) != 0)
        return SEALED_SERIAL;
    *boot = (uint32_t)f->boot[0] << 16 | get16(f->boot + 1);
    return *boot ? SEALED_OK : SEALED_RANGE;
}

enum sealed_result boot_keys_read(const struct crypto *c, const struct session *s, const struct frame *f,
                                  const uint8_t *proof, uint8_t data[FRAME_DATA_MAX])
{
    const struct crypto_part extra = { proof, PROOF_LEN };
    if (f->form != frame_data_boot)
        return SEALED_FORM;
    return session_unseal(c, session_up(s), f, proof ? &extra : NULL, data);
}
