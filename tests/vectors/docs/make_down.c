/* ROTATE and REKEY: what the server's side makes, and what a device refuses. */
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/rekey.h"
#include "protocol/rotate.h"
#include "tests/vectors/docs/make.h"

static void set_number(json_t *o, const char *key, uint32_t n)
{
    MUST(json_object_set_new(o, key, json_integer((json_int_t)n)) == 0);
}

/* ---- ROTATE ---- */

/* The fleet, its RA's keys, and an image whose RA slots name them. */
struct fleet {
    struct profile profile;
    uint8_t image[OTP_IMAGE_LEN], d[2][P256_LEN];
};

static json_t *open_fleet(struct fleet *f, uint8_t scheme, uint8_t suite)
{
    const struct make_row row = { "rotate", scheme, suite, POLICY_TAG16, 2, 1, 1, true, false, 0 };
    json_t *product = make_product(&row), *o = json_object();
    static const char *const show[] = { "scheme", "suite", "fleet", "epoch", "ra_d", "backup_ra_d", "image" };
    struct otp_image in;
    for (size_t i = 0; i < sizeof show / sizeof *show; i++)
        if (json_object_get(product, show[i]))
            json_object_set(o, show[i], json_object_get(product, show[i]));
    MUST(docs_hex(product, "image", f->image, sizeof f->image) == sizeof f->image);
    MUST(otp_image_decode(f->image, &in) == OTP_OK);
    f->profile = profile_from_image(&in, 2, 1);
    (void)docs_hex(product, "ra_d", f->d[0], P256_LEN);
    (void)docs_hex(product, "backup_ra_d", f->d[1], P256_LEN);
    json_decref(product);
    return o;
}

static void sign(const struct fleet *f, struct rotate_mark mark, const uint8_t x[P256_LEN], const uint8_t d[P256_LEN],
                 uint8_t frame[ROTATE_LEN])
{
    uint8_t digest[SHA256_LEN], sig[ECDSA_LEN];
    MUST(rotate_digest(&make_c, &f->profile, mark, x, digest) == SEALED_OK);
    MUST(make_c.ecdsa_sign(make_c.io, d, digest, sig));
    rotate_put(mark, x, sig, frame);
}

/* By its name in the suite. */
static void next_key(const struct fleet *f, uint8_t x[P256_LEN])
{
    uint8_t d[P256_LEN], pk[P256_PK_LEN];
    if (f->profile.suite == SUITE_X25519_CCM) {
        make_x25519("next", d, x);
        return;
    }
    make_even_key("next", d, pk);
    memcpy(x, pk + 1, P256_LEN);
}

static void add_rotate(const struct fleet *f, json_t *frames, uint8_t v, uint8_t epoch)
{
    uint8_t x[P256_LEN], frame[ROTATE_LEN], tbs[ROTATE_TBS_MAX], cose[ROTATE_COSE_MAX];
    const struct rotate_mark mark = { v, epoch };
    json_t *o = json_object();
    next_key(f, x);
    sign(f, mark, x, f->d[v], frame);
    set_number(o, "v", v);
    set_number(o, "epoch1", epoch);
    docs_set(o, "x32", x, P256_LEN);
    docs_set(o, "sig_structure", tbs, rotate_sig_structure(&f->profile, mark, x, tbs));
    docs_set(o, "frame", frame, sizeof frame);
    set_number(o, "bytes", sizeof frame);
    docs_set(o, "cose", cose, rotate_cose(f->profile.suite, frame, cose));
    json_array_append_new(frames, o);
}

static void reject_rotate(const struct fleet *f, json_t *rejects, const char *why, enum sealed_result answer, bool revoked,
                          const uint8_t *frame, size_t len)
{
    uint8_t pk[P256_PK_LEN];
    struct rotate_mark mark;
    json_t *o = json_object();
    MUST(rotate_verify_image(&make_c, f->image, revoked, frame, len, &mark, pk) == answer);
    json_object_set_new(o, "why", json_string(why));
    json_object_set_new(o, "answer", json_string(sealed_result_name(answer)));
    json_object_set_new(o, "ra_revoked", json_boolean(revoked));
    docs_set(o, "frame", frame, len);
    json_array_append_new(rejects, o);
}

