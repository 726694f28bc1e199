#include "tests/vectors/walk.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/cose.h"
#include "protocol/hkdf.h"
#include "protocol/kem.h"
#include "protocol/oaep.h"
#include "protocol/device.h"
#include "protocol/p256.h"
#include "protocol/peer.h"

struct vector {
    bool refused;
    unsigned n;
    struct crypto_part f[VECTOR_FIELDS_MAX];
};

static uint8_t work[HKDF_LEN_MAX];

static bool is(const struct crypto_part *f, const void *got, size_t len)
{
    return f->len == len && (len == 0 || memcmp(f->data, got, len) == 0);
}

static bool run_hmac(const struct crypto *c, const struct vector *v)
{
    uint8_t mac[SHA256_LEN];
    size_t cut = v->f[2].len;
    /* in two parts: the list must join as one message */
    const uint8_t *m = v->f[1].data;
    size_t half = v->f[1].len / 2;
    const struct crypto_part part[] = { { m, half }, { m + half, v->f[1].len - half } };
    if (cut > sizeof mac || !c->hmac_sha256(c->io, v->f[0].data, v->f[0].len, part, 2, mac))
        return false;
    return is(&v->f[2], mac, cut) != v->refused;
}

static bool run_hkdf(const struct crypto *c, const struct vector *v)
{
    uint8_t prk[SHA256_LEN];
    if (!hkdf_extract(c, v->f[1].data, v->f[1].len, &v->f[0], 1, prk) || (v->f[3].len && !is(&v->f[3], prk, sizeof prk)))
        return false;
    if (v->refused)
        return v->f[4].len == 4 && !hkdf_expand(c, prk, &v->f[2], 1, work, get32(v->f[4].data));
    return v->f[4].len <= sizeof work && hkdf_expand(c, prk, &v->f[2], 1, work, v->f[4].len) &&
           is(&v->f[4], work, v->f[4].len);
}

/* Seal gives the ciphertext, open the plaintext, both also in place; one changed bit of the tag is refused, and the
 * plaintext does not stay behind. */
static bool ccm_agrees(const struct crypto *c, const struct ccm *m, const struct crypto_part *plain,
                       const struct crypto_part *sealed, bool refused)
{
    if (plain->len + m->tag_len > sizeof work || sealed->len != plain->len + m->tag_len)
        return false;
    if (!c->ccm_seal(c->io, m, plain->data, plain->len, work) || is(sealed, work, sealed->len) == refused)
        return false;
    memcpy(work, sealed->data, sealed->len);
    if (c->ccm_open(c->io, m, work, plain->len, work) == refused || (!refused && !is(plain, work, plain->len)))
        return false;
    if (plain->len)
        memcpy(work, plain->data, plain->len);
    if (!c->ccm_seal(c->io, m, work, plain->len, work) || is(sealed, work, sealed->len) == refused)
        return false;
    memcpy(work, sealed->data, sealed->len);
    work[sealed->len - 1] ^= 1;
    return !c->ccm_open(c->io, m, work, plain->len, work) && (plain->len == 0 || !is(plain, work, plain->len));
}

static bool run_ccm(const struct crypto *c, const struct vector *v)
{
    if (v->f[0].len != CCM_KEY_LEN || v->f[1].len != CCM_NONCE_LEN || v->f[5].len != 1)
        return false;
    const struct ccm m = { v->f[0].data, v->f[1].data, *(const uint8_t *)v->f[5].data, &v->f[2], 1 };
    return ccm_agrees(c, &m, &v->f[3], &v->f[4], v->refused);
}

static bool run_ecdh(const struct crypto *c, const struct vector *v)
{
    uint8_t z[P256_LEN];
    if (v->f[0].len != P256_LEN || v->f[1].len != P256_PK_LEN)
        return false;
    bool done = c->p256_ecdh(c->io, v->f[0].data, v->f[1].data, z);
    return v->refused ? !done : done && is(&v->f[2], z, sizeof z);
}

