/* The frames of a product, with what leads to them. */
#include <string.h>

#include "protocol/boot_keys.h"
#include "protocol/bytes.h"
#include "protocol/cose.h"
#include "protocol/p256.h"
#include "protocol/sealing.h"
#include "protocol/signing.h"
#include "tests/vectors/docs/make.h"

enum { OPEN_BOOT = 1, PROOF_BOOT = 2, OTHER_BOOT = 0x0A0B0C, DOWN_CTR = 1 };

static void set_number(json_t *o, const char *key, uint32_t n)
{
    MUST(json_object_set_new(o, key, json_integer((json_int_t)n)) == 0);
}

/* ---- what leads to the keys of a session ---- */

/* The random bytes of a first frame, such that its ephemeral point comes out with the y that is asked for. */
static void choose_random(struct docs_product *p, json_t *o, bool odd)
{
    const struct kem *kem = kem_of(p->peer.profile.suite);
    uint8_t rng[32], skE[P256_LEN], enc[P256_PK_LEN], n = 0;
    do {
        make_bytes("rng", n++, rng);
        docs_set(o, "rng32", rng, sizeof rng);
        docs_random(o);
        MUST(sealing_ephemeral(&p->c, kem, p->device.secret, docs_number(o, "boot"), skE) == SEALED_OK);
        MUST(!kem->even_y || p->c.p256_public(p->c.io, skE, enc));
    } while (kem->even_y && (enc[P256_PK_LEN - 1] & 1) != odd);
    docs_set(o, "skE", skE, sizeof skE);
    if (!kem->even_y)
        return;
    MUST(json_object_set_new(o, "skE_y", json_string(odd ? "odd" : "even")) == 0);
}

static void show_sealing(struct docs_product *p, json_t *o)
{
    uint8_t skE[P256_LEN], enc[P256_PK_LEN], dh[P256_LEN], info[SEALING_INFO_MAX], in[SEALING_PSK_INPUT_LEN],
        psk[SHA256_LEN];
    const struct kem *kem = kem_of(p->peer.profile.suite);
    MUST(docs_hex(o, "skE", skE, sizeof skE) == sizeof skE && kem->encap(&p->c, skE, p->peer.pkRm, enc, dh));
    docs_set(o, "enc", enc, kem->pk_len);
    docs_set(o, "dh", dh, sizeof dh);
    docs_set(o, "info", info, sealing_info(&p->peer.profile, p->peer.serial, p->peer.epoch, info));
    if (!p->peer.profile.psk)
        return;
    sealing_psk_input(enc + 1, in);
    MUST(p->token.mac(p->token.io, in, sizeof in, psk));
    docs_set(o, "psk", psk, sizeof psk);
}

static void show_rsa(struct docs_product *p, json_t *o, bool proof, const struct peer_text *text)
{
    uint8_t rng[32], b[4], i = 0, id[32], seed[32], label[SESSION_RSA_LABEL_MAX], em[RSA_LEN], proof_text[SHA256_LEN];
    uint8_t challenge[CHALLENGE_LEN], digest[SHA256_LEN], bytes[PROOF_LEN], version = SESSION_RSA_VERSION;
    const struct crypto_part part[] = { { "fl1 rid", 7 }, { b, sizeof b }, { &i, 1 }, { rng, sizeof rng } };
    const struct crypto_part all = { bytes, sizeof bytes };
    size_t n = session_rsa_label(&p->peer.profile, proof, label);
    MUST(docs_hex(o, "rng32", rng, sizeof rng) == sizeof rng);
    put32(b, docs_number(o, "boot"));
    MUST(p->c.hmac_sha256(p->c.io, p->device.secret, SLOT_LEN, part, 4, id));
    i = 1;
    MUST(p->c.hmac_sha256(p->c.io, p->device.secret, SLOT_LEN, part, 4, seed));
    struct crypto_part message[] = { { &version, 1 }, { id, sizeof id }, { text->data, text->data_len } };
    if (proof) {
        (void)docs_hex(o, "challenge32", challenge, sizeof challenge);
        (void)docs_hex(o, "image_digest32", digest, sizeof digest);
        profile_proof(challenge, digest, bytes);
        MUST(p->c.sha256(p->c.io, &all, 1, proof_text));
        message[2] = (struct crypto_part){ proof_text, sizeof proof_text };
    }
    const struct crypto_part l = { label, n };
    MUST(oaep_encode(&p->c, &l, 1, seed, message, 3, em));
    docs_set(o, "ID32", id, sizeof id);
    docs_set(o, "oaep_seed32", seed, sizeof seed);
    docs_set(o, "label", label, n);
    docs_set(o, "em", em, sizeof em);
}

