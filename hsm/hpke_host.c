#include "hsm/hpke_host.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "hsm/ecdsa_host.h"
#include "hsm/rsa_host.h"
#include "hsm/x25519_host.h"

struct hpke_host {
    EVP_MD *sha256;
    EVP_MD_CTX *md;
    EVP_MAC_CTX *hmac;
    EVP_CIPHER *ccm;
    EVP_CIPHER_CTX *aead;
    EC_GROUP *group;
    BN_CTX *bn;
    BIGNUM *p, *b, *root; /* the field, the curve's b, and (p + 1) / 4 */
    BN_MONT_CTX *mont;    /* of p */
};

/* ---- hashes ---- */

static bool host_sha256(void *io, const struct crypto_part *part, size_t n, uint8_t out[SHA256_LEN])
{
    struct hpke_host *h = io;
    bool ok = EVP_DigestInit_ex2(h->md, h->sha256, NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(h->md, part[i].data, part[i].len) == 1;
    return ok && EVP_DigestFinal_ex(h->md, out, NULL) == 1;
}

static bool host_hmac_sha256(void *io, const uint8_t *key, size_t key_len, const struct crypto_part *part, size_t n,
                             uint8_t out[SHA256_LEN])
{
    static const uint8_t empty[1];
    struct hpke_host *h = io;
    /* NULL would mean "the key of before"; an empty key is 64 zero bytes after padding, as one zero byte is (RFC 2104) */
    bool ok = EVP_MAC_init(h->hmac, key_len ? key : empty, key_len ? key_len : 1, NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(h->hmac, part[i].data, part[i].len) == 1;
    size_t len = 0;
    return ok && EVP_MAC_final(h->hmac, out, &len, SHA256_LEN) == 1 && len == SHA256_LEN;
}

/* ---- AES-128-CCM: OpenSSL wants every length before any byte, and the AAD in one piece ---- */

enum { AAD_MAX = 1024 + 256 }; /* a frame's head, a proof's bytes and the CBOR around them are far below */

static size_t join(const struct crypto_part *part, size_t n, uint8_t *out, size_t max)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (part[i].len > max - len)
            return SIZE_MAX;
        if (part[i].len)
            memcpy(out + len, part[i].data, part[i].len);
        len += part[i].len;
    }
    return len;
}

static bool ccm_begin(struct hpke_host *h, const struct ccm *m, bool seal, const uint8_t *tag, size_t len)
{
    uint8_t aad[AAD_MAX];
    size_t aad_len = join(m->aad, m->n_aad, aad, sizeof aad), iv_len = CCM_NONCE_LEN;
    int n, direction = seal;
    OSSL_PARAM param[] = {
        OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &iv_len),
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, seal ? NULL : (void *)(uintptr_t)tag, m->tag_len),
        OSSL_PARAM_construct_end(),
    };
    if (aad_len == SIZE_MAX || len > UINT16_MAX)
        return false;
    return EVP_CipherInit_ex2(h->aead, h->ccm, NULL, NULL, direction, param) == 1 &&
           EVP_CipherInit_ex2(h->aead, NULL, m->key, m->nonce, direction, NULL) == 1 &&
           EVP_CipherUpdate(h->aead, NULL, &n, NULL, (int)len) == 1 &&
           (aad_len == 0 || EVP_CipherUpdate(h->aead, NULL, &n, aad, (int)aad_len) == 1);
}

static bool host_ccm_seal(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    static const uint8_t empty[1];
    struct hpke_host *h = io;
    int n = 0;
    bool ok = ccm_begin(h, m, true, NULL, len) && EVP_CipherUpdate(h->aead, out, &n, len ? in : empty, (int)len) == 1 &&
              EVP_CIPHER_CTX_ctrl(h->aead, EVP_CTRL_AEAD_GET_TAG, (int)m->tag_len, out + len) == 1;
    EVP_CIPHER_CTX_reset(h->aead); /* wipes the key schedule */
    return ok;
}

