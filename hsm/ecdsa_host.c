#include "hsm/ecdsa_host.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/p256.h"

/* ---- RFC 6979 3.2: k as HMAC-DRBG output, seeded with the key and the digest ---- */

struct drbg {
    uint8_t k[SHA256_LEN], v[SHA256_LEN];
};

/* d. to g.: K = HMAC(K, V | tag | seed), V = HMAC(K, V). */
static bool drbg_mix(const struct crypto *c, struct drbg *g, uint8_t tag, const uint8_t *d, const uint8_t *h)
{
    const struct crypto_part part[] = {
        { g->v, sizeof g->v }, { &tag, 1 }, { d, d ? P256_LEN : 0 }, { h, h ? P256_LEN : 0 }
    };
    const struct crypto_part v = { g->v, sizeof g->v };
    return c->hmac_sha256(c->io, g->k, sizeof g->k, part, 4, g->k) && c->hmac_sha256(c->io, g->k, sizeof g->k, &v, 1, g->v);
}

static bool drbg_start(const struct crypto *c, struct drbg *g, const uint8_t d[P256_LEN], const uint8_t h[P256_LEN])
{
    memset(g->k, 0, sizeof g->k);
    memset(g->v, 1, sizeof g->v);
    return drbg_mix(c, g, 0, d, h) && drbg_mix(c, g, 1, d, h);
}

/* h.: the next candidate in 1..n-1, into k. */
static bool drbg_next(const struct crypto *c, struct drbg *g, uint8_t k[P256_LEN])
{
    const struct crypto_part v = { g->v, sizeof g->v };
    do {
        if (!c->hmac_sha256(c->io, g->k, sizeof g->k, &v, 1, g->v))
            return false;
        memcpy(k, g->v, P256_LEN);
        if (p256_scalar_ok(k))
            return true;
    } while (drbg_mix(c, g, 0, NULL, NULL));
    return false;
}

/* ---- one signature ---- */

struct numbers {
    BN_CTX *bn;
    BIGNUM *k, *d, *z, *r, *s;
    EC_POINT *point;
};

static bool numbers_new(struct numbers *n, const EC_GROUP *group)
{
    n->bn = BN_CTX_secure_new();
    n->k = BN_secure_new();
    n->d = BN_secure_new();
    n->z = BN_new();
    n->r = BN_new();
    n->s = BN_secure_new();
    n->point = EC_POINT_new(group);
    return n->bn && n->k && n->d && n->z && n->r && n->s && n->point;
}

static void numbers_free(struct numbers *n)
{
    EC_POINT_clear_free(n->point);
    BN_clear_free(n->s);
    BN_free(n->r);
    BN_free(n->z);
    BN_clear_free(n->d);
    BN_clear_free(n->k);
    BN_CTX_free(n->bn);
}

/* s = k^-1 (z + r d), r = x(k G), both mod n; k^-1 = k^(n-2), in a time that does not depend on k.  False: one of them is 0.
 */
static bool sign_with(struct numbers *n, const EC_GROUP *group, const uint8_t k[P256_LEN], const uint8_t d[P256_LEN],
                      const uint8_t h[P256_LEN])
{
    const BIGNUM *order = EC_GROUP_get0_order(group);
    BIGNUM *e = BN_dup(order);
    bool ok = e && BN_sub_word(e, 2) && BN_bin2bn(k, P256_LEN, n->k) && BN_bin2bn(d, P256_LEN, n->d) &&
              BN_bin2bn(h, P256_LEN, n->z) && EC_POINT_mul(group, n->point, n->k, NULL, NULL, n->bn) &&
              EC_POINT_get_affine_coordinates(group, n->point, n->r, NULL, n->bn) && BN_nnmod(n->r, n->r, order, n->bn) &&
              BN_mod_mul(n->s, n->r, n->d, order, n->bn) && BN_mod_add(n->s, n->s, n->z, order, n->bn);
    BN_set_flags(n->k, BN_FLG_CONSTTIME);
    ok = ok && BN_mod_exp_mont_consttime(n->k, n->k, e, order, n->bn, NULL) && BN_mod_mul(n->s, n->s, n->k, order, n->bn);
    BN_free(e);
    return ok && !BN_is_zero(n->r) && !BN_is_zero(n->s);
}

bool ecdsa_host_sign(const struct crypto *c, const EC_GROUP *group, const uint8_t d[P256_LEN],
                     const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN])
{
    struct numbers n = { 0 };
    struct drbg g;
    uint8_t h[P256_LEN], k[P256_LEN];

    memcpy(h, digest, sizeof h);
    p256_reduce(h); /* bits2octets */
    bool ok = p256_scalar_ok(d) && numbers_new(&n, group) && drbg_start(c, &g, d, h) && drbg_next(c, &g, k) &&
              sign_with(&n, group, k, d, h); /* r or s of 0 does not happen: 2^-256 */
    ok = ok && BN_bn2binpad(n.r, sig, P256_LEN) == P256_LEN && BN_bn2binpad(n.s, sig + P256_LEN, P256_LEN) == P256_LEN;
    numbers_free(&n);
    bytes_wipe(&g, sizeof g);
    bytes_wipe(k, sizeof k);
    return ok;
}

/* SEC 1 4.1.4: x(u1 G + u2 Q) mod n = r, u1 = z / s, u2 = r / s.  All public. */
bool ecdsa_host_verify(const EC_GROUP *group, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                       const uint8_t sig[ECDSA_LEN])
{
    const BIGNUM *order = EC_GROUP_get0_order(group);
    struct numbers n = { 0 };
    EC_POINT *q = EC_POINT_new(group);
    bool ok = p256_scalar_ok(sig) && p256_scalar_ok(sig + P256_LEN) && q && numbers_new(&n, group) && pk[0] == 0x04 &&
              EC_POINT_oct2point(group, q, pk, P256_PK_LEN, n.bn) && BN_bin2bn(sig, P256_LEN, n.r) &&
              BN_bin2bn(sig + P256_LEN, P256_LEN, n.s) && BN_bin2bn(digest, SHA256_LEN, n.z) &&
              BN_mod_inverse(n.s, n.s, order, n.bn) && BN_mod_mul(n.z, n.z, n.s, order, n.bn) &&
              BN_mod_mul(n.s, n.r, n.s, order, n.bn) && EC_POINT_mul(group, n.point, n.z, q, n.s, n.bn) &&
              EC_POINT_get_affine_coordinates(group, n.point, n.k, NULL, n.bn) && BN_nnmod(n.k, n.k, order, n.bn) &&
              BN_cmp(n.k, n.r) == 0;
    EC_POINT_free(q);
    numbers_free(&n);
    return ok;
}
