#include "protocol/cose.h"

#include <string.h>

#include "protocol/p256.h"
#include "protocol/scheme.h"

/* CBOR major types (RFC 8949 3.1), and the labels of COSE headers (RFC 9052 3.1, RFC 9053 6.3.1). */
enum { CBOR_BSTR = 2, CBOR_TEXT = 3, CBOR_ARRAY = 4, CBOR_MAP = 5 };
enum { LABEL_ALG = 1, LABEL_KID = 4, LABEL_PARTIAL_IV = 6, LABEL_X = 0x23 /* -4 */ };

/* Initial bytes of an item, shortest form (RFC 8949 4.2.1); arg <= 65535.  Returns how many: 1..3. */
static size_t put_head(uint8_t *out, unsigned major, size_t arg)
{
    uint8_t top = (uint8_t)(major << 5);
    if (arg < 24) {
        out[0] = (uint8_t)(top | arg);
        return 1;
    }
    if (arg < 256) {
        out[0] = top | 24;
        out[1] = (uint8_t)arg;
        return 2;
    }
    out[0] = top | 25;
    out[1] = (uint8_t)(arg >> 8);
    out[2] = (uint8_t)arg;
    return 3;
}

/* bstr({1: alg}), shortest form: 43 A1 01 0A or 44 A1 01 18 1E. */
static size_t put_protected(uint8_t *out, size_t tag_len)
{
    bool is_short = tag_len == CCM_TAG_SHORT;
    size_t n = put_head(out, CBOR_BSTR, is_short ? 3 : 4);
    out[n++] = CBOR_MAP << 5 | 1;
    out[n++] = LABEL_ALG;
    return n + put_head(out + n, 0, is_short ? COSE_ALG_CCM_16_128_64 : COSE_ALG_CCM_16_128_128);
}

void cose_enc_structure(struct cose_aad *a, size_t tag_len, const uint8_t *external, size_t external_len,
                        const uint8_t *extra, size_t extra_len)
{
    static const char context[] = "Encrypt0";
    size_t n = put_head(a->head, CBOR_ARRAY, 3);
    n += put_head(a->head + n, CBOR_TEXT, sizeof context - 1);
    memcpy(a->head + n, context, sizeof context - 1);
    n += sizeof context - 1;
    n += put_protected(a->head + n, tag_len);
    n += put_head(a->head + n, CBOR_BSTR, external_len + extra_len);
    a->part[0] = (struct crypto_part){ a->head, n };
    a->part[1] = (struct crypto_part){ external, external_len };
    a->part[2] = (struct crypto_part){ extra, extra_len };
}

static size_t put_bstr(uint8_t *out, const uint8_t *bytes, size_t len)
{
    size_t n = put_head(out, CBOR_BSTR, len);
    if (len)
        memcpy(out + n, bytes, len);
    return n + len;
}

/* One entry of the unprotected map; nothing for an absent field. */
static size_t put_entry(uint8_t *out, uint8_t label, const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    out[0] = label;
    return 1 + put_bstr(out + 1, bytes, len);
}

bool cose_has_form(const struct frame_form *form)
{
    return form->kind != FRAME_REKEY && form->hdr != HDR_OPEN_RSA;
}

/* ---- COSE_Sign1 ---- */

/* bstr({1: -9}) */
static const uint8_t ESP256[] = { 0x43, 0xA1, 0x01, 0x28 };

void cose_sig_structure(struct cose_sig *s, const uint8_t *external, size_t external_len, const uint8_t *extra,
                        size_t extra_len, const uint8_t *payload, size_t payload_len)
{
    static const char context[] = "Signature1";
    size_t n = put_head(s->head, CBOR_ARRAY, 4);
    n += put_head(s->head + n, CBOR_TEXT, sizeof context - 1);
    memcpy(s->head + n, context, sizeof context - 1);
    n += sizeof context - 1;
    memcpy(s->head + n, ESP256, sizeof ESP256);
    n += sizeof ESP256;
    n += put_head(s->head + n, CBOR_BSTR, external_len + extra_len);
    s->part[0] = (struct crypto_part){ s->head, n };
    s->part[1] = (struct crypto_part){ external, external_len };
    s->part[2] = (struct crypto_part){ extra, extra_len };
    s->part[3] = (struct crypto_part){ s->payload_head, put_head(s->payload_head, CBOR_BSTR, payload_len) };
    s->part[4] = (struct crypto_part){ payload, payload_len };
}

