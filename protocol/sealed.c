#include "protocol/sealed.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/cose.h"
#include "protocol/hpke.h"
#include "protocol/p256.h"

enum { BOOT_MAX = 0xFFFFFF, PROOF_LABEL_LEN = 9, PROOF_LEN = PROOF_LABEL_LEN + SEALED_CHALLENGE_LEN + SHA256_LEN };

const char *sealed_result_name(enum sealed_result r)
{
    static const char *const name[SEALED_RESULTS] = {
        "sealed-ok",   "sealed-form",  "sealed-serial", "sealed-point",
        "sealed-auth", "sealed-range", "sealed-random", "sealed-crypto",
    };
    return (unsigned)r < SEALED_RESULTS ? name[r] : "sealed-unknown";
}

/* ---- what both sides share ---- */

bool profile_from_image(const struct otp_image *image, uint8_t sid_len, uint8_t ctr_len, struct profile *out)
{
    if (image->scheme != 1 || image->suite != SUITE_P256_CCM || !frame_data_hdr(sid_len, ctr_len))
        return false;
    *out = (struct profile){ .suite = image->suite,
                             .scheme = image->scheme,
                             .fleet = image->fleet,
                             .psk = (image->policy & POLICY_PSK) != 0,
                             .compact = (image->policy & POLICY_TAG16) == 0,
                             .sid_len = sid_len,
                             .ctr_len = ctr_len };
    return true;
}

static const struct frame_form *open_form(const struct profile *p)
{
    bool known = p->scheme == 1 && p->suite == SUITE_P256_CCM;
    return known ? frame_form(p->compact ? HDR_OPEN_SEALED_COMPACT : HDR_OPEN_SEALED) : NULL;
}

static const struct frame_form *data_form(const struct profile *p)
{
    return frame_form(frame_data_hdr(p->sid_len, p->ctr_len));
}

/* The serial as an OPEN of that form carries it: whole, or its low bytes. */
static const uint8_t *kid_of(const struct frame_form *form, const uint8_t serial[OTP_SERIAL_LEN])
{
    return serial + OTP_SERIAL_LEN - form->kid_len;
}

void sealed_psk_input(const uint8_t x[P256_LEN], uint8_t out[SEALED_PSK_INPUT_LEN])
{
    memcpy(out, "fl1 psk", 7);
    memcpy(out + 7, x, P256_LEN);
}

static void put_info(const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN], uint8_t info[SEALED_INFO_LEN])
{
    memcpy(info, "fl1", 3);
    info[3] = p->suite;
    info[4] = p->scheme;
    put16(info + 5, p->fleet);
    memcpy(info + 7, serial, OTP_SERIAL_LEN);
}

static bool export_keys(const struct crypto *c, const uint8_t exporter_secret[HPKE_NH], struct sealed_session *s)
{
    return hpke_export(c, exporter_secret, "fl1 key", 7, s->key, sizeof s->key) &&
           hpke_export(c, exporter_secret, "fl1 iv", 6, s->iv, sizeof s->iv) &&
           hpke_export(c, exporter_secret, "fl1 sid", 7, s->sid, sizeof s->sid) &&
           hpke_export(c, exporter_secret, "fl1 dkey", 8, s->dkey, sizeof s->dkey) &&
           hpke_export(c, exporter_secret, "fl1 div", 7, s->div, sizeof s->div);
}

