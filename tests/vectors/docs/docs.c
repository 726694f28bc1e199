#include "tests/vectors/docs/docs.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "protocol/bytes.h"
#include "protocol/derive.h"
#include "protocol/p256.h"
#include "tests/protocol/rsa_key.h"

/* ---- fields ---- */

size_t docs_hex(const json_t *o, const char *key, uint8_t *out, size_t max)
{
    const char *text = json_string_value(json_object_get(o, key));
    long n = text ? hex_decode(text, out, max) : -1;
    return n < 0 ? 0 : (size_t)n;
}

uint32_t docs_number(const json_t *o, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(o, key));
}

bool docs_is(const json_t *o, const char *key, const char *text)
{
    const char *have = json_string_value(json_object_get(o, key));
    return have && strcmp(have, text) == 0;
}

void docs_set(json_t *o, const char *key, const uint8_t *bytes, size_t len)
{
    char *text = malloc(2 * len + 1);
    if (!text)
        abort();
    hex_encode(bytes, len, text);
    if (json_object_set_new(o, key, json_string(text)) != 0)
        abort();
    free(text);
}

bool docs_same(const json_t *o, const char *key, const uint8_t *bytes, size_t len)
{
    uint8_t want[2 * FRAME_MAX];
    return docs_hex(o, key, want, sizeof want) == len && memcmp(want, bytes, len) == 0;
}

/* ---- a product ---- */

static uint8_t given[32]; /* what the RNG gives next */

static bool given_random(void *io, void *out, size_t len)
{
    (void)io;
    if (len != sizeof given)
        return false;
    memcpy(out, given, len);
    return true;
}

void docs_random(const json_t *in)
{
    (void)docs_hex(in, "rng32", given, sizeof given);
}

static bool token_ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct docs_product *p = io;
    return p->peer.profile.suite == SUITE_X25519_CCM ? p->c.x25519(p->c.io, p->skR, enc, z)
                                                     : p->c.p256_ecdh(p->c.io, p->skR, enc, z);
}

static bool token_mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    struct docs_product *p = io;
    const struct crypto_part part = { in, len };
    return p->c.hmac_sha256(p->c.io, p->mac_key, sizeof p->mac_key, &part, 1, out);
}

static bool token_rsa(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN])
{
    (void)io;
    return rsa_key_private(c, m);
}

static const struct device_scheme *device_scheme_of(uint8_t scheme, uint8_t suite)
{
    static const struct device_scheme *const all[] = {
        &device_sealed,  &device_fleet,   &device_identity,    &device_secret,
        &device_derived, &device_session, &device_session_rsa, &device_signup,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->id == scheme && (all[i]->suite[0] == suite || all[i]->suite[1] == suite))
            return all[i];
    return NULL;
}

static bool open_table(struct docs_product *p)
{
    p->host = hpke_host_open(&p->c);
    p->c.random = given_random;
    return p->host != NULL;
}

static bool open_device(struct docs_product *p, const json_t *in)
{
    uint8_t suite = (uint8_t)docs_number(in, "suite");
    if (docs_hex(in, "image", p->image, sizeof p->image) != OTP_IMAGE_LEN ||
        otp_image_check(&p->c, p->image, false, NULL) != OTP_OK)
        return false;
    p->on_device = device_scheme_of(p->image[OTP_OFF_SCHEME], suite);
    if (!p->on_device)
        return false;
    p->device.rsa = p->rsa;
    if (suite == SUITE_RSA)
        rsa_key_public(p->rsa);
    if (p->on_device->init(&p->c, p->image, (uint8_t)docs_number(in, "sid_len"), (uint8_t)docs_number(in, "ctr_len"),
                           &p->device) != SEALED_OK)
        return false;
    p->device.gen = (uint8_t)docs_number(in, "gen");
    (void)docs_hex(in, "salt16", p->device.salt, sizeof p->device.salt);
    return true;
}