static void show_keys(json_t *o, const struct peer_session *s, bool sid)
{
    docs_set(o, "key", s->keys.key, sizeof s->keys.key);
    docs_set(o, "iv", s->keys.iv, sizeof s->keys.iv);
    if (sid)
        docs_set(o, "sid8", s->keys.sid, sizeof s->keys.sid);
    docs_set(o, "dkey", s->keys.dkey, sizeof s->keys.dkey);
    docs_set(o, "div", s->keys.div, sizeof s->keys.div);
}

/* ---- what leads to the ciphertext ---- */

static void show_nonce(json_t *o, const struct peer_session *s, const struct frame *f)
{
    uint8_t nonce[CCM_NONCE_LEN];
    memcpy(nonce, f->form->kind == FRAME_DOWN ? s->keys.div : s->keys.iv, sizeof nonce);
    nonce[CCM_NONCE_LEN - 1] ^= (uint8_t)f->counter;
    nonce[CCM_NONCE_LEN - 2] ^= (uint8_t)(f->counter >> 8);
    docs_set(o, "nonce13", nonce, sizeof nonce);
}

static void show_aad(json_t *o, const struct frame *f, const uint8_t *proof)
{
    uint8_t bytes[256];
    size_t n = 0;
    struct cose_aad aad;
    cose_enc_structure(&aad, f->form->tag_len, f->bytes, f->head_len, proof, proof ? PROOF_LEN : 0);
    for (unsigned i = 0; i < COSE_AAD_PARTS; i++) {
        if (aad.part[i].len)
            memcpy(bytes + n, aad.part[i].data, aad.part[i].len);
        n += aad.part[i].len;
    }
    docs_set(o, "aad", bytes, n);
}

static void show_signature(struct docs_product *p, json_t *o, const struct frame *f, const struct peer_session *s,
                           const struct peer_text *text)
{
    uint8_t h[SHA256_LEN], cose[COSE_SIGN1_MAX];
    const struct frame_form *open = f->form;
    if (!text->sig)
        return;
    if (f->form->kind == FRAME_DATA) { /* H names the OPEN that the session began with */
        const struct frame_form *forms = p->peer.profile.scheme == 8 ? frame_open_signup : frame_open_identity;
        open = &forms[p->peer.profile.compact ? FORM_COMPACT : FORM_WHOLE];
    }
    const struct signing in = { &p->peer.profile, open, p->peer.pkRm, &s->open };
    MUST(signing_external(&p->c, &in, f->counter, h));
    docs_set(o, "H", h, sizeof h);
    docs_set(o, "sig64", text->sig, FRAME_SIG_LEN);
    size_t n = cose_sign1(text->text, (size_t)(text->sig - text->text), text->sig, cose, sizeof cose);
    docs_set(o, "cose_sign1", cose, n);
}

static void show_cose(json_t *o, const struct frame *f, const struct peer_session *s, bool sid)
{
    uint8_t cose[COSE_EXPANDED_MAX],
        boot[FRAME_BOOT_LEN] = { (uint8_t)(s->open.boot >> 16), (uint8_t)(s->open.boot >> 8), (uint8_t)s->open.boot };
    bool down = f->form->kind == FRAME_DOWN && !sid;
    size_t n = down ? cose_expand_down(f, boot, cose, sizeof cose) : cose_expand(f, SUITE_P256_CCM, cose, sizeof cose);
    if (n)
        docs_set(o, "cose", cose, n);
}

/* ---- a frame ---- */

/* The server's session of the frame that a DOWN answers. */
static void session_of(struct docs_product *p, const json_t *first, struct peer_session *s)
{
    uint8_t bytes[FRAME_MAX];
    struct peer_text text;
    size_t n = docs_hex(first, "frame", bytes, sizeof bytes);
    MUST(strcmp(docs_take(p, NULL, first, bytes, n, s, &text), "sealed-ok") == 0);
}