enum sealed_result sealed_session_make(const struct crypto *c, const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN],
                                       const uint8_t enc[P256_PK_LEN], const uint8_t pkRm[P256_PK_LEN],
                                       const struct sealed_secrets *in, struct sealed_session *s)
{
    if ((enc[P256_PK_LEN - 1] | pkRm[P256_PK_LEN - 1]) & 1)
        return SEALED_POINT;

    uint8_t info[SEALED_INFO_LEN], shared_secret[HPKE_NSECRET], exporter_secret[HPKE_NH];
    const struct hpke_psk psk = { in->psk, sizeof in->psk, serial, OTP_SERIAL_LEN };
    put_info(p, serial, info);
    bool ok = hpke_shared_secret(c, in->dh, enc, pkRm, shared_secret) &&
              hpke_key_schedule(c, shared_secret, p->psk ? &psk : NULL, info, sizeof info, exporter_secret) &&
              export_keys(c, exporter_secret, s);
    bytes_wipe(shared_secret, sizeof shared_secret);
    bytes_wipe(exporter_secret, sizeof exporter_secret);
    if (!ok)
        bytes_wipe(s, sizeof *s);
    return ok ? SEALED_OK : SEALED_CRYPTO;
}

/* RFC 9052's way to a nonce: the counter, left-padded, XOR the session's iv. */
static void put_nonce(const uint8_t iv[SEALED_IV_LEN], uint32_t counter, uint8_t nonce[CCM_NONCE_LEN])
{
    uint8_t ctr[4];
    put32(ctr, counter);
    memcpy(nonce, iv, CCM_NONCE_LEN);
    for (unsigned i = 0; i < sizeof ctr; i++)
        nonce[CCM_NONCE_LEN - sizeof ctr + i] ^= ctr[i];
}