/* The key that the server's HSM MACs under: S1, S0, or K_gen. */
static bool open_mac_key(struct docs_product *p, const json_t *in)
{
    uint8_t scheme = p->peer.profile.scheme, root[DERIVE_KEY_LEN], salt[DERIVE_SALT_LEN] = { 0 };
    if (scheme != 5)
        return docs_hex(in, scheme == 4 ? "S0" : "S1", p->mac_key, sizeof p->mac_key) || scheme != 4;
    (void)docs_hex(in, "salt16", salt, sizeof salt);
    return docs_hex(in, "K_root", root, sizeof root) == sizeof root &&
           derive_gen(&p->c, root, (uint8_t)docs_number(in, "gen"), salt, p->mac_key);
}

static bool open_server(struct docs_product *p, const json_t *in)
{
    uint8_t scheme = (uint8_t)docs_number(in, "scheme"), suite = (uint8_t)docs_number(in, "suite");
    p->peer.profile = profile_make(scheme, suite, (uint16_t)docs_number(in, "fleet"), (uint16_t)docs_number(in, "policy"),
                                   (uint8_t)docs_number(in, "sid_len"), (uint8_t)docs_number(in, "ctr_len"));
    p->peer.epoch = (uint8_t)docs_number(in, "epoch");
    p->on_server = peer_scheme_of(scheme, suite);
    p->token = (struct peer_token){ token_ecdh, token_mac, token_rsa, p };
    if (!p->on_server || docs_hex(in, "serial8", p->peer.serial, OTP_SERIAL_LEN) != OTP_SERIAL_LEN || !open_mac_key(p, in))
        return false;
    (void)docs_hex(in, "device_x32", p->device_x, sizeof p->device_x);
    if (docs_hex(in, "skR", p->skR, sizeof p->skR) == 0)
        return true; /* no key to seal to: 4, 5, RSA */
    static const uint8_t base[X25519_LEN] = { 9 };
    if (suite == SUITE_X25519_CCM)
        return p->c.x25519(p->c.io, p->skR, base, p->peer.pkRm);
    if (!p->c.p256_public(p->c.io, p->skR, p->peer.pkRm))
        return false;
    p256_even_y(p->peer.pkRm);
    return true;
}

bool docs_open(struct docs_product *p, const json_t *in)
{
    memset(p, 0, sizeof *p);
    return open_table(p) && open_device(p, in) && open_server(p, in);
}

void docs_close(struct docs_product *p)
{
    hpke_host_close(p->host);
    bytes_wipe(p, sizeof *p);
}

/* ---- frames ---- */

static void proof_bytes(const json_t *in, uint8_t proof[PROOF_LEN])
{
    uint8_t challenge[CHALLENGE_LEN] = { 0 }, digest[SHA256_LEN] = { 0 };
    (void)docs_hex(in, "challenge32", challenge, sizeof challenge);
    (void)docs_hex(in, "image_digest32", digest, sizeof digest);
    profile_proof(challenge, digest, proof);
}

/* The device's own way with a first frame; *s is its session. */
static size_t make_first(struct docs_product *p, const json_t *in, uint8_t frame[FRAME_MAX], struct device_session *s)
{
    uint8_t data[FRAME_DATA_MAX];
    size_t n = 0, len = docs_hex(in, "data", data, sizeof data);
    docs_random(in);
    return p->on_device->open(&p->c, &p->device, docs_number(in, "boot"), data, len, frame, FRAME_MAX, &n, s) == SEALED_OK
               ? n
               : 0;
}

static size_t make_proof(struct docs_product *p, const json_t *in, uint8_t frame[FRAME_MAX])
{
    uint8_t challenge[CHALLENGE_LEN], digest[SHA256_LEN];
    size_t n = 0;
    docs_random(in);
    (void)docs_hex(in, "challenge32", challenge, sizeof challenge);
    if (!otp_image_digest(&p->c, p->image, digest))
        return 0;
    return p->on_device->proof(&p->c, &p->device, docs_number(in, "boot"), challenge, digest, frame, FRAME_MAX, &n) ==
                   SEALED_OK
               ? n
               : 0;
}

