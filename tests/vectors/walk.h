/* tests/vectors/walk.h - run packed test vectors through a crypto table and protocol/: the same code on the host and inside
 * the chip.  Freestanding: no I/O, no heap; one static buffer of HKDF_LEN_MAX bytes, so not for two threads.
 * Blob (made by tests/vectors/pack.c), big-endian: "FLV1", then records  type1 flags1 id2 n1  n x (len2 bytes). */
#ifndef TESTS_VECTORS_WALK_H
#define TESTS_VECTORS_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/crypto.h"

enum vector_type {
    VECTOR_HMAC = 1, /* key, message, tag (may be cut short) */
    VECTOR_HKDF,     /* ikm, salt, info, prk or empty, okm; refused: L as 4 bytes in okm's place */
    VECTOR_CCM,      /* key, nonce, aad, plaintext, ciphertext | tag, tag length (1 byte) */
    VECTOR_ECDH,     /* d, pk, z */
    VECTOR_POINT,    /* x, pk with even y */
    VECTOR_HPKE,     /* skE, skR, pkR, enc, info, psk, psk_id, shared_secret, exporter_secret, context, value */
    VECTOR_COSE,     /* key, nonce, external_aad, Enc_structure, plaintext, ciphertext | tag */
    VECTOR_SEALED,   /* enum sealed_field */
    VECTOR_OAEP,     /* n512 e4, label, EM, message, EM^e mod n or empty */
    VECTOR_VERIFY,   /* pk, message, sig */
    VECTOR_SIGN,     /* d, message, sig */
    VECTOR_X25519,   /* d, u, z */
    VECTOR_TYPES
};

enum { VECTOR_REFUSED = 1 << 0 /* flag: must be refused */, VECTOR_FIELDS_MAX = 18 };

enum sealed_field {
    F_IMAGE,
    F_LENGTHS /* sid_len1 ctr_len1 */,
    F_SKR,
    F_BOOT /* 4 */,
    F_RNG /* empty: the source fails */,
    F_DATA,
    F_OPEN,
    F_SESSION /* key iv sid dkey div */,
    F_OPEN_COSE,
    F_COUNTER /* 4 */,
    F_LATER,
    F_DATA_FRAME,
    F_DATA_COSE,
    F_CHALLENGE,
    F_PROOF_RNG,
    F_PROOF,
    SEALED_FIELDS
};

struct vectors_result {
    uint32_t run[VECTOR_TYPES]; /* how many of each type */
    uint32_t failed;
    uint8_t failed_type; /* the first that failed; 0: none */
    uint16_t failed_id;  /* its number in the vectors' own file */
};

/* True: the blob is well formed, holds at least one vector, and all pass. */
bool vectors_run(const struct crypto *c, const uint8_t *blob, size_t len, struct vectors_result *r);

#endif