static bool run_point(const struct crypto *c, const struct vector *v)
{
    uint8_t pk[P256_PK_LEN];
    if (v->f[0].len != P256_LEN)
        return false;
    bool done = c->p256_decompress(c->io, v->f[0].data, pk);
    return v->refused ? !done : done && is(&v->f[1], pk, sizeof pk);
}

static bool run_x25519(const struct crypto *c, const struct vector *v)
{
    uint8_t z[X25519_LEN];
    if (v->f[0].len != X25519_LEN || v->f[1].len != X25519_LEN)
        return false;
    bool done = c->x25519(c->io, v->f[0].data, v->f[1].data, z);
    return v->refused ? !done : done && is(&v->f[2], z, sizeof z);
}

/* z = ECDH(d, pk), and the public key of d: of which KEM, the length of pk says. */
static bool agree(const struct crypto *c, const void *d, const struct crypto_part *pk, uint8_t own[P256_PK_LEN],
                  uint8_t z[P256_LEN])
{
    static const uint8_t base[X25519_LEN] = { 9 };
    if (pk->len == X25519_LEN)
        return c->x25519(c->io, d, base, own) && c->x25519(c->io, d, pk->data, z);
    return c->p256_public(c->io, d, own) && c->p256_ecdh(c->io, d, pk->data, z);
}

static bool run_hpke(const struct crypto *c, const struct vector *v)
{
    enum { SKE, SKR, PKR, ENC, INFO, PSK, PSK_ID, SHARED, EXPORTER, CONTEXT, VALUE };
    uint8_t pk[P256_PK_LEN], dh[P256_LEN], dh2[P256_LEN], shared[HPKE_NSECRET], exporter[HPKE_NH], value[64];
    const struct hpke_psk psk = { v->f[PSK].data, v->f[PSK].len, v->f[PSK_ID].data, v->f[PSK_ID].len };
    size_t len = v->f[VALUE].len;
    const struct kem *kem = kem_of(v->f[PKR].len == X25519_LEN ? SUITE_X25519_CCM : SUITE_P256_CCM);
    if (v->f[SKE].len != P256_LEN || v->f[SKR].len != P256_LEN || v->f[PKR].len != kem->pk_len ||
        v->f[ENC].len != kem->pk_len || len > sizeof value)
        return false;
    return agree(c, v->f[SKE].data, &v->f[PKR], pk, dh) && is(&v->f[ENC], pk, kem->pk_len) &&
           agree(c, v->f[SKR].data, &v->f[ENC], pk, dh2) && is(&v->f[PKR], pk, kem->pk_len) &&
           bytes_equal(dh, dh2, sizeof dh) && hpke_shared_secret(c, kem->id, dh, v->f[ENC].data, v->f[PKR].data, shared) &&
           is(&v->f[SHARED], shared, sizeof shared) &&
           hpke_key_schedule(c, kem->id, shared, psk.psk_len ? &psk : NULL, v->f[INFO].data, v->f[INFO].len, exporter) &&
           is(&v->f[EXPORTER], exporter, sizeof exporter) &&
           hpke_export(c, kem->id, exporter, v->f[CONTEXT].data, v->f[CONTEXT].len, value, len) &&
           is(&v->f[VALUE], value, len);
}

static bool run_cose(const struct crypto *c, const struct vector *v)
{
    enum { KEY, NONCE, EXTERNAL, AAD, PLAIN, SEALED };
    struct cose_aad a;
    size_t n = 0, tag_len = v->f[SEALED].len - v->f[PLAIN].len;
    if (v->f[KEY].len != CCM_KEY_LEN || v->f[NONCE].len != CCM_NONCE_LEN)
        return false;
    cose_enc_structure(&a, tag_len, v->f[EXTERNAL].data, v->f[EXTERNAL].len, NULL, 0);
    for (unsigned i = 0; i < COSE_AAD_PARTS; i++) {
        if (a.part[i].len)
            memcpy(work + n, a.part[i].data, a.part[i].len);
        n += a.part[i].len;
    }
    const struct ccm m = { v->f[KEY].data, v->f[NONCE].data, tag_len, a.part, COSE_AAD_PARTS };
    return is(&v->f[AAD], work, n) && ccm_agrees(c, &m, &v->f[PLAIN], &v->f[SEALED], false);
}