static void show(struct docs_product *p, json_t *o, const json_t *first, const uint8_t *bytes, size_t len)
{
    struct peer_session s;
    struct peer_text text;
    struct frame f;
    uint8_t proof[PROOF_LEN], a[CHALLENGE_LEN], b[SHA256_LEN];
    bool is_proof = docs_is(o, "kind", "PROOF"), rsa = p->peer.profile.suite == SUITE_RSA, sid = p->on_device->sid;
    MUST(frame_parse(bytes, len, &f) == FRAME_OK);
    MUST(strcmp(docs_take(p, first, o, bytes, len, &s, &text), "sealed-ok") == 0);
    if (f.form->kind == FRAME_DOWN)
        session_of(p, first, &s);
    if (is_proof) {
        MUST(docs_hex(o, "challenge32", a, sizeof a) && docs_hex(o, "image_digest32", b, sizeof b));
        profile_proof(a, b, proof);
    }
    if (!first) {
        if (rsa)
            show_rsa(p, o, is_proof, &text);
        else if (sid)
            show_sealing(p, o);
        show_keys(o, &s, sid);
    }
    if (f.form->tag_len) {
        docs_set(o, "text", text.text, f.data_len);
        show_signature(p, o, &f, &s, &text);
        show_nonce(o, &s, &f);
        show_aad(o, &f, is_proof ? proof : NULL);
    }
    docs_set(o, "frame", bytes, len);
    set_number(o, "bytes", (uint32_t)len);
    show_cose(o, &f, &s, sid);
}

/* under: the index of the first frame of the session; -1: this is one. */
static void add(struct docs_product *p, json_t *frames, const char *kind, int under, uint32_t number, size_t data_len,
                bool odd)
{
    static const char TEXT[] = "sixteen bytes ..";
    uint8_t data[FRAME_RSA_DATA_MAX], frame[FRAME_MAX], extra[32];
    json_t *o = json_object(), *first = under < 0 ? NULL : json_array_get(frames, (size_t)under);
    for (size_t i = 0; i < data_len; i++)
        data[i] = (uint8_t)TEXT[i % 16];
    MUST(json_object_set_new(o, "kind", json_string(kind)) == 0);
    if (under < 0) {
        set_number(o, "boot", number);
        if (!p->on_device->sid)
            set_number(o, "ctr", 1);
        if (p->peer.profile.suite == SUITE_RSA) {
            make_bytes("rng", (uint8_t)number, extra);
            docs_set(o, "rng32", extra, sizeof extra);
        } else if (p->on_device->sid)
            choose_random(p, o, odd);
    } else {
        set_number(o, "under", (uint32_t)under);
        set_number(o, "ctr", number);
    }
    if (docs_is(o, "kind", "PROOF")) {
        make_bytes("challenge", 0, extra);
        docs_set(o, "challenge32", extra, sizeof extra);
        MUST(otp_image_digest(&p->c, p->image, extra));
        docs_set(o, "image_digest32", extra, sizeof extra);
    }
    docs_set(o, "data", data, data_len);
    size_t n = docs_make(p, first, o, frame);
    MUST(n != 0);
    show(p, o, first, frame, n);
    MUST(json_array_append_new(frames, o) == 0);
}

void make_frames(json_t *product)
{
    struct docs_product p;
    json_t *frames = json_array();
    MUST(docs_open(&p, product));
    bool sid = p.on_device->sid, rsa = p.peer.profile.suite == SUITE_RSA;
    const char *first = sid ? "OPEN" : "DATA";
    uint32_t last = !sid || p.peer.profile.ctr_len == 2 ? 0xFFFF : 0xFF;
    MUST(json_object_set_new(product, "frames", frames) == 0);
    add(&p, frames, first, -1, OPEN_BOOT, 16, false);
    add(&p, frames, "DATA", 0, sid ? 1 : 2, 16, false);
    add(&p, frames, "DATA", 0, last, 3, false);
    add(&p, frames, "DOWN", 0, DOWN_CTR, 16, false);
    add(&p, frames, first, -1, OTHER_BOOT, rsa ? FRAME_RSA_DATA_MAX : 0, true);
    add(&p, frames, "PROOF", -1, PROOF_BOOT, 0, true);
    docs_close(&p);
}
