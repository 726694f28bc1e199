#include "protocol/signing.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/cose.h"
#include "protocol/kem.h"
#include "protocol/p256.h"
#include "protocol/sealing.h"

bool signing_key(const struct crypto *c, const uint8_t secret[SLOT_LEN], uint8_t d[P256_LEN], uint8_t x[P256_LEN])
{
    uint8_t i = 0, pk[P256_PK_LEN];
    const struct crypto_part part[] = { { "fl1 sig", 7 }, { &i, 1 } };
    bool ok;
    do
        ok = c->hmac_sha256(c->io, secret, SLOT_LEN, part, 2, d);
    while (ok && !p256_scalar_ok(d) && ++i != 0);
    if (!ok || !c->p256_public(c->io, d, pk)) {
        bytes_wipe(d, P256_LEN);
        return false;
    }
    if (pk[P256_PK_LEN - 1] & 1) /* y is public, and so is which of both keys this is */
        p256_negate(d);
    memcpy(x, pk + 1, P256_LEN);
    return true;
}

bool signing_external(const struct crypto *c, const struct signing *s, uint32_t counter, uint8_t h[SHA256_LEN])
{
    uint8_t info[SEALING_INFO_MAX], name[2] = { s->form->hdr, s->open->epoch }, boot4[4], ctr5[5] = { 0 };
    size_t info_len = sealing_info(s->profile, NULL, s->open->epoch, info);
    put32(boot4, s->open->boot);
    put32(ctr5 + 1, counter);
    const struct crypto_part part[] = {
        { info, info_len },      { s->pkRm, kem_of(s->profile->suite)->pk_len },
        { name, sizeof name },   { s->open->x, P256_LEN },
        { boot4, sizeof boot4 }, { ctr5, sizeof ctr5 },
    };
    return c->sha256(c->io, part, sizeof part / sizeof *part, h);
}

static bool digest(const struct crypto *c, const struct signing *s, uint32_t counter, const struct crypto_part *extra,
                   const uint8_t *text, size_t len, uint8_t out[SHA256_LEN])
{
    uint8_t h[SHA256_LEN];
    struct cose_sig sig;
    if (!signing_external(c, s, counter, h))
        return false;
    cose_sig_structure(&sig, h, sizeof h, extra ? extra->data : NULL, extra ? extra->len : 0, text, len);
    return c->sha256(c->io, sig.part, COSE_SIG_PARTS, out);
}

bool signing_make(const struct crypto *c, const struct signing *s, uint32_t counter, const struct crypto_part *extra,
                  const uint8_t *text, size_t len, const uint8_t d[P256_LEN], uint8_t sig[FRAME_SIG_LEN])
{
    uint8_t hash[SHA256_LEN];
    return c->ecdsa_sign && digest(c, s, counter, extra, text, len, hash) && c->ecdsa_sign(c->io, d, hash, sig);
}

enum sealed_result signing_check(const struct crypto *c, const struct signing *s, uint32_t counter,
                                 const struct crypto_part *extra, const uint8_t *text, size_t len, const uint8_t x[P256_LEN],
                                 const uint8_t sig[FRAME_SIG_LEN])
{
    uint8_t hash[SHA256_LEN], pk[P256_PK_LEN];
    if (!c->ecdsa_verify || !digest(c, s, counter, extra, text, len, hash))
        return SEALED_CRYPTO;
    if (!c->p256_decompress(c->io, x, pk))
        return SEALED_POINT;
    return c->ecdsa_verify(c->io, pk, hash, sig) ? SEALED_OK : SEALED_SIGNATURE;
}
