/* tests/firmware-stub/site.h - a board with the firmware of any scheme, its image, and the server that knows it.
 * The server's token is OpenSSL: the private keys behind kit_image's slots. */
#ifndef TESTS_FIRMWARE_STUB_SITE_H
#define TESTS_FIRMWARE_STUB_SITE_H

#include "tests/firmware-stub/dut.h"
#include "tests/protocol/kit.h"

#include "protocol/derive.h"
#include "protocol/rekey.h"
#include "protocol/session_rsa.h"
#include "protocol/signing.h"
#include "tests/protocol/rsa_key.h"

struct site_row {
    const char *name; /* of the ELF: NAME-fast-CHIP.elf */
    uint8_t scheme, suite;
    const struct device_scheme *device;
    const struct peer_scheme *peer;
    uint8_t key_slot; /* of the key that it seals to; SLOTS: none */
    size_t first, later;
};

struct site {
    struct dut d;
    const struct site_row *row;
    uint8_t image[OTP_IMAGE_LEN];
    struct peer_side peer;
    uint8_t skR;                 /* 32 such bytes */
    uint8_t mac_key[SHA256_LEN]; /* K_gen */
    uint8_t sign_x[P256_LEN];    /* 3, 8 */
    struct peer_session session; /* the one that lives */
    bool met;                    /* it does */
    uint32_t down;               /* ctr of the last DOWN in it */
};

static bool site_ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    const struct site *s = io;
    uint8_t d[P256_LEN];
    memset(d, s->skR, sizeof d);
    return s->row->suite == SUITE_X25519_CCM ? kit.x25519(kit.io, d, enc, z) : kit.p256_ecdh(kit.io, d, enc, z);
}

static bool site_mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct site *s = io;
    const struct crypto_part part = { in, len };
    return kit.hmac_sha256(kit.io, s->mac_key, sizeof s->mac_key, &part, 1, out);
}

static bool site_rsa(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN])
{
    (void)io;
    return rsa_key_private(c, m);
}

/* As the station does: the TEST key, whose private half everybody knows, into the place that the firmware keeps for it. */
static inline void site_put_rsa_key(struct site *s)
{
    uint8_t key[SESSION_RSA_KEY_LEN];
    uint32_t at;
    struct err e;
    rsa_key_public(key);
    assert_int_equal(fw_image_fill(s->d.fw, "fl_rsa_key", key, sizeof key, &e), ERR_OK);
    assert_int_equal(fw_image_symbol(s->d.fw, "fl_rsa_key", &at, &e), ERR_OK);
    assert_true(silicon_plant(dut_silicon(&s->d), at, key, sizeof key));
}

/* S0 of the RSA form. */
static inline const uint8_t *site_rsa_digest(void)
{
    static uint8_t digest[SHA256_LEN];
    uint8_t key[SESSION_RSA_KEY_LEN];
    const struct crypto_part part = { key, sizeof key };
    rsa_key_public(key);
    assert_true(kit.sha256(kit.io, &part, 1, digest));
    return digest;
}

/* Scheme 5: what the server holds for that generation. */
static inline void site_generation(struct site *s, uint8_t gen, const uint8_t salt[DERIVE_SALT_LEN])
{
    assert_true(derive_gen(&kit, s->image + OTP_OFF_SLOT, gen, salt, s->mac_key));
}

static inline void site_peer(struct site *s)
{
    static const uint8_t salt[DERIVE_SALT_LEN];
    struct otp_image in;
    assert_int_equal(otp_image_check(&kit, s->image, false, &in), OTP_OK);
    s->peer.profile = profile_from_image(&in, 2, 1);
    s->peer.epoch = in.epoch;
    memcpy(s->peer.serial, in.serial, sizeof in.serial);
    s->skR = (uint8_t)(0x21 + s->row->key_slot);
    if (s->row->key_slot < SLOTS) {
        uint8_t d[P256_LEN];
        kit_seal(s->row->suite, s->skR, d, s->peer.pkRm);
    }
    memcpy(s->mac_key, in.slot[0], SLOT_LEN);
    uint8_t d[P256_LEN];
    if (scheme_by_id(s->row->scheme)->slot[1] == SLOT_CHIP_MADE)
        assert_true(signing_key(&kit, s->image + OTP_OFF_SLOT + SLOT_LEN, d, s->sign_x));
    if (s->row->scheme == 5)
        site_generation(s, 0, salt);
}

