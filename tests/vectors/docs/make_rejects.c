/* What a product's server and device refuse, with the name of the refusal; and the one odd thing that is right. */
#include <string.h>

#include "protocol/boot_keys.h"
#include "protocol/bytes.h"
#include "protocol/p256.h"
#include "protocol/hpke.h"
#include "protocol/sealing.h"
#include "tests/vectors/docs/make.h"

/* The frames of every product, in this order (make_frames.c). */
enum { FIRST, LATER, LAST, DOWN, EMPTY, PROOF };

struct bench {
    struct docs_product p;
    const json_t *frames;
    json_t *rejects, *accepts;
};

/* A frame that exists, to be spoiled. */
static size_t copy(const struct bench *b, size_t which, uint8_t frame[FRAME_MAX])
{
    size_t n = docs_hex(json_array_get(b->frames, which), "frame", frame, FRAME_MAX);
    MUST(n != 0);
    return n;
}

/* File it under what the receiver answers, which is what is expected.  which: the frame that it was made from, and whose
 * kind and session it is to be taken for; last: DOWN, of the last one accepted; proof: the server asked for one. */
static void file(struct bench *b, const char *why, const char *answer, size_t which, const uint8_t *frame, size_t len,
                 uint32_t last, bool proof)
{
    const json_t *from = json_array_get(b->frames, which), *under = json_object_get(from, "under");
    const json_t *first = under ? json_array_get(b->frames, (size_t)json_integer_value(under)) : NULL;
    bool down = docs_is(from, "kind", "DOWN"), good = strcmp(answer, "sealed-ok") == 0;
    json_t *o = json_object(), *asked = json_array_get(b->frames, PROOF);
    struct peer_session s;
    struct peer_text text;
    json_object_set_new(o, "why", json_string(why));
    json_object_set_new(o, "answer", json_string(answer));
    json_object_set(o, "kind", json_object_get(from, "kind"));
    if (under)
        json_object_set(o, "under", json_object_get(from, "under"));
    if (down)
        json_object_set_new(o, "down_last", json_integer((json_int_t)last));
    if (proof) {
        json_object_set(o, "challenge32", json_object_get(asked, "challenge32"));
        json_object_set(o, "image_digest32", json_object_get(asked, "image_digest32"));
    }
    docs_set(o, "frame", frame, len);
    const char *got = docs_take(&b->p, first, o, frame, len, &s, &text);
    if (strcmp(got, answer) != 0)
        make_must(false, why, got, (int)which);
    MUST(json_array_append_new(good ? b->accepts : b->rejects, o) == 0);
}

static void reject(struct bench *b, const char *why, const char *answer, size_t which, const uint8_t *frame, size_t len)
{
    file(b, why, answer, which, frame, len, 0, false);
}

/* The same with one byte changed. */
static void reject_byte(struct bench *b, const char *why, const char *answer, size_t which, size_t at, uint8_t value)
{
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, which, frame);
    frame[at < n ? at : n - 1] = value;
    reject(b, why, answer, which, frame, n);
}

static uint8_t byte_of(const struct bench *b, size_t which, size_t at)
{
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, which, frame);
    return frame[at < n ? at : n - 1];
}

/* ---- of every scheme ---- */

static void reject_everywhere(struct bench *b)
{
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, FIRST, frame);
    reject_byte(b, "a header byte that does not exist", "frame-header", FIRST, 0, 0x3F);
    if (b->p.peer.profile.suite == SUITE_RSA)
        reject_byte(b, "the last bit of the block", "sealed-auth", FIRST, n, byte_of(b, FIRST, n) ^ 1);
    else
        reject_byte(b, "the last bit of the tag", "sealed-auth", FIRST, n, byte_of(b, FIRST, n) ^ 1);
    n = copy(b, EMPTY, frame);
    reject(b, "cut by a byte", "frame-short", EMPTY, frame, n - 1);
    n = copy(b, PROOF, frame);
    reject(b, "a proof, given out for telemetry", "sealed-auth", FIRST, frame, n);
    n = copy(b, EMPTY, frame);
    file(b, "telemetry without data, given out for a proof", "sealed-auth", EMPTY, frame, n, 0, true);
    n = copy(b, LATER, frame);
    reject_byte(b, "the last bit of the tag of DATA", "sealed-auth", LATER, n, byte_of(b, LATER, n) ^ 1);
}

