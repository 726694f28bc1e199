/* tests/protocol/family.h - every scheme of the HPKE family in every form that a product can have, both sides ready. */
#ifndef TESTS_PROTOCOL_FAMILY_H
#define TESTS_PROTOCOL_FAMILY_H

#include "tests/protocol/device.h"

#include "protocol/bytes.h"
#include "protocol/kem.h"

struct kind {
    const struct device_scheme *device;
    const struct peer_scheme *peer;
    uint8_t key_slot, seed_slot; /* of the key to seal to; of the secret, 0: none */
    uint8_t ra_slot;             /* 0: none */
    bool epoch, signs, psk, sign_all;
    size_t first, first_compact, later; /* bytes for 16 of data: docs/protocol.md */
    uint8_t suite;
};

static const struct kind kinds[] = {
    { &device_sealed, &peer_sealed, 0, 0, 0, false, false, false, false, 73, 61, 28, SUITE_P256_CCM },
    { &device_sealed, &peer_sealed, 0, 1, 0, false, false, true, false, 73, 61, 28, SUITE_P256_CCM },
    { &device_fleet, &peer_fleet, 0, 0, 1, true, false, false, false, 74, 62, 28, SUITE_P256_CCM },
    { &device_fleet, &peer_fleet, 0, 3, 1, true, false, false, false, 74, 62, 28, SUITE_P256_CCM },
    { &device_identity, &peer_identity, 0, 1, 2, true, true, false, true, 141, 129, 92, SUITE_P256_CCM },
    { &device_identity, &peer_identity, 0, 1, 2, true, true, false, false, 141, 129, 28, SUITE_P256_CCM },
    { &device_session, &peer_session_ecies, 1, 3, 2, true, false, false, false, 66, 58, 28, SUITE_P256_CCM },
    { &device_signup, &peer_signup, 0, 1, 2, true, true, false, true, 173, 161, 92, SUITE_P256_CCM },
    { &device_signup, &peer_signup, 0, 1, 2, true, true, false, false, 173, 161, 28, SUITE_P256_CCM },
    { &device_fleet, &peer_fleet, 0, 0, 1, true, false, false, false, 74, 62, 28, SUITE_X25519_CCM },
    { &device_identity, &peer_identity, 0, 1, 2, true, true, false, true, 141, 129, 92, SUITE_X25519_CCM },
    { &device_identity, &peer_identity, 0, 1, 2, true, true, false, false, 141, 129, 28, SUITE_X25519_CCM },
    { &device_session, &peer_session_ecies, 1, 3, 2, true, false, false, false, 66, 58, 28, SUITE_X25519_CCM },
    { &device_signup, &peer_signup, 0, 1, 2, true, true, false, true, 173, 161, 92, SUITE_X25519_CCM },
};
enum { KINDS = sizeof kinds / sizeof *kinds, FORMS = 8 }; /* compact or not, sid 2 or 4, ctr 1 or 2 */

struct family {
    struct rig r;
    const struct kind *k;
    struct peer_token token;
    bool compact;
    uint8_t sid_len, ctr_len;
};

/* The public key of d in that suite, as its KEM has it. */
static inline void family_key(struct rig *r, uint8_t suite, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    static const uint8_t base[X25519_LEN] = { 9 };
    if (suite == SUITE_X25519_CCM) {
        assert_true(r->c.x25519(r, d, base, pk));
        return;
    }
    assert_true(r->c.p256_public(r, d, pk));
    p256_even_y(pk);
}

