/* tests/vectors/docs/docs.h - docs/vectors/ for who makes the files (make.c) and who checks them
 * (tests/protocol/docs_vectors_test.c): a product with both of its sides ready, from nothing but what stands in the file.
 * Names of fields are those of docs/protocol.md; a number behind a name is its length.  All keys are TEST keys. */
#ifndef TESTS_VECTORS_DOCS_DOCS_H
#define TESTS_VECTORS_DOCS_DOCS_H

#include <jansson.h>

#include "hsm/hpke_host.h"
#include "protocol/device.h"
#include "protocol/peer.h"
#include "protocol/session_rsa.h"

struct docs_product {
    struct crypto c; /* OpenSSL, but random bytes are the file's */
    struct hpke_host *host;
    uint8_t image[OTP_IMAGE_LEN];
    uint8_t skR[P256_LEN], mac_key[SLOT_LEN], rsa[SESSION_RSA_KEY_LEN];
    const struct device_scheme *on_device;
    const struct peer_scheme *on_server;
    struct device_side device;
    struct peer_side peer;
    uint8_t device_x[P256_LEN]; /* 3, 8: the x that is pinned */
    struct peer_token token;    /* skR, mac_key and the RSA key in the place of an HSM */
};

/* "image", "suite", "sid_len", "ctr_len" make the device; "serial8", "fleet", "policy", "epoch", "skR",
 * "device_x32" and "S0", "S1" or "K_root" (with "gen", "salt16") the server.
 * False: a field is missing, or a side refuses it. */
bool docs_open(struct docs_product *p, const json_t *in);
void docs_close(struct docs_product *p);

/* The RNG gives "rng32" from now on. */
void docs_random(const json_t *in);

/* The device makes the OPEN, DATA, DOWN or PROOF that `in` describes (DOWN: the server does), in the session of the OPEN
 * `first` (NULL: `in` is one).  Returns its length, 0 on failure. */
size_t docs_make(struct docs_product *p, const json_t *first, const json_t *in, uint8_t frame[FRAME_MAX]);

/* What becomes of a frame at the one who receives it: "sealed-ok", or the name of the refusal.  The text goes to *text, of a
 * DOWN its data alone.  in: its "challenge32", if it is a proof; "down_last", if it is a DOWN. */
const char *docs_take(struct docs_product *p, const json_t *first, const json_t *in, const uint8_t *frame, size_t len,
                      struct peer_session *s, struct peer_text *text);

/* ---- fields ---- */

/* A missing field has length 0; a wrong one too. */
size_t docs_hex(const json_t *o, const char *key, uint8_t *out, size_t max);
uint32_t docs_number(const json_t *o, const char *key);
bool docs_is(const json_t *o, const char *key, const char *text);
void docs_set(json_t *o, const char *key, const uint8_t *bytes, size_t len);
bool docs_same(const json_t *o, const char *key, const uint8_t *bytes, size_t len);

#endif