static void reject_down(struct bench *b)
{
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, DOWN, frame), ctr_at = b->p.on_device->sid ? 1u + b->p.peer.profile.sid_len : 5;
    file(b, "DOWN, the second time", "sealed-counter", DOWN, frame, n, 1, false);
    reject_byte(b, "DOWN of another session or device", "sealed-serial", DOWN, 1, byte_of(b, DOWN, 1) ^ 1);
    reject_byte(b, "DOWN with another ctr", "sealed-auth", DOWN, ctr_at, 2);
    reject_byte(b, "DOWN with ctr 0", "frame-counter", DOWN, ctr_at, 0);
    reject_byte(b, "DOWN, the last bit of the tag", "sealed-auth", DOWN, n, byte_of(b, DOWN, n) ^ 1);
    n = copy(b, LATER, frame);
    reject(b, "DATA, sent back to the device", "sealed-form", DOWN, frame, n);
}

/* ---- sessions that are named by a sid ---- */

static void reject_sid(struct bench *b)
{
    const struct profile *p = &b->p.peer.profile;
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, LATER, frame), ctr_at = 1u + p->sid_len;
    for (unsigned i = 0; i < p->ctr_len; i++)
        frame[ctr_at + i] = 0;
    reject(b, "DATA with ctr 0", "frame-counter", LATER, frame, n);
    reject_byte(b, "DATA of another session", "sealed-serial", LATER, 1, byte_of(b, LATER, 1) ^ 1);
    reject_byte(b, "DATA with another ctr", "sealed-auth", LATER, ctr_at + p->ctr_len - 1, 2);
    reject_byte(b, "DATA with lengths of sid and ctr that are not the product's", "sealed-form", LATER, 0,
                byte_of(b, LATER, 0) ^ 0x18); /* 49 <-> 51, 4A <-> 52 */
}

/* ---- the HPKE family ---- */

static void reject_x(struct bench *b, size_t at)
{
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, FIRST, frame);
    memset(frame + at, 0, P256_LEN);
    frame[at + P256_LEN - 1] = 1;
    reject(b, "x without a square root", "sealed-point", FIRST, frame, n);
    memset(frame + at, 0xFF, P256_LEN);
    reject(b, "x above p", "sealed-point", FIRST, frame, n);
}

/* RFC 7748 6.1: what leads to an all-zero result, and what is another name of the same u. */
static void reject_u(struct bench *b, size_t at)
{
    static const uint8_t order_8[X25519_LEN] = { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
                                                 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
                                                 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 };
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, FIRST, frame);
    reject_byte(b, "u with the bit that X25519 does not look at", "sealed-auth", FIRST, at + X25519_LEN - 1,
                byte_of(b, FIRST, at + X25519_LEN - 1) ^ 0x80);
    memset(frame + at, 0, X25519_LEN);
    reject(b, "u = 0", "sealed-point", FIRST, frame, n);
    frame[at] = 1;
    reject(b, "u = 1, of order 4", "sealed-point", FIRST, frame, n);
    memcpy(frame + at, order_8, sizeof order_8);
    reject(b, "u of order 8", "sealed-point", FIRST, frame, n);
}

static void reject_points(struct bench *b)
{
    const size_t at = b->p.peer.profile.scheme != 1 ? 2 : b->p.peer.profile.compact ? 5 : 9;
    if (b->p.peer.profile.suite == SUITE_X25519_CCM)
        reject_u(b, at);
    else
        reject_x(b, at);
    reject_byte(b, "another serial or epoch", "sealed-serial", FIRST, 1, byte_of(b, FIRST, 1) ^ 1);
    reject_byte(b, "tag and serial of the other form: compact for whole, whole for compact", "sealed-form", FIRST, 0,
                byte_of(b, FIRST, 0) ^ 8);
}

