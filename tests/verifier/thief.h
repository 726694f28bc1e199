/* tests/verifier/thief.h - what somebody does with the bytes that he got hold of: every 32 of them, wherever they start, are
 * tried in the place of every key that would open a board's frames.  What is public he has anyway. */
#ifndef TESTS_VERIFIER_THIEF_H
#define TESTS_VERIFIER_THIEF_H

#include "tests/verifier/site.h"

#include <openssl/bn.h>

#include "protocol/counter.h"

enum { LOOT_MAX = 1024, READ_NOTHING = 0, READ_BOTH = 3, RSA_STRIDE = 16 };

struct loot {
    uint8_t bytes[LOOT_MAX];
    size_t len;
};

/* What a board sent, which everybody hears: its first frame and one behind it. */
struct heard_frames {
    struct sent first, second;
};

static inline void loot_add(struct loot *l, const void *bytes, size_t len)
{
    assert_true(l->len + len <= sizeof l->bytes);
    memcpy(l->bytes + l->len, bytes, len);
    l->len += len;
}

static inline void loot_mac(struct loot *l, const uint8_t *key, const char *label)
{
    const struct crypto_part part = { label, strlen(label) };
    uint8_t mac[SHA256_LEN];

    assert_true(site.crypto.hmac_sha256(site.crypto.io, key, SLOT_LEN, &part, 1, mac));
    loot_add(l, mac, sizeof mac);
}

/* A board opened: the whole image, the flash record, and what its firmware makes of its secret. */
static inline void loot_board(struct loot *l, const struct board *b)
{
    const struct counter_record r = { .boot = b->boot, .epoch = b->side.epoch };
    uint8_t record[COUNTER_RECORD_LEN];

    counter_encode(&r, record);
    loot_add(l, b->image, sizeof b->image);
    loot_add(l, record, sizeof record);
    loot_add(l, b->side.sign_key, sizeof b->side.sign_key);
    if (b->side.secret != NULL) {
        loot_mac(l, b->side.secret, "fl1 otp");
        loot_mac(l, b->side.secret, "fl1 sig");
    }
}

/* ... while it ran. */
static inline void loot_memory(struct loot *l, const struct board *b)
{
    loot_add(l, &b->session.keys, sizeof b->session.keys);
}

/* ---- a guess in the token's place ---- */

struct guess {
    const struct board *of;
    const uint8_t *key, *mac; /* mac: an HMAC key of its own (1 with PSK) */
    struct hsm_key *skR;      /* in place of key */
};

static bool guess_ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    const struct guess *g = io;

    if (g->skR != NULL)
        return hsm_ecdh(g->skR, enc, z, &e) == ERR_OK;
    return site.crypto.p256_ecdh(site.crypto.io, g->key, enc, z);
}

static bool guess_mac(void *io, const uint8_t *in, size_t len, uint8_t mac[SHA256_LEN])
{
    const struct guess *g = io;
    const struct crypto_part part = { in, len };

    return site.crypto.hmac_sha256(site.crypto.io, g->mac, SLOT_LEN, &part, 1, mac);
}

static bool guess_rsa(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN])
{
    const struct guess *g = io;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(g->of->rsa, FRAME_RSA_LEN, NULL), *x = BN_bin2bn(c, FRAME_RSA_LEN, NULL);
    BIGNUM *d = BN_bin2bn(g->key, SLOT_LEN, NULL), *y = BN_new();
    const bool ok = BN_mod_exp(y, x, d, n, ctx) == 1 && BN_bn2binpad(y, m, FRAME_RSA_LEN) > 0;

    BN_free(n);
    BN_free(x);
    BN_free(d);
    BN_free(y);
    BN_CTX_free(ctx);
    return ok;
}

/* ---- what opens ---- */

static inline struct peer_side public_side(const struct board *b)
{
    struct peer_side p = { .profile = b->side.profile, .epoch = b->side.epoch };

    memcpy(p.serial, b->side.serial, sizeof p.serial);
    memcpy(p.pkRm, b->side.pkRm, sizeof p.pkRm);
    return p;
}

/* Which of both opens under that session: bit 0 the first, bit 1 the second. */
static inline unsigned read_under(const struct board *b, const struct heard_frames *h, struct peer_session *s)
{
    const struct peer_scheme *scheme = peer_scheme_of(b->product.scheme, b->product.suite);
    const struct peer_side p = public_side(b);
    struct peer_text text;
    struct frame f, g;

    assert_int_equal(frame_parse(h->first.frame, h->first.len, &f), FRAME_OK);
    assert_int_equal(frame_parse(h->second.frame, h->second.len, &g), FRAME_OK);
    const unsigned first = scheme->open(&site.crypto, &p, s, &f, NULL, &text) == SEALED_OK;
    return first | (unsigned)(scheme->data(&site.crypto, &p, s, &g, &text) == SEALED_OK) << 1;
}