static bool run_oaep(const struct crypto *c, const struct vector *v)
{
    enum { KEY, LABEL, EM, MESSAGE, BLOCK };
    const uint8_t *key = v->f[KEY].data;
    size_t len = 0;
    if (v->f[KEY].len != RSA_LEN + 4 || v->f[EM].len != RSA_LEN)
        return false;
    bool done = oaep_decode(c, &v->f[LABEL], 1, v->f[EM].data, work, &len);
    if (v->refused || !done || !is(&v->f[MESSAGE], work, len))
        return v->refused && !done;
    return v->f[BLOCK].len == 0 || (c->rsa_public && c->rsa_public(c->io, key, key + RSA_LEN, v->f[EM].data, work) &&
                                    is(&v->f[BLOCK], work, RSA_LEN));
}

static bool run_verify(const struct crypto *c, const struct vector *v)
{
    uint8_t digest[SHA256_LEN];
    if (v->f[0].len != P256_PK_LEN || v->f[2].len != ECDSA_LEN || !c->sha256(c->io, &v->f[1], 1, digest))
        return false;
    return c->ecdsa_verify(c->io, v->f[0].data, digest, v->f[2].data) != v->refused;
}

/* Exactly that signature, which then verifies, as does its mirror image n - s. */
static bool run_sign(const struct crypto *c, const struct vector *v)
{
    uint8_t digest[SHA256_LEN], sig[ECDSA_LEN], pk[P256_PK_LEN];
    if (v->f[0].len != P256_LEN || !c->sha256(c->io, &v->f[1], 1, digest) ||
        !c->ecdsa_sign(c->io, v->f[0].data, digest, sig) || !is(&v->f[2], sig, sizeof sig) ||
        !c->p256_public(c->io, v->f[0].data, pk) || !c->ecdsa_verify(c->io, pk, digest, sig))
        return false;
    p256_negate(sig + P256_LEN);
    return c->ecdsa_verify(c->io, pk, digest, sig);
}

/* ---- scheme 1, both sides, byte for byte ---- */

static bool given_random(void *io, void *out, size_t len)
{
    const struct crypto_part *given = io;
    if (given->len != len)
        return false;
    memcpy(out, given->data, len);
    return true;
}

/* The back end under test behind a table whose random source gives known bytes. */
static const struct crypto *real;
static bool via_sha256(void *io, const struct crypto_part *part, size_t n, uint8_t out[SHA256_LEN])
{
    (void)io;
    return real->sha256(real->io, part, n, out);
}
static bool via_hmac(void *io, const uint8_t *key, size_t key_len, const struct crypto_part *part, size_t n,
                     uint8_t out[SHA256_LEN])
{
    (void)io;
    return real->hmac_sha256(real->io, key, key_len, part, n, out);
}
static bool via_seal(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    (void)io;
    return real->ccm_seal(real->io, m, in, len, out);
}
static bool via_open(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    (void)io;
    return real->ccm_open(real->io, m, in, len, out);
}
static bool via_decompress(void *io, const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    (void)io;
    return real->p256_decompress(real->io, x, pk);
}
static bool via_public(void *io, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    (void)io;
    return real->p256_public(real->io, d, pk);
}
static bool via_ecdh(void *io, const uint8_t d[P256_LEN], const uint8_t pk[P256_PK_LEN], uint8_t z[P256_LEN])
{
    (void)io;
    return real->p256_ecdh(real->io, d, pk, z);
}

