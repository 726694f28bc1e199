/* tests/verifier/site.h - a server (SoftHSM2, registry, verifier) and devices of any scheme on the host, without a line: the
 * fixture writes the rows that a line would.  One token for all tests of a program, with the keys of its fleets; the
 * registry is each test's own. */
#ifndef TESTS_VERIFIER_SITE_H
#define TESTS_VERIFIER_SITE_H

#include "tests/hsm/workspace.h"

#include <sqlite3.h>

#include "db/device_key.h"
#include "db/fleet.h"
#include "db/generation.h"
#include "hsm/fleet.h"
#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/derive.h"
#include "protocol/device.h"
#include "protocol/p256.h"
#include "protocol/rekey.h"
#include "protocol/scheme.h"
#include "protocol/session_rsa.h"
#include "protocol/signing.h"
#include "verifier/cache.h"
#include "verifier/verifier.h"

/* What a test runs over: a scheme in one of its forms. */
struct kind {
    const struct device_scheme *device;
    uint16_t policy;  /* beside POLICY_NVM_REQUIRED */
    uint8_t key_slot; /* of the fleet's key in the image */
};

struct board {
    struct product product;
    const struct kind *kind;
    uint64_t serial;
    uint8_t image[OTP_IMAGE_LEN], digest[SHA256_LEN];
    struct device_side side;
    struct device_session session;
    uint8_t rsa[SESSION_RSA_KEY_LEN];
    uint32_t boot;
};

struct site {
    struct hsm *h;
    struct hsm_key *kek, *kek_secret;
    struct crypto crypto;
    struct hpke_host *host;
    struct registry *registry;
    struct verifier *verifier;
    char db[300];
    unsigned boards;
    bool x25519; /* products are of suite 2, where their scheme has it */
};

static struct site site;
static struct opened_frame out;
static const uint8_t CHALLENGE[CHALLENGE_LEN] = { 0xC4 };

/* ---- the server ---- */

static inline uint64_t site_day(void *io)
{
    (void)io;
    return 1795248000123; /* 2026-11-21 */
}

static inline void site_open(enum registry_mode mode)
{
    assert_ok(registry_open(&site.registry, site.db, mode, &e));
    registry_clock(site.registry, site_day, NULL);
    assert_ok(verifier_open(&site.verifier, site.registry, site.h, &site.crypto, &e));
}

static inline void site_close(void)
{
    verifier_close(site.verifier);
    registry_close(site.registry);
}

static inline void restart(void)
{
    site_close();
    site_open(REGISTRY_WRITE);
}

static inline int site_group_up(void **state)
{
    struct hsm_key *master = NULL;

    if (make_workspace(state) != 0)
        return -1;
    site.h = open_line();
    assert_ok(hsm_key_ensure(site.h, HSM_KEK, "kek", &site.kek, NULL, &e));
    assert_ok(hsm_key_ensure(site.h, HSM_KEK_SECRET, "kek-secret", &site.kek_secret, NULL, &e));
    assert_ok(hsm_key_ensure(site.h, HSM_MASTER, "master/TEST", &master, NULL, &e));
    hsm_key_free(master);
    site.host = hpke_host_open(&site.crypto);
    return site.host != NULL ? 0 : -1;
}

static inline int site_group_down(void **state)
{
    hsm_key_free(site.kek);
    hsm_key_free(site.kek_secret);
    hpke_host_close(site.host);
    hsm_close(site.h);
    return remove_workspace(state);
}

static inline int site_up(void **state)
{
    static unsigned n;

    (void)state;
    site.boards = 0;
    (void)snprintf(site.db, sizeof site.db, "%s/registry-%u.db", ws, ++n);
    site_open(REGISTRY_CREATE);
    return 0;
}

static inline int site_down(void **state)
{
    (void)state;
    site_close();
    return 0;
}

/* ---- looked at from outside ---- */

static inline long ask_db(const char *statement)
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open_v2(site.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, statement, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const long v = (long)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return v;
}

static inline long frames_stored(void)
{
    return ask_db("SELECT count(*) FROM frame");
}

static inline long events(void)
{
    return ask_db("SELECT count(*) FROM event");
}

static inline struct device device_of(uint64_t serial)
{
    struct device d;

    assert_ok(registry_device(site.registry, serial, &d, &e));
    return d;
}

/* ---- products and their keys ---- */