/* form: bit 0 compact, bit 1 sid 4, bit 2 ctr 2. */
static inline void family_init(struct family *f, const struct kind *k, unsigned form, uint8_t server_key)
{
    memset(f, 0, sizeof *f);
    struct rig *r = &f->r;
    rig_open_host(r);
    f->k = k;
    f->compact = form & 1;
    f->sid_len = form & 2 ? 4 : 2;
    f->ctr_len = form & 4 ? 2 : 1;
    f->token = (struct peer_token){ .ecdh = rig_token_ecdh, .mac = rig_token_mac, .io = r };
    memset(r->skR, server_key, sizeof r->skR);
    uint8_t ra[P256_PK_LEN]; /* signs: P-256 in every suite */
    assert_true(r->c.p256_public(r, r->skR, ra));
    p256_even_y(ra);
    family_key(r, k->suite, r->skR, r->peer.pkRm);
    const uint8_t *name = r->peer.pkRm + kem_of(k->suite)->name;

    struct otp_image in = { .scheme = k->device->id,
                            .suite = k->suite,
                            .serial = { 'T', 'E', 'S', 'T', 0x00, 0x00, 0x12, 0x34 },
                            .fleet = 0x0102,
                            .epoch = k->epoch ? 7 : 0,
                            .policy = POLICY_NVM_REQUIRED };
    in.policy |=
        (uint16_t)((f->compact ? 0 : POLICY_TAG16) | (k->psk ? POLICY_PSK : 0) | (k->sign_all ? POLICY_SIGN_ALL : 0));
    memset(in.slot, 0xFF, sizeof in.slot);
    memcpy(in.slot[k->key_slot], name, SLOT_LEN);
    if (k->ra_slot)
        memcpy(in.slot[k->ra_slot], ra + 1, SLOT_LEN);
    if (k->device->id == 2)
        memcpy(in.slot[2], ra + 1, SLOT_LEN); /* the backup RA */
    if (k->device->id == 3)
        memset(in.slot[3], 0xAB, SLOT_LEN); /* SHA-256 of its own x: nobody here looks */
    if (k->seed_slot)
        memcpy(in.slot[k->seed_slot], r->secret, SLOT_LEN);
    assert_int_equal(otp_image_encode(&r->c, &in, r->image), OTP_OK);
    assert_int_equal(otp_image_check(&r->c, r->image, false, NULL), OTP_OK);
    assert_int_equal(k->device->init(&r->c, r->image, f->sid_len, f->ctr_len, &r->device), SEALED_OK);
    r->peer.profile = r->device.profile;
    r->peer.epoch = in.epoch;
    memcpy(r->peer.serial, in.serial, sizeof in.serial);
}

static inline void family_fini(struct family *f)
{
    rig_fini(&f->r);
}

/* The server's whole way with a first frame or a proof: parse, session, open, and the signature where there is one. */
static inline enum sealed_result family_open(struct family *f, const uint8_t *bytes, size_t len, const uint8_t *proof,
                                             struct peer_session *s, struct peer_text *text)
{
    struct frame frame;
    const struct crypto *c = &f->r.c;
    if (frame_parse(bytes, len, &frame) != FRAME_OK)
        return SEALED_FORM;
    enum sealed_result r = f->k->peer->session(c, &f->r.peer, &f->token, &frame, s);
    if (r == SEALED_OK)
        r = f->k->peer->open(c, &f->r.peer, s, &frame, proof, text);
    if (r == SEALED_OK && f->k->peer->verify)
        r = f->k->peer->verify(c, &f->r.peer, s, 0, proof, text, f->r.device.sign_x);
    return r;
}

static inline enum sealed_result family_data(struct family *f, const struct peer_session *s, const uint8_t *bytes,
                                             size_t len, struct peer_text *text)
{
    struct frame frame;
    const struct crypto *c = &f->r.c;
    if (frame_parse(bytes, len, &frame) != FRAME_OK)
        return SEALED_FORM;
    enum sealed_result r = f->k->peer->data(c, &f->r.peer, s, &frame, text);
    if (r == SEALED_OK && f->k->peer->verify && f->r.peer.profile.sign_all)
        r = f->k->peer->verify(c, &f->r.peer, s, frame.counter, NULL, text, f->r.device.sign_x);
    return r;
}

#endif