static struct crypto with_random(const struct crypto *c, struct crypto_part *given)
{
    real = c;
    return (struct crypto){ .sha256 = via_sha256,
                            .hmac_sha256 = via_hmac,
                            .ccm_seal = via_seal,
                            .ccm_open = via_open,
                            .p256_decompress = via_decompress,
                            .p256_public = via_public,
                            .p256_ecdh = via_ecdh,
                            .random = given_random,
                            .io = given };
}

static bool lengths_ok(const struct vector *v)
{
    return v->n == SEALED_FIELDS && v->f[F_IMAGE].len == OTP_IMAGE_LEN && v->f[F_LENGTHS].len == 2 &&
           v->f[F_SKR].len == P256_LEN && v->f[F_BOOT].len == 4 && v->f[F_COUNTER].len == 4 &&
           v->f[F_CHALLENGE].len == CHALLENGE_LEN && v->f[F_SESSION].len == sizeof(struct session);
}

static bool expands_to(const uint8_t *frame, size_t len, const struct crypto_part *want)
{
    struct frame f;
    return frame_parse(frame, len, &f) == FRAME_OK &&
           is(want, work + FRAME_MAX, cose_expand(&f, SUITE_P256_CCM, work + FRAME_MAX, COSE_EXPANDED_MAX));
}

/* The device's three frames come out as the second implementation made them. */
static bool device_agrees(struct crypto *c, struct crypto_part *random, struct device_side *d, const struct vector *v)
{
    const uint8_t *lengths = v->f[F_LENGTHS].data;
    uint32_t boot = get32(v->f[F_BOOT].data), counter = get32(v->f[F_COUNTER].data);
    struct device_session s;
    uint8_t digest[SHA256_LEN];
    size_t len;
    *random = v->f[F_RNG];
    if (otp_image_check(c, v->f[F_IMAGE].data, false, NULL) != OTP_OK ||
        device_sealed.init(c, v->f[F_IMAGE].data, lengths[0], lengths[1], d) != SEALED_OK ||
        device_sealed.open(c, d, boot, v->f[F_DATA].data, v->f[F_DATA].len, work, FRAME_MAX, &len, &s) != SEALED_OK ||
        !is(&v->f[F_OPEN], work, len) || !is(&v->f[F_SESSION], &s.keys, sizeof s.keys) ||
        !expands_to(work, len, &v->f[F_OPEN_COSE]))
        return false;
    if (device_sealed.data(c, d, &s, counter, v->f[F_LATER].data, v->f[F_LATER].len, work, FRAME_MAX, &len) != SEALED_OK ||
        !is(&v->f[F_DATA_FRAME], work, len) || !expands_to(work, len, &v->f[F_DATA_COSE]))
        return false;
    *random = v->f[F_PROOF_RNG];
    return otp_image_digest(c, v->f[F_IMAGE].data, digest) &&
           device_sealed.proof(c, d, boot + 1, v->f[F_CHALLENGE].data, digest, work, FRAME_MAX, &len) == SEALED_OK &&
           is(&v->f[F_PROOF], work, len);
}

/* What the token does for the server: ECDH under skR, psk by MAC. */
struct server {
    const struct crypto *c;
    const uint8_t *skR, *secret;
};

static bool server_ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    const struct server *s = io;
    return s->c->p256_ecdh(s->c->io, s->skR, enc, z);
}

static bool server_mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct server *s = io;
    const struct crypto_part part = { in, len };
    return s->c->hmac_sha256(s->c->io, s->secret, SLOT_LEN, &part, 1, out);
}

static bool parsed(const struct crypto_part *bytes, struct frame *f)
{
    return frame_parse(bytes->data, bytes->len, f) == FRAME_OK;
}