static void reject_rotates(struct fleet *f, json_t *rejects)
{
    uint8_t d[P256_LEN], x[P256_LEN], other[P256_PK_LEN], good[ROTATE_LEN], frame[ROTATE_LEN];
    const bool x25519 = f->profile.suite == SUITE_X25519_CCM;
    const struct rotate_mark two = { 0, 2 };
    next_key(f, x);
    sign(f, two, x, f->d[0], good);
    memcpy(frame, good, sizeof frame);
    frame[1] = 3;
    reject_rotate(f, rejects, "another epoch under the signature", SEALED_SIGNATURE, false, frame, sizeof frame);
    memcpy(frame, good, sizeof frame);
    frame[1] = 0;
    reject_rotate(f, rejects, "epoch 0", SEALED_FORM, false, frame, sizeof frame);
    memcpy(frame, good, sizeof frame);
    memset(frame + 2, x25519 ? 0 : 0xFF, P256_LEN);
    reject_rotate(f, rejects, x25519 ? "u = 0" : "x above p", SEALED_POINT, false, frame, sizeof frame);
    reject_rotate(f, rejects, "cut by a byte", SEALED_FORM, false, good, sizeof good - 1);
    make_even_key("stranger", d, other);
    sign(f, two, x, d, frame);
    reject_rotate(f, rejects, "signed by a stranger", SEALED_SIGNATURE, false, frame, sizeof frame);
    f->profile.fleet++;
    sign(f, two, x, f->d[0], frame);
    f->profile.fleet--;
    reject_rotate(f, rejects, "of another fleet", SEALED_SIGNATURE, false, frame, sizeof frame);
    if (x25519) {
        f->profile.suite = SUITE_P256_CCM;
        make_even_key("next", d, other);
        sign(f, two, other + 1, f->d[0], frame);
        f->profile.suite = SUITE_X25519_CCM;
        reject_rotate(f, rejects, "of suite 1", SEALED_SIGNATURE, false, frame, sizeof frame);
    }
    memcpy(frame, good, sizeof frame);
    frame[0] = HDR_ROTATE_BACKUP;
    if (f->profile.scheme == 2) {
        reject_rotate(f, rejects, "by the RA, given out for the backup RA's", SEALED_SIGNATURE, false, frame, sizeof frame);
        reject_rotate(f, rejects, "by the RA, after the backup RA revoked it", SEALED_SIGNATURE, true, good, sizeof good);
    } else
        reject_rotate(f, rejects, "by a backup RA, which this scheme has not", SEALED_FORM, false, frame, sizeof frame);
}

static json_t *make_fleet(uint8_t scheme, uint8_t suite)
{
    struct fleet f = { 0 };
    json_t *o = open_fleet(&f, scheme, suite), *frames = json_array(), *rejects = json_array();
    add_rotate(&f, frames, 0, 2);
    add_rotate(&f, frames, 0, 24); /* 18 18 in the payload */
    if (scheme == 2)
        add_rotate(&f, frames, 1, 255);
    reject_rotates(&f, rejects);
    json_object_set_new(o, "frames", frames);
    json_object_set_new(o, "rejects", rejects);
    return o;
}

json_t *make_rotates(void)
{
    json_t *o = json_object(), *fleets = json_array();
    json_object_set_new(o, "note", json_string("sig64 has the nonce of RFC 6979 here; an RA's HSM takes its own"));
    json_object_set_new(o, "fleets", fleets);
    json_array_append_new(fleets, make_fleet(2, SUITE_P256_CCM));
    json_array_append_new(fleets, make_fleet(3, SUITE_P256_CCM));
    json_array_append_new(fleets, make_fleet(6, SUITE_P256_CCM));
    json_array_append_new(fleets, make_fleet(6, SUITE_RSA));
    json_array_append_new(fleets, make_fleet(8, SUITE_P256_CCM));
    json_array_append_new(fleets, make_fleet(2, SUITE_X25519_CCM));
    json_array_append_new(fleets, make_fleet(3, SUITE_X25519_CCM));
    return o;
}

/* ---- REKEY ---- */

struct line {
    struct profile profile;
    uint8_t serial[OTP_SERIAL_LEN], K_root[DERIVE_KEY_LEN];
};