static bool host_ccm_open(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    static const uint8_t empty[1];
    struct hpke_host *h = io;
    int n = 0;
    bool ok = ccm_begin(h, m, false, in + len, len) && EVP_CipherUpdate(h->aead, out, &n, len ? in : empty, (int)len) == 1;
    EVP_CIPHER_CTX_reset(h->aead);
    if (!ok)
        memset(out, 0, len);
    return ok;
}

/* ---- P-256 ---- */

static bool put_point(struct hpke_host *h, const EC_POINT *p, uint8_t pk[P256_PK_LEN])
{
    return EC_POINT_point2oct(h->group, p, POINT_CONVERSION_UNCOMPRESSED, pk, P256_PK_LEN, h->bn) == P256_PK_LEN;
}

/* y = v^((p + 1) / 4), if v has a root: p = 3 mod 4 (SEC 1, 2.3.4).  t: for the caller's use afterwards. */
static bool root(struct hpke_host *h, const BIGNUM *v, BIGNUM *y, BIGNUM *t)
{
    return BN_mod_exp_mont(y, v, h->root, h->p, h->bn, h->mont) == 1 && BN_mod_sqr(t, y, h->p, h->bn) == 1 &&
           BN_cmp(t, v) == 0;
}

/* v = x^3 - 3x + b = x (x^2 - 3) + b */
static bool curve(struct hpke_host *h, const BIGNUM *x, BIGNUM *v)
{
    return BN_mod_sqr(v, x, h->p, h->bn) == 1 && BN_sub_word(v, 3) == 1 && BN_mod_mul(v, v, x, h->p, h->bn) == 1 &&
           BN_mod_add_quick(v, v, h->b, h->p) == 1;
}