static bool server_agrees(const struct crypto *c, const struct device_side *d, const struct vector *v)
{
    static struct peer_text text; /* the chip's stack is small */
    struct server io = { c, v->f[F_SKR].data, d->secret };
    const struct peer_token token = { .ecdh = server_ecdh, .mac = server_mac, .io = &io };
    struct peer_side p = { .profile = d->profile };
    struct peer_session s, proved;
    struct frame f;
    uint8_t digest[SHA256_LEN], proof[PROOF_LEN];
    memcpy(p.serial, d->serial, sizeof p.serial);
    if (!c->p256_public(c->io, v->f[F_SKR].data, p.pkRm) || !otp_image_digest(c, v->f[F_IMAGE].data, digest))
        return false;
    p256_even_y(p.pkRm);
    profile_proof(v->f[F_CHALLENGE].data, digest, proof);
    return parsed(&v->f[F_OPEN], &f) && peer_sealed.session(c, &p, &token, &f, &s) == SEALED_OK &&
           is(&v->f[F_SESSION], &s.keys, sizeof s.keys) && peer_sealed.open(c, &p, &s, &f, NULL, &text) == SEALED_OK &&
           is(&v->f[F_DATA], text.data, text.data_len) && parsed(&v->f[F_DATA_FRAME], &f) &&
           peer_sealed.data(c, &p, &s, &f, &text) == SEALED_OK && is(&v->f[F_LATER], text.data, text.data_len) &&
           parsed(&v->f[F_PROOF], &f) && peer_sealed.session(c, &p, &token, &f, &proved) == SEALED_OK &&
           peer_sealed.open(c, &p, &proved, &f, proof, &text) == SEALED_OK &&
           peer_sealed.open(c, &p, &proved, &f, NULL, &text) == SEALED_AUTH;
}

static bool run_sealed(const struct crypto *c, const struct vector *v)
{
    struct crypto_part random = { NULL, 0 };
    struct crypto table = with_random(c, &random);
    struct device_side d;
    return lengths_ok(v) && device_agrees(&table, &random, &d, v) && server_agrees(c, &d, v);
}

/* ---- the blob ---- */

static const struct {
    uint8_t fields;
    bool (*run)(const struct crypto *c, const struct vector *v);
} types[VECTOR_TYPES] = {
    [VECTOR_HMAC] = { 3, run_hmac },     [VECTOR_HKDF] = { 5, run_hkdf },
    [VECTOR_CCM] = { 6, run_ccm },       [VECTOR_ECDH] = { 3, run_ecdh },
    [VECTOR_POINT] = { 2, run_point },   [VECTOR_HPKE] = { 11, run_hpke },
    [VECTOR_COSE] = { 6, run_cose },     [VECTOR_SEALED] = { SEALED_FIELDS, run_sealed },
    [VECTOR_VERIFY] = { 3, run_verify }, [VECTOR_SIGN] = { 3, run_sign },
    [VECTOR_OAEP] = { 5, run_oaep },     [VECTOR_X25519] = { 3, run_x25519 },
};

/* Read v->n fields from p; NULL when the blob ends before they do. */
static const uint8_t *get_fields(const uint8_t *p, const uint8_t *end, struct vector *v)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (end - p < 2 || end - p - 2 < get16(p))
            return NULL;
        v->f[i] = (struct crypto_part){ p + 2, get16(p) };
        p += 2 + v->f[i].len;
    }
    return p;
}

bool vectors_run(const struct crypto *c, const uint8_t *blob, size_t len, struct vectors_result *r)
{
    const uint8_t *p = blob, *end = blob + len;
    memset(r, 0, sizeof *r);
    if (len < 4 || memcmp(blob, "FLV1", 4) != 0)
        return false;
    for (p += 4; p < end;) {
        struct vector v;
        uint8_t type = p[0];
        if (end - p < 5 || type == 0 || type >= VECTOR_TYPES || p[4] != types[type].fields)
            return false;
        uint16_t id = get16(p + 2);
        v.refused = (p[1] & VECTOR_REFUSED) != 0;
        v.n = p[4];
        p = get_fields(p + 5, end, &v);
        if (!p)
            return false;
        r->run[type]++;
        if (!types[type].run(c, &v) && r->failed++ == 0) {
            r->failed_type = type;
            r->failed_id = id;
        }
    }
    return len > 4 && r->failed == 0;
}
