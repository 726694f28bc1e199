/* tests/station/scheme_line.h - a line of any scheme: product, keys of its fleet, and the server's side of the proof by
 * protocol/peer.h over the test's one token.  The chip of schemes 3 and 8 makes its key with the firmware's own code. */
#ifndef TESTS_STATION_SCHEME_LINE_H
#define TESTS_STATION_SCHEME_LINE_H

#include "tests/station/line.h"

#include "db/device_key.h"
#include "db/fleet.h"
#include "protocol/derive.h"
#include "protocol/peer.h"
#include "station/slots.h"

/* The chip's own code, over the chip in this process. */
#include "firmware-stub/chip.h"
#include "firmware-stub/make_key.c"

struct kind {
    const struct device_scheme *device;
    const char *chip;
    uint16_t policy;
    uint8_t lock;
    bool injected;
};

static uint8_t ra_x[2][32], fleet_x[32];
static struct fleet_key active; /* the one that the server answers with */

/* ---- the chip that makes its key ---- */

const uint32_t chip_otp = 0; /* offsets, in this process */

bool chip_read(uint32_t addr, void *out, size_t len)
{
    const uint32_t cell = line.chip->desc->otp.cell, n = (uint32_t)len / cell;
    enum otp_cell_state state[OTP_UNIT];
    struct err none;

    if (chip_otp_read(line.chip, addr / cell, n, out, state, &none) != ERR_OK)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (state[i] != OTP_CELL_READ)
            return false;
    return true;
}

bool chip_program(uint32_t addr, const void *bytes, size_t len)
{
    const uint32_t cell = line.chip->desc->otp.cell;
    const uint8_t *in = bytes;
    struct err none;

    for (uint32_t i = 0; i < len; i += cell)
        if (!bytes_all(in + i, cell, 0xFF) && chip_otp_program(line.chip, (addr + i) / cell, in + i, &none) != ERR_OK)
            return false;
    return true;
}

static inline bool image_is_complete(struct chip *c)
{
    uint8_t image[OTP_IMAGE_LEN];

    otp_of(c, image);
    return !bytes_all(image + OTP_OFF_MAGIC, OTP_UNIT, 0xFF);
}

static inline void chip_makes_key(struct chip *c, uint8_t *box, const struct mailbox_view *v)
{
    uint8_t out[MAILBOX_KEY_ANSWER_LEN], draft[OTP_IMAGE_LEN];
    enum device_code code = DEVICE_REQUEST;

    assert_int_equal(v->len, sizeof draft);
    memcpy(draft, v->data, sizeof draft);
    if (!image_is_complete(c))
        code = make_key(&line.crypto, line.product.scheme, draft, out);
    if (code == DEVICE_OK)
        answer(box, MAILBOX_ANSWER, out, sizeof out);
    else
        answer(box, MAILBOX_ERROR, (const uint8_t[]){ (uint8_t)code }, 1);
}

/* ---- the server's side ---- */

struct asked {
    const struct product *product;
    const struct device *device;
};

static inline bool ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct hsm_key *k = NULL;
    bool ok = hsm_key_find(line.h, HSM_FLEET, active.label, &k, &e) == ERR_OK && hsm_ecdh(k, enc, z, &e) == ERR_OK;

    (void)io;
    hsm_key_free(k);
    return ok;
}

static inline bool rsa(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN])
{
    struct hsm_key *k = NULL;
    bool ok = hsm_key_find(line.h, HSM_RSA, active.label, &k, &e) == ERR_OK && hsm_rsa_raw(k, c, m, &e) == ERR_OK;

    (void)io;
    hsm_key_free(k);
    return ok;
}