size_t cose_sign1(const uint8_t *payload, size_t payload_len, const uint8_t sig[FRAME_SIG_LEN], uint8_t *out, size_t max)
{
    uint8_t low_s[FRAME_SIG_LEN];
    if (payload_len + FRAME_SIG_LEN + 12 > max)
        return 0;
    memcpy(low_s, sig, sizeof low_s);
    p256_low_s(low_s + P256_LEN);
    size_t n = put_head(out, CBOR_ARRAY, 4);
    memcpy(out + n, ESP256, sizeof ESP256);
    n += sizeof ESP256;
    n += put_head(out + n, CBOR_MAP, 0);
    n += put_bstr(out + n, payload, payload_len);
    return n + put_bstr(out + n, low_s, sizeof low_s);
}

size_t cose_rotate_payload(uint8_t suite, uint8_t epoch, const uint8_t x[FRAME_X_LEN], uint8_t out[COSE_ROTATE_MAX])
{
    /* 2: { 1: 2 (EC2), -1: 1 (P-256), -2: x, -3: false (y even) }, RFC 9053 7.1.1 */
    static const uint8_t ec2[] = { 0x02, 0xA4, 0x01, 0x02, 0x20, 0x01, 0x21 };
    /* 2: { 1: 1 (OKP), -1: 4 (X25519), -2: x }, RFC 9053 7.2 */
    static const uint8_t okp[] = { 0x02, 0xA3, 0x01, 0x01, 0x20, 0x04, 0x21 };
    const bool is_okp = suite == SUITE_X25519_CCM;
    size_t n = put_head(out, CBOR_MAP, 2);
    out[n++] = 0x01;
    n += put_head(out + n, 0, epoch);
    memcpy(out + n, is_okp ? okp : ec2, sizeof ec2);
    n += sizeof ec2;
    n += put_bstr(out + n, x, FRAME_X_LEN);
    if (is_okp)
        return n;
    out[n++] = 0x22;
    out[n++] = 0xF4;
    return n;
}

static size_t expand_rotate(const struct frame *f, uint8_t suite, uint8_t *out, size_t max)
{
    uint8_t payload[COSE_ROTATE_MAX];
    return cose_sign1(payload, cose_rotate_payload(suite, *f->epoch, f->x, payload), f->ct, out, max);
}

/* ---- COSE_Encrypt0 ---- */

/* label 4: the name on the air, be it a serial, a sid or an epoch; with boot3 behind it in schemes 4 and 5. */
static size_t put_kid(uint8_t *out, const struct frame *f, const uint8_t *boot3)
{
    uint8_t kid[FRAME_SID_LEN + FRAME_BOOT_LEN];
    size_t len = f->kid ? f->form->kid_len : f->form->epoch_len;
    memcpy(kid, f->kid ? f->kid : f->epoch, len);
    if (boot3) {
        memcpy(kid + len, boot3, FRAME_BOOT_LEN);
        len += FRAME_BOOT_LEN;
    }
    return put_entry(out, LABEL_KID, kid, len);
}

static size_t expand(const struct frame *f, uint8_t suite, const uint8_t *boot3, uint8_t *out, size_t max)
{
    /* around the frame's own bytes: array 1, protected 5, map 1, three entries of label and head 2 or 3, ciphertext head 3,
     * a boot that is not on the air 3 */
    if (f->len + (COSE_EXPANDED_MAX - FRAME_MAX) > max || !cose_has_form(f->form))
        return 0;
    if (f->form->kind == FRAME_ROTATE)
        return expand_rotate(f, suite, out, max);

    size_t n = put_head(out, CBOR_ARRAY, 3);
    n += put_protected(out + n, f->form->tag_len);
    n += put_head(out + n, CBOR_MAP, 1u + (f->ctr != NULL) + (f->x != NULL));
    n += put_kid(out + n, f, boot3); /* keys in order of their encoding: 04, 06, 23 */
    n += put_entry(out + n, LABEL_PARTIAL_IV, f->ctr, f->form->ctr_len);
    n += put_entry(out + n, LABEL_X, f->x, f->form->x_len);
    return n + put_bstr(out + n, f->ct, f->data_len + f->form->tag_len);
}

size_t cose_expand(const struct frame *f, uint8_t suite, uint8_t *out, size_t max)
{
    return expand(f, suite, f->boot, out, max);
}

size_t cose_expand_down(const struct frame *f, const uint8_t boot3[FRAME_BOOT_LEN], uint8_t *out, size_t max)
{
    return expand(f, SUITE_P256_CCM, boot3, out, max);
}