static inline struct product add_product(const struct kind *kind, const char *name)
{
    struct product p = { .chip = "stm32l476",
                         .scheme = kind->device->id,
                         .suite = kind->device->suite[site.x25519],
                         .policy = POLICY_NVM_REQUIRED | kind->policy,
                         .sid_len = 2,
                         .ctr_len = 1 };

    p.epoch = scheme_by_id(p.scheme)->epoch ? 1 : 0;
    (void)snprintf(p.name, sizeof p.name, "TEST-%s", name);
    (void)snprintf(p.master, sizeof p.master, "%s", p.scheme == 5 ? "TEST" : "");
    assert_ok(registry_product_add(site.registry, &p, &e));
    return p;
}

/* The fleet's next key: the token's of that label, which outlives a test. */
static inline struct fleet_key add_fleet_key(const struct product *p)
{
    const bool rsa = p->suite == SUITE_RSA;
    struct fleet_key k = { .fleet = p->fleet, .suite = p->suite, .has_rsa = rsa };
    struct hsm_key *key = NULL;
    const struct hsm_fleet *fleet = hsm_fleet_of(p->suite);

    assert_ok(registry_fleet_epoch_next(site.registry, p->fleet, &k.epoch, &e));
    /* the token outlives a test, and a label is of one kind */
    (void)snprintf(k.label, sizeof k.label, "%s/%u/%u",
                   rsa                        ? "rsa"
                   : fleet->kind == HSM_FLEET ? "fleet"
                                              : "u",
                   p->fleet, k.epoch);
    assert_ok(hsm_key_ensure(site.h, fleet->kind, k.label, &key, NULL, &e));
    if (rsa) {
        assert_ok(hsm_rsa_public(key, k.rsa_n, k.rsa_e, &e));
        const struct crypto_part part[] = { { k.rsa_n, sizeof k.rsa_n }, { k.rsa_e, sizeof k.rsa_e } };
        assert_true(site.crypto.sha256(site.crypto.io, part, 2, k.x));
    } else
        assert_ok(fleet->name(key, k.x, &e));
    hsm_key_free(key);
    if (k.epoch > 1) { /* nobody here verifies it: a device does */
        k.has_rotate = true;
        k.rotate[0] = HDR_ROTATE;
        k.rotate[1] = k.epoch;
        memcpy(k.rotate + 2, k.x, sizeof k.x);
    }
    assert_ok(registry_fleet_key_add(site.registry, &k, &e));
    return k;
}

/* ---- boards ---- */

static inline void random_point(uint8_t x[P256_LEN])
{
    uint8_t d[P256_LEN], pk[P256_PK_LEN];

    assert_true(site.crypto.random(site.crypto.io, d, sizeof d));
    d[0] = 1; /* below n */
    assert_true(site.crypto.p256_public(site.crypto.io, d, pk));
    memcpy(x, pk + 1, P256_LEN);
}

static inline void random_bytes(uint8_t *at, size_t len)
{
    assert_true(site.crypto.random(site.crypto.io, at, len));
}

static inline void wrapped_row(struct wrapped_key *w, const char *role, const char *label, struct hsm_key *kek,
                               const struct hsm_blob *blob)
{
    *w = (struct wrapped_key){ .blob_len = blob->len, .mechanism = blob->mechanism };
    (void)snprintf(w->role, sizeof w->role, "%s", role);
    (void)snprintf(w->kek, sizeof w->kek, "%s", label);
    memcpy(w->blob, blob->bytes, sizeof w->blob);
    memcpy(w->profile, blob->profile, sizeof w->profile);
    assert_ok(hsm_key_kcv(kek, w->kek_kcv, &e));
    random_bytes(w->digest, sizeof w->digest);
}

/* Drawn in the token, wrapped for the registry: scheme 4's key, 1's PSK. */
static inline void make_secret(const char *role, uint8_t secret[SLOT_LEN], struct wrapped_key *w)
{
    struct hsm_blob blob;

    assert_ok(hsm_device_secret_new(site.h, site.kek_secret, secret, &blob, &e));
    wrapped_row(w, role, "kek-secret", site.kek_secret, &blob);
}

/* Scheme 1: the server's key for this device alone. */
static inline void make_pair(uint8_t x[SLOT_LEN], struct wrapped_key *w)
{
    struct hsm_blob blob;
    uint8_t pk[P256_PK_LEN];

    assert_ok(hsm_device_key_new(site.h, site.kek, pk, &blob, &e));
    wrapped_row(w, "server", "kek", site.kek, &blob);
    memcpy(w->public_x, pk + 1, sizeof w->public_x);
    memcpy(x, w->public_x, SLOT_LEN);
}