/* Firmware in flash, nothing in OTP; image and server as they will be. */
static inline void site_open_blank(struct site *s, const struct site_row *row, const char *chip)
{
    char variant[32];
    memset(s, 0, sizeof *s);
    s->row = row;
    snprintf(variant, sizeof variant, "%s-fast", row->name);
    dut_open_stub(&s->d, chip, variant);
    if (row->suite == SUITE_RSA)
        site_put_rsa_key(s);
    kit_image(row->scheme, row->suite, row->suite == SUITE_RSA ? site_rsa_digest() : NULL, s->image);
    site_peer(s);
}

/* The part as the station leaves it. */
static inline void site_open(struct site *s, const struct site_row *row, const char *chip)
{
    site_open_blank(s, row, chip);
    assert_true(silicon_plant(dut_silicon(&s->d), s->d.desc->otp.base, s->image, OTP_IMAGE_LEN));
}

static inline void site_close(struct site *s)
{
    dut_close_plain(&s->d);
}

static inline void site_start(struct site *s)
{
    s->met = false;
    dut_start(&s->d);
}

/* Is it a first frame, here: of no session that lives? */
static inline bool site_first(const struct site *s, const struct frame *f)
{
    uint32_t boot = f->boot ? (uint32_t)f->boot[0] << 16 | get16(f->boot + 1) : 0;
    return f->form->kind == FRAME_OPEN || !s->met || (f->boot && boot != s->session.open.boot);
}

/* A frame as it came off the air, opened as the server does; a first one begins a session. */
static inline enum sealed_result site_take(struct site *s, const uint8_t *bytes, size_t len, const uint8_t *proof,
                                           struct peer_text *text)
{
    const struct peer_token token = { .ecdh = site_ecdh, .mac = site_mac, .rsa = site_rsa, .io = s };
    struct peer_session session = s->session;
    struct frame f;
    if (frame_parse(bytes, len, &f) != FRAME_OK)
        return SEALED_FORM;
    bool first = proof || site_first(s, &f);
    enum sealed_result r = first ? s->row->peer->session(&kit, &s->peer, &token, &f, &session) : SEALED_OK;
    if (r == SEALED_OK)
        r = first ? s->row->peer->open(&kit, &s->peer, &session, &f, proof, text)
                  : s->row->peer->data(&kit, &s->peer, &session, &f, text);
    if (r == SEALED_OK && text->sig)
        r = s->row->peer->verify(&kit, &s->peer, &session, f.counter, proof, text, s->sign_x);
    if (r != SEALED_OK || proof)
        return r;
    if (first)
        s->down = 0;
    s->session = session;
    s->met = true;
    return SEALED_OK;
}

/* The next frame on the line opens; its length. */
static inline size_t site_expect(struct site *s, struct peer_text *text)
{
    uint8_t frame[FRAME_MAX];
    size_t n = dut_receive(&s->d, frame, sizeof frame, DUT_WAIT_MS);
    if (n > 0 && local_is(frame, n))
        fail_msg("%s says %s", s->row->name, device_code_name(frame[1]));
    enum sealed_result r = n > 0 ? site_take(s, frame, n, NULL, text) : SEALED_FORM;
    if (r != SEALED_OK)
        fail_msg("%s: %zu bytes: %s", s->row->name, n, sealed_result_name(r));
    return n;
}

/* A sample equal to `want` comes within a few; the others are numbered as ever. */
static inline bool site_hears(struct site *s, const uint8_t want[16])
{
    struct peer_text text;
    for (unsigned i = 0; i < 12; i++) {
        (void)site_expect(s, &text);
        if (text.data_len == 16 && memcmp(text.data, want, 16) == 0)
            return true;
    }
    return false;
}

#endif