/* By hand, for all is public, and EC_POINT_oct2point takes twice as long: it makes its constants anew each time. */
static bool host_p256_decompress(void *io, const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    struct hpke_host *h = io;
    BN_CTX_start(h->bn);
    BIGNUM *bx = BN_CTX_get(h->bn), *v = BN_CTX_get(h->bn), *y = BN_CTX_get(h->bn), *t = BN_CTX_get(h->bn);
    bool ok = t && BN_bin2bn(x, P256_LEN, bx) && BN_cmp(bx, h->p) < 0 && curve(h, bx, v) && root(h, v, y, t) &&
              (!BN_is_odd(y) || BN_sub(y, h->p, y) == 1) && BN_bn2binpad(y, pk + 1 + P256_LEN, P256_LEN) == P256_LEN;
    BN_CTX_end(h->bn);
    pk[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(pk + 1, x, P256_LEN);
    return ok;
}

/* d as a number in 1..n-1, to be freed with BN_clear_free; NULL otherwise. */
static BIGNUM *scalar(const struct hpke_host *h, const uint8_t d[P256_LEN])
{
    BIGNUM *k = BN_secure_new();
    if (k && BN_bin2bn(d, P256_LEN, k) && !BN_is_zero(k) && BN_cmp(k, EC_GROUP_get0_order(h->group)) < 0)
        return k;
    BN_clear_free(k);
    return NULL;
}

/* out = d * base, or d * G for a NULL base. */
static bool multiply(struct hpke_host *h, const uint8_t d[P256_LEN], const EC_POINT *base, uint8_t out[P256_PK_LEN])
{
    BIGNUM *k = scalar(h, d);
    EC_POINT *p = EC_POINT_new(h->group);
    bool ok =
        k && p && EC_POINT_mul(h->group, p, base ? NULL : k, base, base ? k : NULL, h->bn) == 1 && put_point(h, p, out);
    EC_POINT_clear_free(p);
    BN_clear_free(k);
    return ok;
}

static bool host_p256_public(void *io, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    return multiply(io, d, NULL, pk);
}

static bool host_p256_ecdh(void *io, const uint8_t d[P256_LEN], const uint8_t pk[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct hpke_host *h = io;
    uint8_t product[P256_PK_LEN];
    EC_POINT *p = EC_POINT_new(h->group);
    bool ok =
        p && pk[0] == 0x04 && EC_POINT_oct2point(h->group, p, pk, P256_PK_LEN, h->bn) == 1 && multiply(h, d, p, product);
    if (ok)
        memcpy(z, product + 1, P256_LEN);
    OPENSSL_cleanse(product, sizeof product);
    EC_POINT_free(p);
    return ok;
}

static bool host_ecdsa_sign(void *io, const uint8_t d[P256_LEN], const uint8_t digest[SHA256_LEN], uint8_t sig[ECDSA_LEN])
{
    const struct hpke_host *h = io;
    const struct crypto hmac = { .hmac_sha256 = host_hmac_sha256, .io = io };
    return ecdsa_host_sign(&hmac, h->group, d, digest, sig);
}

static bool host_ecdsa_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                              const uint8_t sig[ECDSA_LEN])
{
    const struct hpke_host *h = io;
    return ecdsa_host_verify(h->group, pk, digest, sig);
}

static bool host_random(void *io, void *out, size_t len)
{
    (void)io;
    return len <= INT32_MAX && RAND_bytes(out, (int)len) == 1;
}

/* ---- opening ---- */

static EVP_MAC_CTX *hmac_new(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM param[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context keeps its own reference */
    if (ctx && EVP_MAC_CTX_set_params(ctx, param) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static bool field_new(struct hpke_host *h)
{
    h->p = BN_new();
    h->b = BN_new();
    h->root = BN_new();
    h->mont = BN_MONT_CTX_new();
    return h->p && h->b && h->root && h->mont && EC_GROUP_get_curve(h->group, h->p, NULL, h->b, h->bn) == 1 &&
           BN_MONT_CTX_set(h->mont, h->p, h->bn) == 1 && BN_copy(h->root, h->p) && BN_add_word(h->root, 1) == 1 &&
           BN_rshift(h->root, h->root, 2) == 1;
}

struct hpke_host *hpke_host_open(struct crypto *table)
{
    struct hpke_host *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    h->md = EVP_MD_CTX_new();
    h->hmac = hmac_new();
    h->ccm = EVP_CIPHER_fetch(NULL, "AES-128-CCM", NULL);
    h->aead = EVP_CIPHER_CTX_new();
    h->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    h->bn = BN_CTX_new();
    if (!h->sha256 || !h->md || !h->hmac || !h->ccm || !h->aead || !h->group || !h->bn || !field_new(h)) {
        hpke_host_close(h);
        return NULL;
    }
    *table = (struct crypto){ .sha256 = host_sha256,
                              .hmac_sha256 = host_hmac_sha256,
                              .ccm_seal = host_ccm_seal,
                              .ccm_open = host_ccm_open,
                              .p256_decompress = host_p256_decompress,
                              .p256_public = host_p256_public,
                              .p256_ecdh = host_p256_ecdh,
                              .ecdsa_sign = host_ecdsa_sign,
                              .ecdsa_verify = host_ecdsa_verify,
                              .rsa_public = rsa_host_public,
                              .x25519 = x25519_host,
                              .random = host_random,
                              .io = h };
    return h;
}

void hpke_host_close(struct hpke_host *h)
{
    if (!h)
        return;
    BN_MONT_CTX_free(h->mont);
    BN_free(h->root);
    BN_free(h->b);
    BN_free(h->p);
    BN_CTX_free(h->bn);
    EC_GROUP_free(h->group);
    EVP_CIPHER_CTX_free(h->aead);
    EVP_CIPHER_free(h->ccm);
    EVP_MAC_CTX_free(h->hmac);
    EVP_MD_CTX_free(h->md);
    EVP_MD_free(h->sha256);
    free(h);
}