/* The frame of a sender who hashes its point as it comes, with odd y.  The ECDH is the same, the keys are not. */
static void reject_odd_enc(struct bench *b)
{
    uint8_t frame[FRAME_MAX], enc[P256_PK_LEN], dh[P256_LEN], info[SEALING_INFO_MAX], ss[HPKE_NSECRET], exp[HPKE_NH];
    const json_t *o = json_array_get(b->frames, EMPTY);
    const struct crypto *c = &b->p.c;
    struct frame f;
    struct session s = { 0 };
    size_t n = copy(b, EMPTY, frame);
    MUST(docs_is(o, "skE_y", "odd"));
    MUST(docs_hex(o, "skE", dh, sizeof dh) && c->p256_public(c->io, dh, enc) && docs_hex(o, "dh", dh, sizeof dh));
    MUST(enc[P256_PK_LEN - 1] & 1);
    size_t info_len = sealing_info(&b->p.peer.profile, b->p.peer.serial, b->p.peer.epoch, info);
    MUST(hpke_shared_secret(c, HPKE_P256, dh, enc, b->p.peer.pkRm, ss) &&
         hpke_key_schedule(c, HPKE_P256, ss, NULL, info, info_len, exp));
    MUST(hpke_export(c, HPKE_P256, exp, "fl1 key", 7, s.key, sizeof s.key) &&
         hpke_export(c, HPKE_P256, exp, "fl1 iv", 6, s.iv, sizeof s.iv));
    MUST(frame_parse(frame, n, &f) == FRAME_OK);
    MUST(docs_hex(o, "text", frame + f.head_len, f.data_len) == f.data_len);
    MUST(session_seal(c, session_up(&s), f.form, 0, NULL, f.data_len, frame) == SEALED_OK);
    reject(b, "HPKE over the ephemeral point with odd y", "sealed-auth", EMPTY, frame, n);
}

/* ---- signed frames: what the holder of every server key can do ---- */

/* Seal another text under the session of a frame. */
static size_t reseal(struct bench *b, size_t which, const uint8_t *text, size_t text_len, uint8_t frame[FRAME_MAX])
{
    const json_t *o = json_array_get(b->frames, which), *under = json_object_get(o, "under");
    const json_t *first = under ? json_array_get(b->frames, (size_t)json_integer_value(under)) : o;
    struct session s = { 0 };
    struct frame f;
    size_t n = copy(b, which, frame);
    MUST(docs_hex(first, "key", s.key, sizeof s.key) && docs_hex(first, "iv", s.iv, sizeof s.iv));
    MUST(frame_parse(frame, n, &f) == FRAME_OK);
    memcpy(frame + f.head_len, text, text_len);
    MUST(session_seal(&b->p.c, session_up(&s), f.form, f.counter, NULL, text_len, frame) == SEALED_OK);
    return frame_size(f.form, text_len);
}

static void reject_signatures(struct bench *b)
{
    uint8_t frame[FRAME_MAX], text[FRAME_PLAIN_MAX], scratch[FRAME_MAX];
    const json_t *o = json_array_get(b->frames, FIRST);
    size_t len = docs_hex(o, "text", text, sizeof text), serial_len = b->p.peer.profile.compact ? 4 : 8;
    text[len - FRAME_SIG_LEN - 1] ^= 1;
    reject(b, "other data under the device's signature", "sealed-signature", FIRST, frame,
           reseal(b, FIRST, text, len, frame));
    text[len - FRAME_SIG_LEN - 1] ^= 1;
    memset(text + serial_len, 0, FRAME_BOOT_LEN);
    reject(b, "boot number 0", "sealed-form", FIRST, frame, reseal(b, FIRST, text, len, frame));

    (void)docs_hex(o, "text", text, sizeof text);
    p256_negate(text + len - P256_LEN);
    size_t n = reseal(b, FIRST, text, len, frame);
    reject(b, "n - s in place of s: as good", "sealed-ok", FIRST, frame, n);

    p256_negate(b->p.device.sign_key); /* the key as it came, of the point with odd y, or one made odd */
    n = docs_make(&b->p, NULL, o, scratch);
    p256_negate(b->p.device.sign_key);
    reject(b, "signed with n - d, the key of the point with odd y", "sealed-signature", FIRST, scratch, n);

    if (b->p.peer.profile.sign_all) {
        (void)docs_hex(json_array_get(b->frames, LATER), "data", text, sizeof text);
        n = reseal(b, LATER, text, 16, frame);
        reject(b, "DATA without a signature, where all is signed", "sealed-range", LATER, frame, n);
    }
}