static inline bool mac_secret(const struct device *d, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    struct wrapped_key key[REG_KEYS_MAX];
    struct hsm_key *kek = NULL, *k = NULL;
    struct hsm_blob blob;
    size_t n = 0;

    assert_ok(registry_keys(line.registry, d->serial, key, &n, &e));
    assert_int_equal(n, 1);
    assert_string_equal(key[0].role, "secret");
    blob = (struct hsm_blob){ .len = key[0].blob_len, .mechanism = key[0].mechanism };
    memcpy(blob.bytes, key[0].blob, sizeof blob.bytes);
    memcpy(blob.profile, key[0].profile, sizeof blob.profile);
    assert_ok(hsm_key_find(line.h, HSM_KEK_SECRET, "kek-secret", &kek, &e));
    assert_ok(hsm_unwrap(line.h, kek, &blob, HSM_USE_MAC, &k, &e));
    assert_ok(hsm_hmac(k, in, len, out, &e));
    hsm_key_free(k);
    hsm_key_free(kek);
    return true;
}

static inline bool mac_derived(const struct device *d, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct crypto_part part = { in, len };
    static const uint8_t salt[DERIVE_SALT_LEN];
    uint8_t serial[8], root_in[DERIVE_ROOT_INPUT_LEN], gen_in[DERIVE_GEN_INPUT_LEN], gen[SHA256_LEN];
    struct hsm_key *master = NULL, *root = NULL;

    put32(serial, (uint32_t)(d->serial >> 32));
    put32(serial + 4, (uint32_t)d->serial);
    derive_root_input(serial, root_in);
    derive_gen_input(0, salt, gen_in);
    assert_ok(hsm_key_find(line.h, HSM_MASTER, "master/3", &master, &e));
    assert_ok(hsm_derive_key(master, root_in, &root, &e));
    assert_ok(hsm_hmac(root, gen_in, sizeof gen_in, gen, &e));
    hsm_key_free(root);
    hsm_key_free(master);
    return line.crypto.hmac_sha256(line.crypto.io, gen, sizeof gen, &part, 1, out);
}

static inline bool mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct asked *a = io;

    return (a->product->scheme == 4 ? mac_secret : mac_derived)(a->device, in, len, out);
}

static inline struct peer_side side_of(const struct product *p, const struct device *d)
{
    struct peer_side side = { .profile = profile_make(p->scheme, p->suite, p->fleet, p->policy, p->sid_len, p->ctr_len),
                              .epoch = active.epoch };

    put32(side.serial, (uint32_t)(d->serial >> 32));
    put32(side.serial + 4, (uint32_t)d->serial);
    if (p->epoch != 0 && p->suite != SUITE_RSA)
        assert_true(line.crypto.p256_decompress(line.crypto.io, active.x, side.pkRm));
    return side;
}

/* What a first frame says, opened as the server would; proof NULL: telemetry. */
static inline enum sealed_result open_first(const struct device *d, const uint8_t *frame, size_t len, const uint8_t *proof,
                                            struct peer_text *text)
{
    const struct peer_scheme *peer = peer_scheme_of(line.product.scheme, line.product.suite);
    const struct peer_side side = side_of(&line.product, d);
    struct asked asked = { &line.product, d };
    const struct peer_token token = { .ecdh = ecdh, .mac = mac, .rsa = rsa, .io = &asked };
    struct peer_session s;
    struct frame f;
    enum sealed_result r = SEALED_FORM;
    enum device_key_state state;
    uint8_t x[32];

    if (frame_parse(frame, len, &f) != FRAME_OK || (r = peer->session(&line.crypto, &side, &token, &f, &s)) != SEALED_OK ||
        (r = peer->open(&line.crypto, &side, &s, &f, proof, text)) != SEALED_OK || peer->verify == NULL)
        return r;
    assert_ok(registry_device_key(line.registry, d->serial, x, &state, &e));
    assert_int_not_equal(state, DEVICE_KEY_NONE);
    return peer->verify(&line.crypto, &side, &s, 0, proof, text, x);
}

static inline enum err_code prove(void *io, uint64_t serial, const uint8_t *frame, size_t len, const uint8_t challenge[32],
                                  const uint8_t image_digest[32], struct err *err)
{
    uint8_t proof[PROOF_LEN];
    struct peer_text text;
    struct device d;

    (void)io;
    assert_ok(registry_device(line.registry, serial, &d, &e));
    profile_proof(challenge, image_digest, proof);
    const enum sealed_result r = open_first(&d, frame, len, proof, &text);
    return r == SEALED_OK ? ERR_OK
                          : err_set(err, &station_fault[STATION_PROOF], "proof", NULL, 0, "%s", sealed_result_name(r));
}