/* Scheme 5: what the line derives. */
static inline void derive_secret(uint64_t serial, uint8_t secret[SLOT_LEN])
{
    struct hsm_key *master = NULL;
    uint8_t input[DERIVE_ROOT_INPUT_LEN], serial8[OTP_SERIAL_LEN];

    put32(serial8, (uint32_t)(serial >> 32));
    put32(serial8 + 4, (uint32_t)serial);
    derive_root_input(serial8, input);
    assert_ok(hsm_key_find(site.h, HSM_MASTER, "master/TEST", &master, &e));
    assert_ok(hsm_derive(master, input, secret, &e));
    hsm_key_free(master);
}

/* What is the device's own, with its wrapped keys: 1, 4, 5. */
static inline void fill_own(const struct board *b, struct otp_image *in, struct wrapped_key w[REG_KEYS_MAX], size_t *n)
{
    const bool psk = (b->product.policy & POLICY_PSK) != 0;

    if (b->product.scheme == 5)
        derive_secret(b->serial, in->slot[0]);
    else if (b->product.scheme == 4)
        make_secret("secret", in->slot[0], &w[(*n)++]);
    else
        make_pair(in->slot[0], &w[(*n)++]);
    if (psk)
        make_secret("psk", in->slot[1], &w[(*n)++]);
    else if (b->product.scheme == 1)
        memset(in->slot[1], 0xFF, SLOT_LEN);
}

static inline void fill_slots(const struct board *b, struct otp_image *in, const struct fleet_key *k,
                              struct wrapped_key w[REG_KEYS_MAX], size_t *n)
{
    const struct scheme *s = scheme_by_id(b->product.scheme);

    memset(in->slot, 0xFF, sizeof in->slot);
    for (uint8_t i = 0; i < SLOTS; i++) {
        if (s->slot[i] == SLOT_POINT || s->slot[i] == SLOT_SEAL)
            random_point(in->slot[i]); /* of RAs whom nobody asks */
        else if (s->slot[i] != SLOT_UNUSED)
            random_bytes(in->slot[i], SLOT_LEN);
    }
    if (k == NULL)
        fill_own(b, in, w, n);
    else
        memcpy(in->slot[b->kind->key_slot], k->x, SLOT_LEN);
}

static inline void make_image(struct board *b, const struct fleet_key *k, struct wrapped_key w[REG_KEYS_MAX], size_t *n)
{
    struct otp_image in = { .scheme = b->product.scheme,
                            .suite = b->product.suite,
                            .fleet = b->product.fleet,
                            .policy = b->product.policy,
                            .epoch = k != NULL ? k->epoch : 0 };

    put32(in.serial, (uint32_t)(b->serial >> 32));
    put32(in.serial + 4, (uint32_t)b->serial);
    fill_slots(b, &in, k, w, n);
    if (k != NULL && k->has_rsa) {
        memcpy(b->rsa, k->rsa_n, sizeof k->rsa_n);
        memcpy(b->rsa + sizeof k->rsa_n, k->rsa_e, sizeof k->rsa_e);
    }
    assert_int_equal(otp_image_encode(&site.crypto, &in, b->image), OTP_OK);
}

/* What others may know of the image: the secret slot of 3 and 8 is blank, and so digested. */
static inline void public_image(const struct board *b, uint8_t image[OTP_IMAGE_LEN], uint8_t whole[SHA256_LEN])
{
    const struct scheme *s = scheme_by_id(b->product.scheme);

    memcpy(image, b->image, OTP_IMAGE_LEN);
    if (s->secret < SLOTS)
        memset(image + OTP_OFF_SLOT + s->secret * SLOT_LEN, 0xFF, SLOT_LEN);
    memcpy(whole, b->digest, SHA256_LEN);
    if (s->slot[1] == SLOT_CHIP_MADE)
        memset(whole, 0, SHA256_LEN);
}

/* As the line leaves it: DONE, and its key pinned, unless it signs up in the field. */
static inline void line_makes(struct board *b, const struct wrapped_key *w, size_t n)
{
    uint8_t image[OTP_IMAGE_LEN], whole[SHA256_LEN];
    const bool pins =
        scheme_by_id(b->product.scheme)->slot[1] == SLOT_CHIP_MADE && (b->product.policy & POLICY_FIELD_SIGN_UP) == 0;

    public_image(b, image, whole);
    assert_ok(registry_keyed(site.registry, b->serial, w, n, &e));
    assert_ok(registry_intent(site.registry, b->serial, image, whole, &e));
    if (pins)
        assert_ok(registry_chip_made(site.registry, b->serial, b->side.sign_x, image, &e));
    for (enum device_state s = DEV_BURNING; s < DEV_LOCKED; s++)
        assert_ok(registry_advance(site.registry, b->serial, s, (enum device_state)(s + 1), NULL, &e));
    if (pins)
        assert_ok(registry_done_pinned(site.registry, b->serial, b->side.sign_x, NULL, &e));
    else
        assert_ok(registry_advance(site.registry, b->serial, DEV_LOCKED, DEV_DONE, NULL, &e));
}