/* The server's session of an OPEN, from its bytes. */
static enum sealed_result session_of(struct docs_product *p, const json_t *first, struct peer_session *s)
{
    uint8_t bytes[FRAME_MAX];
    struct peer_text text;
    struct frame f;
    size_t n = docs_hex(first, "frame", bytes, sizeof bytes);
    if (frame_parse(bytes, n, &f) != FRAME_OK)
        return SEALED_FORM;
    enum sealed_result r = p->on_server->session(&p->c, &p->peer, &p->token, &f, s);
    return r == SEALED_OK ? p->on_server->open(&p->c, &p->peer, s, &f, NULL, &text) : r;
}

size_t docs_make(struct docs_product *p, const json_t *first, const json_t *in, uint8_t frame[FRAME_MAX])
{
    uint8_t data[FRAME_DATA_MAX], scratch[FRAME_MAX];
    struct device_session s;
    struct peer_session server;
    size_t n = 0, len = docs_hex(in, "data", data, sizeof data);
    uint32_t ctr = docs_number(in, "ctr");
    if (docs_is(in, "kind", "PROOF"))
        return make_proof(p, in, frame);
    if (!first)
        return make_first(p, in, frame, &s);
    if (docs_is(in, "kind", "DOWN")) {
        bool ok = session_of(p, first, &server) == SEALED_OK &&
                  p->on_server->down(&p->c, &p->peer, &server, ctr, data, len, frame, FRAME_MAX, &n) == SEALED_OK;
        return ok ? n : 0;
    }
    bool ok = make_first(p, first, scratch, &s) != 0 &&
              p->on_device->data(&p->c, &p->device, &s, ctr, data, len, frame, FRAME_MAX, &n) == SEALED_OK;
    return ok ? n : 0;
}

/* ---- receiving ---- */

static enum sealed_result take_down(struct docs_product *p, const json_t *first, const json_t *in, const uint8_t *frame,
                                    size_t len, struct peer_text *text)
{
    uint8_t scratch[FRAME_MAX];
    struct device_session s;
    if (make_first(p, first, scratch, &s) == 0)
        return SEALED_CRYPTO;
    s.down = docs_number(in, "down_last");
    text->data = text->text;
    return p->on_device->down(&p->c, &p->device, &s, frame, len, text->text, &text->data_len);
}

static enum sealed_result take_up(struct docs_product *p, const json_t *first, const json_t *in, const struct frame *f,
                                  struct peer_session *s, struct peer_text *text)
{
    uint8_t bytes[PROOF_LEN];
    const uint8_t *proof = NULL;
    bool later = f->form->kind == FRAME_DATA && p->on_device->sid;
    if (json_object_get(in, "challenge32")) {
        proof_bytes(in, bytes);
        proof = bytes;
    }
    enum sealed_result r = later ? session_of(p, first, s) : p->on_server->session(&p->c, &p->peer, &p->token, f, s);
    if (r != SEALED_OK)
        return r;
    r = later ? p->on_server->data(&p->c, &p->peer, s, f, text) : p->on_server->open(&p->c, &p->peer, s, f, proof, text);
    if (r != SEALED_OK || !text->sig)
        return r;
    return p->on_server->verify(&p->c, &p->peer, s, f->counter, proof, text, p->device_x);
}

const char *docs_take(struct docs_product *p, const json_t *first, const json_t *in, const uint8_t *frame, size_t len,
                      struct peer_session *s, struct peer_text *text)
{
    struct frame f;
    memset(s, 0, sizeof *s);
    memset(text, 0, sizeof *text);
    enum frame_result form = frame_parse(frame, len, &f);
    if (form != FRAME_OK)
        return frame_result_name(form);
    bool down = docs_is(in, "kind", "DOWN");
    return sealed_result_name(down ? take_down(p, first, in, frame, len, text) : take_up(p, first, in, &f, s, text));
}
