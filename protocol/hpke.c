#include "protocol/hpke.h"

#include "protocol/bytes.h"
#include "protocol/hkdf.h"

/* RFC 9180 4.1: suite_id of the KEM; 5.1: of HPKE with KEM 0x0010, KDF 0x0001, AEAD 0xFFFF. */
static const uint8_t KEM_SUITE[][5] = { { 'K', 'E', 'M', 0x00, HPKE_P256 }, { 'K', 'E', 'M', 0x00, HPKE_X25519 } };
static const uint8_t HPKE_SUITE[][10] = { { 'H', 'P', 'K', 'E', 0x00, HPKE_P256, 0x00, 0x01, 0xFF, 0xFF },
                                          { 'H', 'P', 'K', 'E', 0x00, HPKE_X25519, 0x00, 0x01, 0xFF, 0xFF } };
static const char VERSION[] = "HPKE-v1";

enum { MODE_BASE = 0x00, MODE_PSK = 0x01, PSK_MIN = 32 };

#define TEXT(s)            \
    {                      \
        (s), sizeof(s) - 1 \
    }
#define BYTES(a)       \
    {                  \
        (a), sizeof(a) \
    }

static bool labeled_extract(const struct crypto *c, const uint8_t *salt, size_t salt_len, struct crypto_part suite_id,
                            struct crypto_part label, struct crypto_part ikm, uint8_t prk[SHA256_LEN])
{
    const struct crypto_part part[] = { TEXT(VERSION), suite_id, label, ikm };
    return hkdf_extract(c, salt, salt_len, part, 4, prk);
}

static bool labeled_expand(const struct crypto *c, const uint8_t prk[SHA256_LEN], struct crypto_part suite_id,
                           struct crypto_part label, const struct crypto_part info[2], uint8_t *out, size_t len)
{
    if (len > UINT16_MAX)
        return false;
    uint8_t l[2];
    put16(l, (uint16_t)len);
    const struct crypto_part part[] = { BYTES(l), TEXT(VERSION), suite_id, label, info[0], info[1] };
    return hkdf_expand(c, prk, part, 6, out, len);
}

bool hpke_shared_secret(const struct crypto *c, enum hpke_kem kem, const uint8_t dh[HPKE_NDH], const uint8_t *enc,
                        const uint8_t *pkRm, uint8_t shared_secret[HPKE_NSECRET])
{
    const size_t npk = kem == HPKE_X25519 ? X25519_LEN : P256_PK_LEN;
    const struct crypto_part suite = BYTES(KEM_SUITE[kem == HPKE_X25519]), eae_prk = TEXT("eae_prk"),
                             label = TEXT("shared_secret");
    const struct crypto_part kem_context[2] = { { enc, npk }, { pkRm, npk } };
    uint8_t prk[SHA256_LEN];
    bool ok = labeled_extract(c, NULL, 0, suite, eae_prk, (struct crypto_part){ dh, HPKE_NDH }, prk) &&
              labeled_expand(c, prk, suite, label, kem_context, shared_secret, HPKE_NSECRET);
    bytes_wipe(prk, sizeof prk);
    return ok;
}

bool hpke_key_schedule(const struct crypto *c, enum hpke_kem kem, const uint8_t shared_secret[HPKE_NSECRET],
                       const struct hpke_psk *psk, const uint8_t *info, size_t info_len, uint8_t exporter_secret[HPKE_NH])
{
    if (psk && (psk->psk_len < PSK_MIN || psk->psk_id_len == 0))
        return false;

    const struct crypto_part suite = BYTES(HPKE_SUITE[kem == HPKE_X25519]);
    const struct crypto_part psk_id = { psk ? psk->psk_id : NULL, psk ? psk->psk_id_len : 0 };
    const struct crypto_part ikm = { psk ? psk->psk : NULL, psk ? psk->psk_len : 0 };
    const struct crypto_part id_label = TEXT("psk_id_hash"), info_label = TEXT("info_hash"), secret_label = TEXT("secret"),
                             exp_label = TEXT("exp");

    uint8_t context[1 + 2 * SHA256_LEN] = { psk ? MODE_PSK : MODE_BASE }; /* key_schedule_context */
    uint8_t secret[SHA256_LEN];
    const struct crypto_part context_part[2] = { BYTES(context), { NULL, 0 } };
    bool ok =
        labeled_extract(c, NULL, 0, suite, id_label, psk_id, context + 1) &&
        labeled_extract(c, NULL, 0, suite, info_label, (struct crypto_part){ info, info_len }, context + 1 + SHA256_LEN) &&
        labeled_extract(c, shared_secret, HPKE_NSECRET, suite, secret_label, ikm, secret) &&
        labeled_expand(c, secret, suite, exp_label, context_part, exporter_secret, HPKE_NH);
    bytes_wipe(secret, sizeof secret);
    return ok;
}

bool hpke_export(const struct crypto *c, enum hpke_kem kem, const uint8_t exporter_secret[HPKE_NH], const void *context,
                 size_t context_len, uint8_t *out, size_t len)
{
    const struct crypto_part suite = BYTES(HPKE_SUITE[kem == HPKE_X25519]), label = TEXT("sec");
    const struct crypto_part context_part[2] = { { context, context_len }, { NULL, 0 } };
    return labeled_expand(c, exporter_secret, suite, label, context_part, out, len);
}
