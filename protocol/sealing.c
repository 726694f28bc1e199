#include "protocol/sealing.h"

#include <string.h>

#include "protocol/bytes.h"

size_t sealing_info(const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN], uint8_t epoch,
                    uint8_t info[SEALING_INFO_MAX])
{
    memcpy(info, "fl1", 3);
    info[3] = p->suite;
    info[4] = p->scheme;
    put16(info + 5, p->fleet);
    info[7] = epoch;
    if (p->scheme != 1)
        return 8;
    memcpy(info + 7, serial, OTP_SERIAL_LEN);
    return SEALING_INFO_MAX;
}

void sealing_psk_input(const uint8_t x[P256_LEN], uint8_t out[SEALING_PSK_INPUT_LEN])
{
    memcpy(out, "fl1 psk", 7);
    memcpy(out + 7, x, P256_LEN);
}

enum sealed_result sealing_ephemeral(const struct crypto *c, const struct kem *kem, const uint8_t *secret, uint32_t boot,
                                     uint8_t skE[P256_LEN])
{
    static const uint8_t no_secret[SLOT_LEN];
    uint8_t rng[32] = { 0 }, boot4[4], try = 0;
    if (!c->random(c->io, rng, sizeof rng)) {
        if (!secret)
            return SEALED_RANDOM;
        bytes_wipe(rng, sizeof rng); /* a source that failed its test adds nothing; secret and boot number carry it */
    }
    put32(boot4, boot);
    const struct crypto_part part[] = { { "fl1 eph", 7 }, { boot4, 4 }, { &try, 1 }, { rng, sizeof rng } };

    bool ok;
    do
        ok = c->hmac_sha256(c->io, secret ? secret : no_secret, SLOT_LEN, part, 4, skE);
    while (ok && !kem->scalar_ok(skE) && ++try != 0);
    bytes_wipe(rng, sizeof rng);
    return ok && kem->scalar_ok(skE) ? SEALED_OK : SEALED_CRYPTO;
}

static bool export_keys(const struct crypto *c, enum hpke_kem kem, const uint8_t exporter_secret[HPKE_NH], struct session *s)
{
    return hpke_export(c, kem, exporter_secret, "fl1 key", 7, s->key, sizeof s->key) &&
           hpke_export(c, kem, exporter_secret, "fl1 iv", 6, s->iv, sizeof s->iv) &&
           hpke_export(c, kem, exporter_secret, "fl1 sid", 7, s->sid, sizeof s->sid) &&
           hpke_export(c, kem, exporter_secret, "fl1 dkey", 8, s->dkey, sizeof s->dkey) &&
           hpke_export(c, kem, exporter_secret, "fl1 div", 7, s->div, sizeof s->div);
}

enum sealed_result sealing_session(const struct crypto *c, const struct sealing *in, struct session *s,
                                   uint8_t id[SEALING_ID_LEN])
{
    const struct kem *row = kem_of(in->profile->suite);
    const enum hpke_kem kem = row->id;
    if (row->even_y && (in->enc[P256_PK_LEN - 1] | in->pkRm[P256_PK_LEN - 1]) & 1)
        return SEALED_POINT;

    uint8_t info[SEALING_INFO_MAX], shared_secret[HPKE_NSECRET], exporter_secret[HPKE_NH];
    const struct hpke_psk psk = { in->psk, SHA256_LEN, in->serial, OTP_SERIAL_LEN };
    size_t info_len = sealing_info(in->profile, in->serial, in->epoch, info);
    bool ok = hpke_shared_secret(c, kem, in->dh, in->enc, in->pkRm, shared_secret) &&
              hpke_key_schedule(c, kem, shared_secret, in->psk ? &psk : NULL, info, info_len, exporter_secret) &&
              export_keys(c, kem, exporter_secret, s) &&
              (!id || hpke_export(c, kem, exporter_secret, "fl1 id", 6, id, SEALING_ID_LEN));
    bytes_wipe(shared_secret, sizeof shared_secret);
    bytes_wipe(exporter_secret, sizeof exporter_secret);
    if (!ok)
        bytes_wipe(s, sizeof *s);
    return ok ? SEALED_OK : SEALED_CRYPTO;
}