/* ---- RSA ---- */

static size_t rsa_frame(struct bench *b, const char *label, const uint8_t *text, size_t len, uint8_t frame[FRAME_MAX])
{
    uint8_t seed[OAEP_SEED_LEN];
    const struct crypto_part l = { label, 9 }, m = { text, len };
    make_bytes("seed", 0, seed);
    frame[0] = HDR_OPEN_RSA;
    MUST(oaep_encode(&b->p.c, &l, 1, seed, &m, 1, frame + 1));
    MUST(b->p.c.rsa_public(b->p.c.io, b->p.rsa, b->p.rsa + RSA_LEN, frame + 1, frame + 1));
    return SESSION_RSA_FRAME_LEN;
}

static void reject_rsa(struct bench *b)
{
    uint8_t frame[FRAME_MAX], text[49] = { SESSION_RSA_VERSION };
    make_bytes("id", 0, text + 1);
    reject(b, "the label of another fleet", "sealed-auth", FIRST, frame,
           rsa_frame(b, "fl1 rsa\x01\x03", text, sizeof text, frame));
    reject(b, "a text shorter than version and ID", "sealed-auth", FIRST, frame,
           rsa_frame(b, "fl1 rsa\x01\x02", text, 32, frame));
    text[0] = 0x02;
    reject(b, "another version of the text", "sealed-auth", FIRST, frame,
           rsa_frame(b, "fl1 rsa\x01\x02", text, sizeof text, frame));
    memset(frame + 1, 0xFF, RSA_LEN);
    reject(b, "a block above the modulus", "sealed-crypto", FIRST, frame, SESSION_RSA_FRAME_LEN);
}

/* ---- schemes 4 and 5 ---- */

static void reject_boot(struct bench *b)
{
    uint8_t frame[FRAME_MAX];
    size_t n = copy(b, FIRST, frame);
    reject_byte(b, "another serial4", "sealed-serial", FIRST, 4, byte_of(b, FIRST, 4) ^ 1);
    reject_byte(b, "boot number 0", "sealed-range", FIRST, 7, 0);
    reject_byte(b, "another boot number", "sealed-auth", FIRST, 7, 2);
    reject_byte(b, "ctr 0", "frame-counter", FIRST, 9, 0);
    reject_byte(b, "another ctr", "sealed-auth", FIRST, 9, 9);
    if (b->p.peer.profile.scheme == 5 && b->p.device.gen) {
        struct device_side now = b->p.device;
        b->p.device.gen = 0;
        memset(b->p.device.salt, 0, sizeof b->p.device.salt);
        n = docs_make(&b->p, NULL, json_array_get(b->frames, FIRST), frame);
        reject(b, "of generation 0, after the REKEY to 1", "sealed-auth", FIRST, frame, n);
        b->p.device = now;
    }
}

void make_rejects(json_t *product)
{
    struct bench b = { .frames = json_object_get(product, "frames"), .rejects = json_array(), .accepts = json_array() };
    MUST(docs_open(&b.p, product));
    const struct profile *p = &b.p.peer.profile;
    bool sid = b.p.on_device->sid, hpke = sid && p->suite != SUITE_RSA, is_signed = b.p.on_server->verify != NULL;
    reject_everywhere(&b);
    if (hpke)
        reject_points(&b);
    if (hpke && !p->psk && !is_signed && p->suite != SUITE_X25519_CCM)
        reject_odd_enc(&b);
    if (is_signed)
        reject_signatures(&b);
    if (p->suite == SUITE_RSA)
        reject_rsa(&b);
    if (sid)
        reject_sid(&b);
    else
        reject_boot(&b);
    reject_down(&b);
    if (json_array_size(b.accepts) > 0)
        json_object_set(product, "accepts", b.accepts);
    json_object_set(product, "rejects", b.rejects);
    json_decref(b.accepts);
    json_decref(b.rejects);
    docs_close(&b.p);
}