static void put_proof(const uint8_t challenge[SEALED_CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                      uint8_t out[PROOF_LEN])
{
    memcpy(out, "fl1 proof", PROOF_LABEL_LEN);
    memcpy(out + PROOF_LABEL_LEN, challenge, SEALED_CHALLENGE_LEN);
    memcpy(out + PROOF_LABEL_LEN + SEALED_CHALLENGE_LEN, image_digest, SHA256_LEN);
}

/* ---- device ---- */

enum sealed_result sealed_device_init(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t sid_len,
                                      uint8_t ctr_len, struct sealed_device *d)
{
    struct otp_image in;
    if (otp_image_decode(image, &in) != OTP_OK)
        return SEALED_FORM;
    bool known = profile_from_image(&in, sid_len, ctr_len, &d->profile);
    bytes_wipe(&in, sizeof in); /* holds the secret slot */
    if (!known)
        return SEALED_FORM;
    memcpy(d->serial, image + OTP_OFF_SERIAL, OTP_SERIAL_LEN);
    d->secret = otp_image_secret(image);
    if (d->profile.psk != (d->secret != NULL))
        return SEALED_FORM;
    return c->p256_decompress(c->io, image + OTP_OFF_SLOT, d->pkRm) ? SEALED_OK : SEALED_POINT;
}

/* The hedged ephemeral scalar: safe if either the secret slot or the RNG is good. */
static enum sealed_result ephemeral(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                    uint8_t skE[P256_LEN])
{
    static const uint8_t no_secret[SLOT_LEN];
    uint8_t rng[32] = { 0 }, boot4[4], try = 0;
    if (!c->random(c->io, rng, sizeof rng)) {
        if (!d->secret)
            return SEALED_RANDOM;
        bytes_wipe(rng, sizeof rng); /* a source that failed its test adds nothing; secret and boot number carry it */
    }
    put32(boot4, boot);
    const struct crypto_part part[] = { { "fl1 eph", 7 }, { boot4, 4 }, { &try, 1 }, { rng, sizeof rng } };

    bool ok;
    do
        ok = c->hmac_sha256(c->io, d->secret ? d->secret : no_secret, SLOT_LEN, part, 4, skE);
    while (ok && !p256_scalar_ok(skE) && ++try != 0);
    bytes_wipe(rng, sizeof rng);
    return ok && p256_scalar_ok(skE) ? SEALED_OK : SEALED_CRYPTO;
}

/* Encap with a fresh ephemeral key, down to the session. */
static enum sealed_result encap(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                uint8_t enc[P256_PK_LEN], struct sealed_session *s)
{
    uint8_t skE[P256_LEN], psk_input[SEALED_PSK_INPUT_LEN];
    struct sealed_secrets in = { { 0 }, { 0 } };
    enum sealed_result r = ephemeral(c, d, boot, skE);
    if (r != SEALED_OK)
        goto out;

    r = SEALED_CRYPTO;
    if (!c->p256_public(c->io, skE, enc) || !c->p256_ecdh(c->io, skE, d->pkRm, in.dh))
        goto out;
    p256_even_y(enc); /* the x-coordinate of the ECDH is the same for either sign of y */
    sealed_psk_input(enc + 1, psk_input);
    const struct crypto_part psk_part = { psk_input, sizeof psk_input };
    if (d->profile.psk && !c->hmac_sha256(c->io, d->secret, SLOT_LEN, &psk_part, 1, in.psk))
        goto out;
    r = sealed_session_make(c, &d->profile, d->serial, enc, d->pkRm, &in, s);
out:
    bytes_wipe(skE, sizeof skE);
    bytes_wipe(&in, sizeof in);
    return r;
}

/* Seal data behind the head that already stands in frame. */
static bool seal(const struct crypto *c, const struct frame_form *form, const struct sealed_session *s, uint32_t counter,
                 const struct crypto_part *proof, const uint8_t *data, size_t len, uint8_t *frame)
{
    size_t head_len = frame_size(form, 0) - form->tag_len;
    uint8_t nonce[CCM_NONCE_LEN];
    struct cose_aad aad;
    put_nonce(s->iv, counter, nonce);
    cose_enc_structure(&aad, form->tag_len, frame, head_len, proof ? proof->data : NULL, proof ? proof->len : 0);
    const struct ccm m = { s->key, nonce, form->tag_len, aad.part, COSE_AAD_PARTS };
    return c->ccm_seal(c->io, &m, data, len, frame + head_len);
}

static enum sealed_result make_first(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                     const struct crypto_part *proof, const uint8_t *data, size_t len, uint8_t *frame,
                                     size_t max, size_t *frame_len, struct sealed_session *s)
{
    const struct frame_form *form = open_form(&d->profile);
    if (!form || (d->profile.psk && !d->secret))
        return SEALED_FORM;
    if (boot == 0 || boot > BOOT_MAX || len > FRAME_DATA_MAX || frame_size(form, len) > max)
        return SEALED_RANGE;

    uint8_t enc[P256_PK_LEN];
    enum sealed_result r = encap(c, d, boot, enc, s);
    if (r != SEALED_OK)
        return r;
    frame[0] = form->hdr;
    memcpy(frame + 1, kid_of(form, d->serial), form->kid_len);
    memcpy(frame + 1 + form->kid_len, enc + 1, FRAME_X_LEN);
    if (!seal(c, form, s, 0, proof, data, len, frame)) {
        bytes_wipe(s, sizeof *s);
        return SEALED_CRYPTO;
    }
    *frame_len = frame_size(form, len);
    return SEALED_OK;
}

enum sealed_result sealed_make_open(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                    const uint8_t *data, size_t len, uint8_t *frame, size_t max, size_t *frame_len,
                                    struct sealed_session *s)
{
    return make_first(c, d, boot, NULL, data, len, frame, max, frame_len, s);
}

enum sealed_result sealed_make_proof(const struct crypto *c, const struct sealed_device *d, uint32_t boot,
                                     const uint8_t challenge[SEALED_CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN],
                                     uint8_t *frame, size_t max, size_t *frame_len)
{
    uint8_t bytes[PROOF_LEN];
    const struct crypto_part proof = { bytes, sizeof bytes };
    struct sealed_session s;
    put_proof(challenge, image_digest, bytes);
    enum sealed_result r = make_first(c, d, boot, &proof, NULL, 0, frame, max, frame_len, &s);
    bytes_wipe(&s, sizeof s);
    return r;
}

enum sealed_result sealed_make_data(const struct crypto *c, const struct profile *p, const struct sealed_session *s,
                                    uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                    size_t *frame_len)
{
    const struct frame_form *form = data_form(p);
    if (!form)
        return SEALED_FORM;
    if (counter == 0 || counter >> (8 * form->ctr_len) || len > FRAME_DATA_MAX || frame_size(form, len) > max)
        return SEALED_RANGE;

    uint8_t *ctr = frame + 1 + form->kid_len;
    frame[0] = form->hdr;
    memcpy(frame + 1, s->sid, form->kid_len);
    for (unsigned i = 0; i < form->ctr_len; i++)
        ctr[i] = (uint8_t)(counter >> (8 * (form->ctr_len - 1 - i)));
    if (!seal(c, form, s, counter, NULL, data, len, frame))
        return SEALED_CRYPTO;
    *frame_len = frame_size(form, len);
    return SEALED_OK;
}

/* ---- server ---- */

static enum sealed_result first_is_peers(const struct sealed_peer *p, const struct frame *f)
{
    if (f->form != open_form(&p->profile))
        return SEALED_FORM;
    return memcmp(f->kid, kid_of(f->form, p->serial), f->form->kid_len) == 0 ? SEALED_OK : SEALED_SERIAL;
}

enum sealed_result sealed_check_open(const struct crypto *c, const struct sealed_peer *p, const struct frame *f,
                                     uint8_t enc[P256_PK_LEN])
{
    enum sealed_result r = first_is_peers(p, f);
    if (r != SEALED_OK)
        return r;
    return c->p256_decompress(c->io, f->x, enc) ? SEALED_OK : SEALED_POINT;
}

static enum sealed_result unseal(const struct crypto *c, const struct sealed_session *s, const struct frame *f,
                                 const struct crypto_part *proof, uint8_t *data, size_t *len)
{
    uint8_t nonce[CCM_NONCE_LEN];
    struct cose_aad aad;
    put_nonce(s->iv, f->counter, nonce);
    cose_enc_structure(&aad, f->form->tag_len, f->bytes, f->head_len, proof ? proof->data : NULL, proof ? proof->len : 0);
    const struct ccm m = { s->key, nonce, f->form->tag_len, aad.part, COSE_AAD_PARTS };
    if (!c->ccm_open(c->io, &m, f->ct, f->data_len, data))
        return SEALED_AUTH;
    *len = f->data_len;
    return SEALED_OK;
}

enum sealed_result sealed_read_open(const struct crypto *c, const struct sealed_peer *p, const struct sealed_session *s,
                                    const struct frame *f, uint8_t data[FRAME_DATA_MAX], size_t *len)
{
    enum sealed_result r = first_is_peers(p, f);
    return r == SEALED_OK ? unseal(c, s, f, NULL, data, len) : r;
}

enum sealed_result sealed_read_proof(const struct crypto *c, const struct sealed_peer *p, const struct sealed_session *s,
                                     const struct frame *f, const uint8_t challenge[SEALED_CHALLENGE_LEN],
                                     const uint8_t image_digest[SHA256_LEN])
{
    uint8_t bytes[PROOF_LEN], none[1];
    const struct crypto_part proof = { bytes, sizeof bytes };
    size_t len;
    enum sealed_result r = first_is_peers(p, f);
    if (r != SEALED_OK)
        return r;
    if (f->data_len != 0)
        return SEALED_FORM;
    put_proof(challenge, image_digest, bytes);
    return unseal(c, s, f, &proof, none, &len);
}

enum sealed_result sealed_read_data(const struct crypto *c, const struct profile *p, const struct sealed_session *s,
                                    const struct frame *f, uint8_t data[FRAME_DATA_MAX], size_t *len)
{
    if (f->form != data_form(p))
        return SEALED_FORM;
    if (memcmp(f->kid, s->sid, f->form->kid_len) != 0)
        return SEALED_SERIAL;
    return unseal(c, s, f, NULL, data, len);
}
