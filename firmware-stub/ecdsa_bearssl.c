/* ECDSA over P-256 with RFC 6979's nonce, on BearSSL's i31 integers and its point multiplication.  BearSSL's own takes any
 * curve: 3 KB more, which the smaller schemes do not have. */
#include "firmware-stub/crypto_bearssl.h"

#include <string.h>

#include <inner.h>

#include "protocol/bytes.h"
#include "protocol/p256.h"

enum { WORDS = 1 + 9 };                   /* 256 bits in limbs of 31: R = 2^279; as in p256_bearssl.c */
static const uint32_t n_m0i = 0x6e00bc4f; /* -1/n mod 2^31 */

struct i31 {
    uint32_t w[WORDS];
};

/* SP 800-186 3.2.1.3, in limbs from low to high */
static const struct i31 n = { { 0x00000108, 0x7c632551, 0x67739585, 0x1c5e7a13, 0x6737d56d, 0x7ffffffb, 0x7fffffff,
                                0x0000003f, 0x7fffff80, 0x000000ff } };
/* R^2 mod n: takes a number into Montgomery form */
static const struct i31 r2 = { { 0x00000108, 0x321e6cf2, 0x68f9a8d5, 0x0692a784, 0x06492c06, 0x5aad4743, 0x62cb0c83,
                                 0x4a3d0b3e, 0x76a38390, 0x000000a0 } };

/* d = a b / R mod n. */
static void mul(struct i31 *d, const struct i31 *a, const struct i31 *b)
{
    struct i31 t;
    br_i31_montymul(t.w, a->w, b->w, n.w, n_m0i);
    *d = t;
}

/* The same number mod n: both a digest and an x are below 2n. */
static void reduce(uint8_t a[P256_LEN])
{
    uint8_t order[P256_LEN], less[P256_LEN];
    unsigned borrow = 0;
    br_i31_encode(order, sizeof order, n.w);
    for (unsigned i = P256_LEN; i-- > 0;) {
        unsigned v = 0x100u + a[i] - order[i] - borrow;
        less[i] = (uint8_t)v;
        borrow = 1 - (v >> 8);
    }
    for (unsigned i = 0; i < P256_LEN; i++)
        a[i] = (uint8_t)((a[i] & (0u - borrow)) | (less[i] & (borrow - 1u)));
    bytes_wipe(less, sizeof less);
}

static void load(struct i31 *d, const uint8_t bytes[P256_LEN]) /* below n */
{
    (void)br_i31_decode_mod(d->w, bytes, P256_LEN, n.w);
}

/* d = R/a mod n by Fermat: a^(n-2); which bits are set is public. */
static void invert(struct i31 *d, const struct i31 *a)
{
    uint8_t e[P256_LEN];
    struct i31 base;
    br_i31_encode(e, sizeof e, n.w);
    e[P256_LEN - 1] -= 2; /* 51 */
    mul(&base, a, &r2);
    *d = base; /* the top bit of n is set */
    for (unsigned i = 1; i < 256; i++) {
        mul(d, d, d);
        if (e[i / 8] >> (7 - i % 8) & 1)
            mul(d, d, &base);
    }
    bytes_wipe(&base, sizeof base);
}

/* ---- the nonce: RFC 6979 3.2 ---- */

struct drbg {
    uint8_t k[SHA256_LEN], v[SHA256_LEN];
};

/* K = HMAC(K, V | byte | x | z), V = HMAC(K, V). */
static bool update(struct drbg *g, uint8_t byte, const struct crypto_part seed[2], size_t seeds)
{
    struct crypto_part part[4] = { { g->v, sizeof g->v }, { &byte, 1 } };
    for (size_t i = 0; i < seeds; i++)
        part[2 + i] = seed[i];
    return hmac_bearssl(NULL, g->k, sizeof g->k, part, 2 + seeds, g->k) &&
           hmac_bearssl(NULL, g->k, sizeof g->k, part, 1, g->v);
}