static inline unsigned read_with(const struct board *b, const struct heard_frames *h, struct guess *g)
{
    const struct peer_token token = { .ecdh = guess_ecdh, .mac = guess_mac, .rsa = guess_rsa, .io = g };
    const struct peer_side p = public_side(b);
    struct peer_session s;
    struct frame f;

    assert_int_equal(frame_parse(h->first.frame, h->first.len, &f), FRAME_OK);
    if (peer_scheme_of(b->product.scheme, b->product.suite)->session(&site.crypto, &p, &token, &f, &s) != SEALED_OK)
        return READ_NOTHING;
    return read_under(b, h, &s);
}

/* key16 iv13 of a session, as they lie there.  RSA: its first frame needs the private key; `open` only hands on what
 * `session` decrypted. */
static inline unsigned read_as_session(const struct board *b, const struct heard_frames *h, const uint8_t *at)
{
    struct peer_session s = { .open = { .boot = b->session.open.boot } };

    memcpy(s.keys.key, at, sizeof s.keys.key);
    memcpy(s.keys.iv, at + sizeof s.keys.key, sizeof s.keys.iv);
    memcpy(s.keys.sid, b->session.keys.sid, sizeof s.keys.sid);
    return read_under(b, h, &s) & (b->product.suite == SUITE_RSA ? 2U : READ_BOTH);
}

/* Everything that 32 bytes could be. */
static inline unsigned read_by(const struct board *b, const struct heard_frames *h, const uint8_t *at, const uint8_t *mac)
{
    struct guess g = { .of = b, .key = at, .mac = mac != NULL ? mac : at };
    uint8_t K_gen[DERIVE_KEY_LEN];
    unsigned got = read_as_session(b, h, at) | read_with(b, h, &g);

    if (b->product.scheme != 5)
        return got;
    assert_true(derive_gen(&site.crypto, at, 0, (const uint8_t[DERIVE_SALT_LEN]){ 0 }, K_gen));
    g.mac = K_gen;
    return got | read_with(b, h, &g);
}

/* What the loot opens.  mac: also with that HMAC key at each place; NULL: with the same bytes. */
static inline unsigned loot_reads(const struct loot *l, const struct board *b, const struct heard_frames *h,
                                  const uint8_t *mac)
{
    const bool rsa = b->product.suite == SUITE_RSA;
    unsigned got = READ_NOTHING;

    for (size_t i = 0; i + SLOT_LEN <= l->len; i++)
        if (rsa && i % RSA_STRIDE != 0) /* an exponentiation takes a millisecond */
            got |= read_as_session(b, h, l->bytes + i);
        else
            got |= read_by(b, h, l->bytes + i, mac);
    return got;
}

/* ---- one more asset: the use of the server's token ---- */

static inline struct peer *peer_of(const struct board *b)
{
    const struct device d = device_of(b->serial);
    struct peer *p = NULL;
    struct fleet_key k;

    assert_ok(peer_of_device(site.verifier, &d, &p, &e));
    if (p == NULL) {
        assert_ok(registry_fleet_key_active(site.registry, b->product.fleet, &k, &e));
        assert_ok(peer_of_fleet(site.verifier, &k, &p, &e));
    }
    return p;
}

static inline void token_session(const struct board *b, const struct sent *first, struct peer_session *s)
{
    const struct peer_gen initial = { 0 };
    enum sealed_result r = SEALED_CRYPTO;
    struct frame f;

    assert_int_equal(frame_parse(first->frame, first->len, &f), FRAME_OK);
    assert_ok(session_from_open(site.verifier, peer_of(b), b->product.scheme == 5 ? &initial : NULL, &f, s, &r, &e));
    assert_int_equal(r, SEALED_OK);
}

static inline unsigned token_reads(const struct board *b, const struct heard_frames *h)
{
    struct peer_session s;

    token_session(b, &h->first, &s);
    return read_under(b, h, &s);
}

/* ---- in another's name ---- */

/* A board made of what `has` holds, but with b's serial and those slots of b's (bit i: slot i). */
static inline void poses_as(struct board *thief, const struct board *has, const struct board *b, unsigned slots)
{
    const struct otp_image of_b = fields_of(b);
    struct otp_image in = fields_of(has);

    memcpy(in.serial, of_b.serial, sizeof in.serial);
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots >> i & 1)
            memcpy(in.slot[i], of_b.slot[i], SLOT_LEN);
    *thief = with_fields(has, &in);
    thief->boot = b->boot + 100; /* never used */
    starts(thief);
}

/* The secret slot of a thief who took nothing: of his own. */
static inline void poses_with_nothing(struct board *thief, const struct board *b)
{
    const uint8_t secret = scheme_by_id(b->product.scheme)->secret;
    struct otp_image in = fields_of(b);

    random_bytes(in.slot[secret], SLOT_LEN);
    *thief = with_fields(b, &in);
    thief->boot = b->boot + 200;
    starts(thief);
}

#endif
