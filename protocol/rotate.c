#include "protocol/rotate.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/kem.h"
#include "protocol/p256.h"

enum { NO_SLOT = 0xFF, BACKUP_SCHEME = 2, V_BACKUP = 1, PAYLOAD_MAX = 47, OFF_EPOCH = 1, OFF_X = 2, OFF_SIG = 34 };

/* Where the RA's and the backup RA's x stand, by scheme (protocol/scheme.c names the slots). */
static const uint8_t ra_slot[SCHEME_MAX + 1][2] = {
    { NO_SLOT, NO_SLOT }, { NO_SLOT, NO_SLOT }, { 1, 2 },       { 2, NO_SLOT }, { NO_SLOT, NO_SLOT },
    { NO_SLOT, NO_SLOT }, { 2, NO_SLOT },       { 3, NO_SLOT }, { 2, NO_SLOT },
};

static bool has_ra(uint8_t scheme, uint8_t v)
{
    return scheme <= SCHEME_MAX && v <= V_BACKUP && ra_slot[scheme][v] != NO_SLOT;
}

const uint8_t *rotate_ra(const uint8_t image[OTP_IMAGE_LEN], uint8_t v)
{
    uint8_t scheme = image[OTP_OFF_SCHEME];
    return has_ra(scheme, v) ? image + OTP_OFF_SLOT + ra_slot[scheme][v] * SLOT_LEN : NULL;
}

bool rotate_after(struct rotate_mark a, struct rotate_mark b)
{
    return a.v > b.v || (a.v == b.v && a.epoch > b.epoch);
}

/* ---- bytes ---- */

static size_t put(uint8_t *out, const char *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return len;
}

/* A2 01 epoch 02 A4 01 02 20 01 21 5820 x 22 F4, of X25519 A2 01 epoch 02 A3 01 01 20 04 21 5820 x; the epoch in its
 * shortest form, as deterministic CBOR wants it: one byte below 24, else 18 and the byte (RFC 8949 4.2.1). */
static size_t put_payload(uint8_t suite, uint8_t epoch, const uint8_t x[P256_LEN], uint8_t out[PAYLOAD_MAX])
{
    const bool okp = suite == SUITE_X25519_CCM;
    size_t n = put(out, "\xA2\x01", 2);
    if (epoch >= 24)
        out[n++] = 0x18;
    out[n++] = epoch;
    n += put(out + n, okp ? "\x02\xA3\x01\x01\x20\x04\x21\x58\x20" : "\x02\xA4\x01\x02\x20\x01\x21\x58\x20", 9);
    memcpy(out + n, x, P256_LEN);
    n += P256_LEN;
    return okp ? n : n + put(out + n, "\x22\xF4", 2);
}

/* bstr of the payload: always longer than 23 bytes and shorter than 256. */
static size_t put_payload_bstr(uint8_t suite, uint8_t epoch, const uint8_t x[P256_LEN], uint8_t *out)
{
    size_t n = put_payload(suite, epoch, x, out + 2);
    out[0] = 0x58;
    out[1] = (uint8_t)n;
    return n + 2;
}

size_t rotate_sig_structure(const struct profile *p, struct rotate_mark mark, const uint8_t x[P256_LEN],
                            uint8_t out[ROTATE_TBS_MAX])
{
    size_t n = put(out, "\x84\x6ASignature1\x43\xA1\x01\x28\x4E" /* bstr(14) */ "fl1 rotate", 27);
    out[n++] = mark.v;
    out[n++] = p->suite;
    put16(out + n, p->fleet);
    n += 2;
    return n + put_payload_bstr(p->suite, mark.epoch, x, out + n);
}

void rotate_put(struct rotate_mark mark, const uint8_t x[P256_LEN], const uint8_t sig[ECDSA_LEN], uint8_t frame[ROTATE_LEN])
{
    frame[0] = frame_rotate[mark.v == V_BACKUP].hdr;
    frame[OFF_EPOCH] = mark.epoch;
    memcpy(frame + OFF_X, x, P256_LEN);
    memcpy(frame + OFF_SIG, sig, ECDSA_LEN);
}