static bool nonce(const uint8_t d[P256_LEN], const uint8_t z[P256_LEN], uint8_t k[P256_LEN])
{
    struct drbg g;
    const struct crypto_part seed[2] = { { d, P256_LEN }, { z, P256_LEN } }, v = { g.v, sizeof g.v };
    memset(g.k, 0, sizeof g.k);
    memset(g.v, 1, sizeof g.v);
    bool ok = update(&g, 0, seed, 2) && update(&g, 1, seed, 2), found = false;
    for (unsigned i = 0; ok && !found && i < 8; i++) { /* it is a scalar but once in 2^32 */
        ok = hmac_bearssl(NULL, g.k, sizeof g.k, &v, 1, g.v);
        found = ok && p256_scalar_ok(g.v);
        if (found)
            memcpy(k, g.v, P256_LEN);
        else
            ok = ok && update(&g, 0, NULL, 0);
    }
    bytes_wipe(&g, sizeof g);
    return found;
}

/* ---- */

/* s = (z + r d) / k. */
static void finish(const uint8_t k[P256_LEN], const uint8_t z[P256_LEN], const uint8_t r[P256_LEN],
                   const uint8_t d[P256_LEN], uint8_t s[P256_LEN])
{
    struct i31 a, b;
    load(&a, r);
    load(&b, d);
    mul(&a, &a, &r2);
    mul(&a, &a, &b);
    load(&b, z);
    uint32_t over = br_i31_add(a.w, b.w, 1);
    (void)br_i31_sub(a.w, n.w, over | (br_i31_sub(a.w, n.w, 0) ^ 1));
    load(&b, k);
    invert(&b, &b);
    mul(&a, &a, &b);
    br_i31_encode(s, P256_LEN, a.w);
    bytes_wipe(&a, sizeof a);
    bytes_wipe(&b, sizeof b);
}

bool ecdsa_bearssl_sign(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN])
{
    uint8_t z[P256_LEN], k[P256_LEN], point[P256_PK_LEN];
    (void)io;
    memcpy(z, digest, sizeof z);
    reduce(z);
    bool ok = p256_scalar_ok(d) && nonce(d, z, k);
    if (ok) {
        p256_bearssl_mulgen(point, k, sizeof k);
        memcpy(sig, point + 1, P256_LEN);
        reduce(sig);
        finish(k, z, sig, d, sig + P256_LEN);
        ok = p256_scalar_ok(sig) && p256_scalar_ok(sig + P256_LEN);
    }
    bytes_wipe(k, sizeof k);
    return ok;
}

/* u = z/s and v = r/s, with which r is the x of u G + v pk.  False: r or s outside 1..n-1. */
static bool multipliers(const uint8_t digest[SHA256_LEN], const uint8_t sig[ECDSA_LEN], uint8_t u[P256_LEN],
                        uint8_t v[P256_LEN])
{
    struct i31 w, a;
    if (!p256_scalar_ok(sig) || !p256_scalar_ok(sig + P256_LEN))
        return false;
    memcpy(u, digest, P256_LEN);
    reduce(u);
    load(&w, sig + P256_LEN);
    invert(&w, &w);
    load(&a, u);
    mul(&a, &a, &w);
    br_i31_encode(u, P256_LEN, a.w);
    load(&a, sig);
    mul(&a, &a, &w);
    br_i31_encode(v, P256_LEN, a.w);
    return true;
}

bool ecdsa_bearssl_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                          const uint8_t sig[ECDSA_LEN])
{
    uint8_t u[P256_LEN], v[P256_LEN], point[P256_PK_LEN];
    (void)io;
    memcpy(point, pk, sizeof point);
    if (!multipliers(digest, sig, u, v) || !p256_bearssl_muladd(point, v, u))
        return false;
    reduce(point + 1);
    return bytes_equal(point + 1, sig, P256_LEN);
}

bool ecdsa_bearssl_verify_small(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                                const uint8_t sig[ECDSA_LEN])
{
    uint8_t u[P256_LEN], v[P256_LEN], x[P256_LEN];
    (void)io;
    if (!multipliers(digest, sig, u, v) || !p256_bearssl_muladd_small(pk, v, u, x))
        return false;
    reduce(x);
    return bytes_equal(x, sig, P256_LEN);
}