static void put_rekey(const struct line *l, uint8_t nvm_loss, uint8_t gen, uint8_t input[REKEY_INPUT_LEN],
                      uint8_t frame[REKEY_LEN], struct rekey *k)
{
    uint8_t salt[32], mac[SHA256_LEN];
    const struct crypto_part part = { input, REKEY_INPUT_LEN };
    make_bytes("salt", gen, salt);
    k->gen = gen;
    memcpy(k->salt, salt, sizeof k->salt);
    rekey_head(l->serial, k, frame);
    rekey_input(&l->profile, nvm_loss, frame, input);
    MUST(make_c.hmac_sha256(make_c.io, l->K_root, sizeof l->K_root, &part, 1, mac));
    rekey_finish(mac, frame);
}

static void add_rekey(const struct line *l, json_t *frames, uint8_t nvm_loss, uint8_t gen)
{
    uint8_t input[REKEY_INPUT_LEN], frame[REKEY_LEN];
    struct rekey k;
    json_t *o = json_object();
    put_rekey(l, nvm_loss, gen, input, frame, &k);
    set_number(o, "nvm_loss1", nvm_loss);
    set_number(o, "gen1", gen);
    docs_set(o, "salt16", k.salt, sizeof k.salt);
    docs_set(o, "mac_input", input, sizeof input);
    docs_set(o, "frame", frame, sizeof frame);
    set_number(o, "bytes", sizeof frame);
    json_array_append_new(frames, o);
}

static void reject_rekey(const struct line *l, json_t *rejects, const char *why, enum sealed_result answer, uint8_t nvm_loss,
                         uint8_t gen, const uint8_t *frame, size_t len)
{
    struct rekey k;
    json_t *o = json_object();
    MUST(rekey_check(&make_c, &l->profile, l->serial, l->K_root, nvm_loss, gen, frame, len, &k) == answer);
    json_object_set_new(o, "why", json_string(why));
    json_object_set_new(o, "answer", json_string(sealed_result_name(answer)));
    set_number(o, "nvm_loss1", nvm_loss);
    set_number(o, "stored_gen1", gen);
    docs_set(o, "frame", frame, len);
    json_array_append_new(rejects, o);
}

static void reject_rekeys(const struct line *l, json_t *rejects)
{
    uint8_t input[REKEY_INPUT_LEN], frame[REKEY_LEN];
    struct rekey k;
    put_rekey(l, 0, 1, input, frame, &k);
    reject_rekey(l, rejects, "the second time", SEALED_COUNTER, 0, 1, frame, sizeof frame);
    reject_rekey(l, rejects, "older than what is stored", SEALED_COUNTER, 0, 2, frame, sizeof frame);
    reject_rekey(l, rejects, "of another life of the flash", SEALED_AUTH, 1, 0, frame, sizeof frame);
    reject_rekey(l, rejects, "cut by a byte", SEALED_FORM, 0, 0, frame, sizeof frame - 1);
    frame[REKEY_LEN - 1] ^= 1;
    reject_rekey(l, rejects, "the last bit of the mac", SEALED_AUTH, 0, 0, frame, sizeof frame);
    frame[REKEY_LEN - 1] ^= 1;
    frame[4] ^= 1;
    reject_rekey(l, rejects, "another serial4", SEALED_SERIAL, 0, 0, frame, sizeof frame);
}

json_t *make_rekeys(void)
{
    const struct make_row row = { "rekey", 5, SUITE_P256_CCM, 0, 2, 1, 0, true, false, 0 };
    json_t *product = make_product(&row), *o = json_object(), *frames = json_array(), *rejects = json_array();
    static const char *const show[] = { "scheme", "suite", "fleet", "serial8", "K_root" };
    struct line l = { .profile = {
                          .scheme = 5, .suite = SUITE_P256_CCM, .fleet = (uint16_t)docs_number(product, "fleet") } };
    for (size_t i = 0; i < sizeof show / sizeof *show; i++)
        json_object_set(o, show[i], json_object_get(product, show[i]));
    MUST(docs_hex(product, "serial8", l.serial, sizeof l.serial) && docs_hex(product, "K_root", l.K_root, sizeof l.K_root));
    add_rekey(&l, frames, 0, 1);
    add_rekey(&l, frames, 63, 255);
    reject_rekeys(&l, rejects);
    json_object_set_new(o, "frames", frames);
    json_object_set_new(o, "rejects", rejects);
    json_decref(product);
    return o;
}
