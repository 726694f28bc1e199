/* tests/vectors/docs/make.h - the parts of build/vectors/make: each fills one file of docs/vectors/.
 * Whatever does not come out as it must ends the program: no file is written from a wrong vector. */
#ifndef TESTS_VECTORS_DOCS_MAKE_H
#define TESTS_VECTORS_DOCS_MAKE_H

#include "tests/vectors/docs/docs.h"

#define MUST(what) make_must((what), #what, __FILE__, __LINE__)
void make_must(bool ok, const char *what, const char *file, int line);

extern struct crypto make_c; /* OpenSSL's */

/* out = SHA-256("fuseline TEST" | label | n1): for keys, salts, random bytes. */
void make_bytes(const char *label, uint8_t n, uint8_t out[32]);
/* A P-256 key whose point has an odd y or an even one, by its own arithmetic; pk with even y. */
void make_key_pair(const char *label, bool odd, uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN]);
/* A key pair whose point itself has even y, as an RA's must. */
void make_even_key(const char *label, uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN]);

/* The same for X25519: every 32 bytes are a key, and u has no sign. */
void make_x25519(const char *label, uint8_t d[X25519_LEN], uint8_t u[X25519_LEN]);

struct make_row {
    const char *name; /* of the product in its file */
    uint8_t scheme, suite;
    uint16_t policy; /* beside POLICY_NVM_REQUIRED */
    uint8_t sid_len, ctr_len;
    uint8_t epoch;
    bool secret;  /* an optional secret slot is burned */
    bool odd_key; /* the point of skR has odd y */
    uint8_t gen;  /* 5: after a REKEY to it */
};

/* A product's inputs: image, keys. */
json_t *make_product(const struct make_row *row);
/* Its frames, and those that are refused. */
void make_frames(json_t *product);
void make_rejects(json_t *product);

json_t *make_rotates(void);
json_t *make_rekeys(void);

#endif