/* ---- the line of a scheme ---- */

static inline void public_x(enum hsm_key_kind kind, const char *label, uint8_t x[32])
{
    struct hsm_key *k = NULL;
    uint8_t pk[65];

    assert_ok(hsm_key_ensure(line.h, kind, label, &k, NULL, &e));
    assert_ok(hsm_public(k, pk, &e));
    memcpy(x, pk + 1, 32);
    hsm_key_free(k);
}

/* Of the fleet's RSA key, which is made once, for it takes its time. */
static inline void public_rsa(struct fleet_key *row)
{
    const struct crypto_part part[] = { { row->rsa_n, sizeof row->rsa_n }, { row->rsa_e, sizeof row->rsa_e } };
    struct hsm_key *k = NULL;

    assert_ok(hsm_key_ensure(line.h, HSM_RSA, row->label, &k, NULL, &e));
    assert_ok(hsm_rsa_public(k, row->rsa_n, row->rsa_e, &e));
    assert_true(line.crypto.sha256(line.crypto.io, part, 2, row->x));
    row->has_rsa = true;
    hsm_key_free(k);
}

static inline int group_up(void **state)
{
    if (line_group_up(state) != 0)
        return -1;
    ensure(HSM_MASTER, "master/3");
    public_x(HSM_FLEET, "fleet/1/1", fleet_x);
    public_x(HSM_RA, "ra", ra_x[0]);
    public_x(HSM_RA, "ra-backup", ra_x[1]);
    return 0;
}

static inline int up(void **state)
{
    const struct kind *kind = *state;
    const struct scheme *s = scheme_by_id(kind->device->id);
    const uint8_t suite = kind->device->suite[0];
    const bool is_rsa = suite == SUITE_RSA;
    struct fleet_key k = { .fleet = 1, .epoch = 1, .suite = suite };
    struct product p = { .scheme = s->id,
                         .suite = suite,
                         .fleet = 1,
                         .model = 7,
                         .policy = (uint16_t)(POLICY_NVM_REQUIRED | kind->policy),
                         .sid_len = 2,
                         .ctr_len = 1,
                         .lock = kind->lock,
                         .epoch = s->epoch,
                         .injected = kind->injected };

    (void)snprintf(p.name, sizeof p.name, "TEST-%s", s->name);
    (void)snprintf(p.chip, sizeof p.chip, "%s", kind->chip);
    if (s->epoch) {
        p.has_ra = true;
        memcpy(p.ra_x, ra_x[0], sizeof p.ra_x);
    }
    if (s->id == 2) {
        p.has_backup_ra = true;
        memcpy(p.backup_ra_x, ra_x[1], sizeof p.backup_ra_x);
    }
    if (s->id == 5)
        (void)snprintf(p.master, sizeof p.master, "3");
    line_start(&p, kind->device);
    line.station.prove = prove;
    line.make_key = slots_chip_makes_key(&p) ? chip_makes_key : NULL;
    (void)snprintf(k.label, sizeof k.label, is_rsa ? "rsa/1/1" : "fleet/1/1");
    memcpy(k.x, fleet_x, sizeof k.x);
    if (is_rsa)
        public_rsa(&k);
    active = (struct fleet_key){ .epoch = 0 };
    if (s->epoch) {
        assert_ok(registry_fleet_key_add(line.registry, &k, &e));
        active = k;
    }
    return 0;
}

static inline void board_opens(void)
{
    const struct device d = row();
    struct device_side side;
    struct device_session session;
    struct peer_text text;
    uint8_t image[OTP_IMAGE_LEN], frame[FRAME_MAX];
    size_t len;

    assert_true(board_starts(line.chip, image, &side));
    assert_int_equal(line.device->open(&line.crypto, &side, ++line.boot, (const uint8_t *)"hello", 5, frame, sizeof frame,
                                       &len, &session),
                     SEALED_OK);
    assert_int_equal(open_first(&d, frame, len, NULL, &text), SEALED_OK);
    assert_int_equal(text.data_len, 5);
    assert_memory_equal(text.data, "hello", 5);
}

#endif
