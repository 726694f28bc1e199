/* protocol/crypto.h - the crypto that protocol/ calls, as a table: OpenSSL on the host, BearSSL on the chip.
 * Boundary: protocol/ above (it holds no cipher of its own), hsm/hpke_host.c or the firmware's back end below.
 * Memory: caller's buffers; nothing is kept after a call.  Inputs and outputs do not overlap except where said.
 * Errors: false = not done, for the one reason named, or the back end failed; outputs are then unspecified, never to be
 * used. Secrets: keys, d and z are secret; back ends wipe their copies, and neither branch on nor index by them.
 * A back end that has no ECDSA, RSA or X25519 leaves those NULL; who needs them says so.
 * Source: docs/protocol.md, "Primitives". */
#ifndef PROTOCOL_CRYPTO_H
#define PROTOCOL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHA256_LEN = 32,
    CCM_KEY_LEN = 16,
    CCM_NONCE_LEN = 13, /* so L = 2: at most 65535 bytes of data */
    CCM_TAG_SHORT = 8,
    CCM_TAG_LONG = 16,
    P256_LEN = 32,    /* a scalar or a coordinate */
    P256_PK_LEN = 65, /* 04 | x32 | y32 */
    ECDSA_LEN = 64,   /* r32 | s32 */
    RSA_LEN = 512,
    X25519_LEN = 32,
    CRYPTO_PARTS = 8 /* a back end takes at least so many parts in a list */
};

/* A message is a list of parts, as if written one after the other: no one needs a buffer to join them.  data may be NULL
 * where len is 0. */
struct crypto_part {
    const void *data;
    size_t len;
};

/* One AEAD call's key material.  tag_len is CCM_TAG_SHORT or CCM_TAG_LONG. */
struct ccm {
    const uint8_t *key;   /* [CCM_KEY_LEN], secret */
    const uint8_t *nonce; /* [CCM_NONCE_LEN] */
    size_t tag_len;
    const struct crypto_part *aad; /* [n_aad], joined */
    size_t n_aad;
};

struct crypto {
    /* SHA-256 of the joined parts. */
    bool (*sha256)(void *io, const struct crypto_part *part, size_t n, uint8_t out[SHA256_LEN]);

    /* HMAC-SHA256 (RFC 2104) of the joined parts; any key length, 0 included (key may then be NULL). */
    bool (*hmac_sha256)(void *io, const uint8_t *key, size_t key_len, const struct crypto_part *part, size_t n,
                        uint8_t out[SHA256_LEN]);

    /* AES-128-CCM (RFC 3610).  out gets len bytes of ciphertext, then the tag.  in == out is allowed. */
    bool (*ccm_seal)(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out);

    /* in is len bytes of ciphertext, then the tag.  out gets len bytes.  in == out is allowed.  False: the tag is wrong; out
     * then holds nothing of the plaintext. */
    bool (*ccm_open)(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out);

    /* pk = 04 | x | y with y even.  False: x >= p, or x^3 - 3x + b has no square root. */
    bool (*p256_decompress)(void *io, const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN]);

    /* pk = d * G, y as it comes.  False: d = 0 or d >= n. */
    bool (*p256_public)(void *io, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN]);

    /* z = x-coordinate of d * pk (SEC 1, 3.3.1).  False: pk is not 04 and a point of the curve, or d = 0 or d >= n. */
    bool (*p256_ecdh)(void *io, const uint8_t d[P256_LEN], const uint8_t pk[P256_PK_LEN], uint8_t z[P256_LEN]);

    /* ECDSA over P-256 of a SHA-256 digest, with the nonce of RFC 6979.  sig = r | s, s as it comes.  False: d = 0 or d >=
     * n. */
    bool (*ecdsa_sign)(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN]);

    /* False: not a signature of that digest under pk; r or s outside 1..n-1; pk not 04 and a point.  s and n - s are both
     * good.  All inputs are public. */
    bool (*ecdsa_verify)(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                         const uint8_t sig[ECDSA_LEN]);

    /* out = in^e mod n, RSA-4096, no padding; e is 4 bytes big-endian, odd.  False: in >= n.  in may be out. */
    bool (*rsa_public)(void *io, const uint8_t n[RSA_LEN], const uint8_t e[4], const uint8_t in[RSA_LEN],
                       uint8_t out[RSA_LEN]);

    /* z = X25519(d, u) (RFC 7748 5).  False: z is all zero. */
    bool (*x25519)(void *io, const uint8_t d[X25519_LEN], const uint8_t u[X25519_LEN], uint8_t z[X25519_LEN]);

    /* Random bytes.  False: the source failed its test. */
    bool (*random)(void *io, void *out, size_t len);

    void *io; /* the back end's own, passed back to each call */
};

#endif