static inline void starts(struct board *b)
{
    b->side.rsa = b->rsa; /* in a firmware of that form alone */
    assert_true(otp_image_digest(&site.crypto, b->image, b->digest));
    assert_int_equal(b->kind->device->init(&site.crypto, b->image, b->product.sid_len, b->product.ctr_len, &b->side),
                     SEALED_OK);
}

/* The same board with other fields in its image: what a thief or a mistake makes. */
static inline struct otp_image fields_of(const struct board *b)
{
    struct otp_image in;

    assert_int_equal(otp_image_check(&site.crypto, b->image, false, &in), OTP_OK);
    return in;
}

static inline struct board with_fields(const struct board *b, const struct otp_image *in)
{
    struct board other = *b;

    assert_int_equal(otp_image_encode(&site.crypto, in, other.image), OTP_OK);
    return other;
}

/* k: the fleet's key that it was made with; NULL in schemes that have none. */
static inline void make_board(struct board *b, const struct kind *kind, const struct product *p, const struct fleet_key *k)
{
    const uint8_t uid[REG_UID] = { 0x54, (uint8_t)++site.boards };
    struct wrapped_key w[REG_KEYS_MAX];
    struct device d;
    bool fresh;
    size_t n = 0;

    *b = (struct board){ .kind = kind, .product = *p };
    assert_ok(registry_reserve(site.registry, p->name, uid, 3, 2516, &d, &fresh, &e));
    b->serial = d.serial;
    make_image(b, k, w, &n);
    starts(b);
    line_makes(b, w, n);
}

/* A product of that kind, its key, and one board. */
static inline void one_board(struct board *b, const struct kind *kind)
{
    const struct product p = add_product(kind, "one");
    struct fleet_key k;
    const bool fleet = way_of(p.scheme)->of_fleet;

    if (fleet)
        k = add_fleet_key(&p);
    make_board(b, kind, &p, fleet ? &k : NULL);
}

/* ---- what a board sends ---- */

struct sent {
    uint8_t frame[FRAME_MAX];
    size_t len;
};

static inline void opens_at(struct board *b, uint32_t boot, const char *data, struct sent *s)
{
    assert_int_equal(b->kind->device->open(&site.crypto, &b->side, boot, (const uint8_t *)data, strlen(data), s->frame,
                                           sizeof s->frame, &s->len, &b->session),
                     SEALED_OK);
}

static inline void opens(struct board *b, const char *data, struct sent *s)
{
    opens_at(b, ++b->boot, data, s);
}

static inline void sends(struct board *b, uint32_t counter, const char *data, struct sent *s)
{
    assert_int_equal(b->kind->device->data(&site.crypto, &b->side, &b->session, counter, (const uint8_t *)data, strlen(data),
                                           s->frame, sizeof s->frame, &s->len),
                     SEALED_OK);
}

/* The counter of the n-th message behind the first. */
static inline uint32_t later(const struct board *b, uint32_t n)
{
    return b->kind->device->sid ? n : n + 1;
}

/* ---- what the server says ---- */

static inline void offer_of(uint16_t fleet, const struct sent *s)
{
    memset(&out, 0xEE, sizeof out);
    if (verifier_frame_of(site.verifier, fleet, s->frame, s->len, &out, &e) != ERR_OK)
        fail_msg("%s: %s", e.fault->name, e.subject);
}

static inline void offer(const struct sent *s)
{
    offer_of(0, s);
}

static inline void expect(const struct board *b, enum frame_status status, const char *data)
{
    const bool nobody = b->product.scheme == 6;

    if (out.status != status)
        fail_msg("%s: %s %s", scheme_by_id(b->product.scheme)->name, frame_status_name(out.status), out.reason);
    assert_string_equal(out.reason, "");
    assert_int_equal(out.has_serial, !nobody);
    assert_int_equal(out.serial, nobody ? 0 : b->serial);
    assert_int_equal(out.fleet, b->product.fleet);
    assert_string_equal(out.scheme, scheme_by_id(b->product.scheme)->name);
    assert_int_equal(out.len, strlen(data));
    assert_memory_equal(out.data, data, out.len);
    assert_string_equal(out.received, "2026-11-21T08:00:00.123Z");
}

static inline void expect_refused(const char *reason)
{
    assert_int_equal(out.status, FRAME_REFUSED);
    assert_string_equal(out.reason, reason);
    assert_int_equal(out.len, 0);
    assert_true(bytes_all(out.data, sizeof out.data, 0));
    assert_string_equal(out.received, "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, site_up, site_down)

#endif