size_t rotate_cose(uint8_t suite, const uint8_t bytes[ROTATE_LEN], uint8_t out[ROTATE_COSE_MAX])
{
    size_t n = put(out, "\x84\x43\xA1\x01\x28\xA0", 6);
    n += put_payload_bstr(suite, bytes[OFF_EPOCH], bytes + OFF_X, out + n);
    n += put(out + n, "\x58\x40", 2);
    memcpy(out + n, bytes + OFF_SIG, ECDSA_LEN);
    p256_low_s(out + n + ECDSA_LEN / 2);
    return n + ECDSA_LEN;
}

/* ---- making and checking ---- */

/* As rotate_digest, with the point that x names. */
static enum sealed_result digest_of(const struct crypto *c, const struct profile *p, struct rotate_mark mark,
                                    const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN], uint8_t digest[SHA256_LEN])
{
    if (!has_ra(p->scheme, mark.v) || mark.epoch == 0)
        return SEALED_FORM;
    if (!kem_of(p->suite)->point(c, x, pk))
        return SEALED_POINT;
    uint8_t tbs[ROTATE_TBS_MAX];
    const struct crypto_part part = { tbs, rotate_sig_structure(p, mark, x, tbs) };
    return c->sha256(c->io, &part, 1, digest) ? SEALED_OK : SEALED_CRYPTO;
}

enum sealed_result rotate_digest(const struct crypto *c, const struct profile *p, struct rotate_mark mark,
                                 const uint8_t x[P256_LEN], uint8_t digest[SHA256_LEN])
{
    uint8_t pk[P256_PK_LEN];
    return digest_of(c, p, mark, x, pk, digest);
}

static bool parse(const uint8_t *bytes, size_t len, struct rotate_mark *mark, struct frame *f)
{
    for (uint8_t v = 0; v <= V_BACKUP; v++)
        if (frame_parse_as(&frame_rotate[v], bytes, len, f) == FRAME_OK) {
            *mark = (struct rotate_mark){ v, f->epoch[0] };
            return true;
        }
    return false;
}

enum sealed_result rotate_verify(const struct crypto *c, const struct profile *p, const uint8_t ra_x[P256_LEN],
                                 const uint8_t *bytes, size_t len, struct rotate_mark *mark, uint8_t pk[P256_PK_LEN])
{
    uint8_t ra[P256_PK_LEN], point[P256_PK_LEN], digest[SHA256_LEN];
    struct rotate_mark m;
    struct frame f;
    if (!parse(bytes, len, &m, &f))
        return SEALED_FORM;
    if (!c->ecdsa_verify)
        return SEALED_CRYPTO;
    enum sealed_result r = digest_of(c, p, m, f.x, point, digest);
    if (r != SEALED_OK)
        return r;
    if (!c->p256_decompress(c->io, ra_x, ra))
        return SEALED_POINT;
    if (!c->ecdsa_verify(c->io, ra, digest, f.ct))
        return SEALED_SIGNATURE;
    *mark = m;
    memcpy(pk, point, sizeof point);
    return SEALED_OK;
}

enum sealed_result rotate_verify_image(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], bool revoked,
                                       const uint8_t *bytes, size_t len, struct rotate_mark *mark, uint8_t pk[P256_PK_LEN])
{
    const struct profile p = { .suite = image[OTP_OFF_SUITE],
                               .scheme = image[OTP_OFF_SCHEME],
                               .fleet = get16(image + OTP_OFF_FLEET) };
    struct rotate_mark m;
    struct frame f;
    if (!parse(bytes, len, &m, &f) || !rotate_ra(image, m.v))
        return SEALED_FORM;
    if (revoked && m.v == 0)
        return SEALED_SIGNATURE;
    return rotate_verify(c, &p, rotate_ra(image, m.v), bytes, len, mark, pk);
}
