#include "firmware-stub/crypto_bearssl.h"

#include <string.h>

#include <inner.h> /* BearSSL's own: bearssl.h and the AES key schedule */

#include "firmware-stub/rsa_bearssl.h"
#include "protocol/bytes.h"
#include "protocol/p256.h"

/* ---- hashes ---- */

static bool sha256(void *io, const struct crypto_part *part, size_t n, uint8_t out[SHA256_LEN])
{
    br_sha256_context h;
    (void)io;
    br_sha256_init(&h);
    for (size_t i = 0; i < n; i++)
        br_sha256_update(&h, part[i].data, part[i].len);
    br_sha256_out(&h, out);
    bytes_wipe(&h, sizeof h);
    return true;
}

bool hmac_bearssl(void *io, const uint8_t *key, size_t key_len, const struct crypto_part *part, size_t n,
                  uint8_t out[SHA256_LEN])
{
    br_hmac_key_context k;
    br_hmac_context h;
    (void)io;
    br_hmac_key_init(&k, &br_sha256_vtable, key, key_len);
    br_hmac_init(&h, &k, SHA256_LEN);
    for (size_t i = 0; i < n; i++)
        br_hmac_update(&h, part[i].data, part[i].len);
    (void)br_hmac_out(&h, out);
    bytes_wipe(&k, sizeof k);
    bytes_wipe(&h, sizeof h);
    return true;
}

/* ---- AES-128-CCM; AES is the bitsliced one: no table is indexed by a secret ---- */

struct ccm_state {
    br_aes_ct_ctrcbc_keys aes;
    br_ccm_context ccm;
};

/* BearSSL's br_aes_ct_ctrcbc_vtable does CTR and CBC-MAC at once in 1 KB of code; one after the other is fast enough here.
 * In its terms, `encrypt` MACs what it puts out, `decrypt` what it takes in. */
static void ctr_then_mac(const br_block_ctrcbc_class *const *aes, void *ctr, void *cbcmac, void *data, size_t len)
{
    (*aes)->ctr(aes, ctr, data, len);
    (*aes)->mac(aes, cbcmac, data, len);
}

static void mac_then_ctr(const br_block_ctrcbc_class *const *aes, void *ctr, void *cbcmac, void *data, size_t len)
{
    (*aes)->mac(aes, cbcmac, data, len);
    (*aes)->ctr(aes, ctr, data, len);
}

static void aes_ctr(const br_block_ctrcbc_class *const *aes, void *ctr, void *data, size_t len)
{
    br_aes_ct_ctrcbc_ctr((const br_aes_ct_ctrcbc_keys *)(const void *)aes, ctr, data, len);
}

static void aes_mac(const br_block_ctrcbc_class *const *aes, void *cbcmac, const void *data, size_t len)
{
    br_aes_ct_ctrcbc_mac((const br_aes_ct_ctrcbc_keys *)(const void *)aes, cbcmac, data, len);
}

static const br_block_ctrcbc_class aes_class = {
    sizeof(br_aes_ct_ctrcbc_keys), 16, 4, NULL, ctr_then_mac, mac_then_ctr, aes_ctr, aes_mac,
};

/* Everything before the data.  False: lengths that CCM does not have. */
static bool ccm_start(struct ccm_state *s, const struct ccm *m, size_t len)
{
    size_t aad_len = 0;
    for (size_t i = 0; i < m->n_aad; i++)
        aad_len += m->aad[i].len;
    s->aes.vtable = &aes_class;
    s->aes.num_rounds = br_aes_ct_keysched(s->aes.skey, m->key, CCM_KEY_LEN);
    br_ccm_init(&s->ccm, &s->aes.vtable);
    if (!br_ccm_reset(&s->ccm, m->nonce, CCM_NONCE_LEN, aad_len, len, m->tag_len))
        return false;
    for (size_t i = 0; i < m->n_aad; i++)
        br_ccm_aad_inject(&s->ccm, m->aad[i].data, m->aad[i].len);
    br_ccm_flip(&s->ccm);
    return true;
}

static bool ccm_seal(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    struct ccm_state s;
    (void)io;
    bool ok = ccm_start(&s, m, len);
    if (ok) {
        if (len)
            memmove(out, in, len);
        br_ccm_run(&s.ccm, 1, out, len);
        ok = br_ccm_get_tag(&s.ccm, out + len) == m->tag_len;
    }
    bytes_wipe(&s, sizeof s);
    return ok;
}

static bool ccm_open(void *io, const struct ccm *m, const uint8_t *in, size_t len, uint8_t *out)
{
    struct ccm_state s;
    uint8_t tag[CCM_TAG_LONG];
    (void)io;
    bool ok = m->tag_len <= sizeof tag && ccm_start(&s, m, len);
    if (ok) {
        memcpy(tag, in + len, m->tag_len);
        if (len)
            memmove(out, in, len);
        br_ccm_run(&s.ccm, 0, out, len);
        ok = br_ccm_check_tag(&s.ccm, tag) != 0;
    }
    if (!ok)
        bytes_wipe(out, len);
    bytes_wipe(&s, sizeof s);
    return ok;
}

/* ---- P-256 ---- */

static bool p256_decompress(void *io, const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    (void)io;
    return p256_bearssl_decompress(x, pk);
}

static bool p256_public(void *io, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    (void)io;
    bool ok = p256_scalar_ok(d);
    if (ok)
        p256_bearssl_mulgen(pk, d, P256_LEN);
    return ok;
}

static bool p256_public_small(void *io, const uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    (void)io;
    bool ok = p256_scalar_ok(d);
    if (ok)
        p256_bearssl_mulgen_small(pk, d, P256_LEN);
    return ok;
}

static bool p256_ecdh(void *io, const uint8_t d[P256_LEN], const uint8_t pk[P256_PK_LEN], uint8_t z[P256_LEN])
{
    uint8_t point[P256_PK_LEN];
    (void)io;
    memcpy(point, pk, sizeof point);
    bool ok = p256_scalar_ok(d) && p256_bearssl_mul(point, d, P256_LEN);
    memcpy(z, point + 1, P256_LEN);
    bytes_wipe(point, sizeof point);
    return ok;
}

/* A firmware links what its table names: one table for each set that a scheme uses. */
#define HASH_AND_CCM .sha256 = sha256, .hmac_sha256 = hmac_bearssl, .ccm_seal = ccm_seal, .ccm_open = ccm_open
#define P256_BOTH .p256_decompress = p256_decompress, .p256_ecdh = p256_ecdh
#define P256_ECDH P256_BOTH, .p256_public = p256_public

/* Another scheme's image has points, which are looked at before it is refused. */
static bool no_point(void *io, const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    (void)io, (void)x, (void)pk;
    return false;
}

struct crypto crypto_bearssl_secret(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM, .p256_decompress = no_point, .random = random };
}

struct crypto crypto_bearssl_sealing(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM, P256_ECDH, .random = random };
}

struct crypto crypto_bearssl_fleet(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM, P256_BOTH, .p256_public = p256_public_small, .ecdsa_verify = ecdsa_bearssl_verify,
                            .random = random };
}

struct crypto crypto_bearssl_signing(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM, P256_ECDH, .ecdsa_sign = ecdsa_bearssl_sign, .ecdsa_verify = ecdsa_bearssl_verify,
                            .random = random };
}

/* Nothing secret meets P-256 here: a signature is verified, of a ROTATE. */
struct crypto crypto_bearssl_fleet_x25519(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM, .p256_decompress = p256_decompress, .ecdsa_verify = ecdsa_bearssl_verify_small,
                            .x25519 = x25519_bearssl, .random = random };
}

/* The device's own key signs, and its public half is P-256's. */
struct crypto crypto_bearssl_signing_x25519(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM,
                            .p256_decompress = p256_decompress,
                            .p256_public = p256_public,
                            .ecdsa_sign = ecdsa_bearssl_sign,
                            .ecdsa_verify = ecdsa_bearssl_verify,
                            .x25519 = x25519_bearssl,
                            .random = random };
}

/* Points are looked at, for the image has some; nothing is sealed to one. */
struct crypto crypto_bearssl_rsa(crypto_random *random)
{
    return (struct crypto){ HASH_AND_CCM, .p256_decompress = p256_decompress, .rsa_public = rsa_bearssl_public,
                            .random = random };
}

struct crypto crypto_bearssl(crypto_random *random)
{
    struct crypto all = crypto_bearssl_signing(random);
    all.x25519 = x25519_bearssl;
    return all;
}

/* ---- known answers ---- */

/* FIPS 180-4 examples: SHA-256("abc"). */
static bool sha256_works(void)
{
    static const uint8_t want[SHA256_LEN] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                              0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                              0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
    const struct crypto_part part = { "abc", 3 };
    uint8_t got[SHA256_LEN];
    return sha256(NULL, &part, 1, got) && bytes_equal(got, want, sizeof want);
}

/* RFC 4231 4.3. */
static bool hmac_works(void)
{
    static const uint8_t want[SHA256_LEN] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                                              0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                                              0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
    const struct crypto_part part = { "what do ya want for nothing?", 28 };
    uint8_t got[SHA256_LEN];
    return hmac_bearssl(NULL, (const uint8_t *)"Jefe", 4, &part, 1, got) && bytes_equal(got, want, sizeof want);
}

/* RFC 3610 8, packet vector 1; a changed tag is refused. */
static bool ccm_works(void)
{
    static const uint8_t key[] = { 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
                                   0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf };
    static const uint8_t nonce[] = { 0, 0, 0, 3, 2, 1, 0, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5 };
    static const uint8_t want[] = { 0x58, 0x8c, 0x97, 0x9a, 0x61, 0xc6, 0x63, 0xd2, 0xf0, 0x66, 0xd0,
                                    0xc2, 0xc0, 0xf9, 0x89, 0x80, 0x6d, 0x5f, 0x6b, 0x61, 0xda, 0xc3,
                                    0x84, 0x17, 0xe8, 0xd1, 0x2c, 0xfd, 0xf9, 0x26, 0xe0 };
    uint8_t text[sizeof want];
    const struct crypto_part aad = { text, 8 };
    const struct ccm m = { key, nonce, CCM_TAG_SHORT, &aad, 1 };
    const size_t len = sizeof want - CCM_TAG_SHORT;
    uint8_t got[sizeof want], back[sizeof want];

    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)i;
    if (!ccm_seal(NULL, &m, text + 8, len, got) || !bytes_equal(got, want, sizeof want))
        return false;
    if (!ccm_open(NULL, &m, got, len, back) || !bytes_equal(back, text + 8, len))
        return false;
    got[sizeof got - 1] ^= 1;
    return !ccm_open(NULL, &m, got, len, back);
}

/* 0xB4E7 * G, by each way: the windows of either are used, in a fraction of the time of a full scalar.  Computed with
 * Python's integers from SP 800-186's G.  A wrong square root shows by itself: p256_bearssl_decompress squares it. */
static const uint8_t known_d[] = { 0xb4, 0xe7 };
static const uint8_t known_x[P256_LEN] = { 0xd0, 0xca, 0xfb, 0x65, 0x1c, 0x6d, 0xbe, 0xd8, 0xb0, 0xcb, 0xca,
                                           0x63, 0x97, 0x6b, 0x41, 0x0e, 0x5a, 0x08, 0xaa, 0xf7, 0x6b, 0xa8,
                                           0x6d, 0x2b, 0x05, 0xba, 0x14, 0x0e, 0xd1, 0xea, 0x62, 0x2a };

static bool mul_works(void)
{
    uint8_t pk[P256_PK_LEN];
    p256_bearssl_mulgen_small(pk, known_d, sizeof known_d);
    return bytes_equal(pk + 1, known_x, sizeof known_x);
}

static bool mulgen_works(void)
{
    uint8_t pk[P256_PK_LEN];
    p256_bearssl_mulgen(pk, known_d, sizeof known_d);
    return bytes_equal(pk + 1, known_x, sizeof known_x);
}

bool crypto_bearssl_test_secret(void)
{
    return sha256_works() && hmac_works() && ccm_works();
}

bool crypto_bearssl_test_sealing(void)
{
    return crypto_bearssl_test_secret() && mul_works() && mulgen_works();
}

/* RFC 6979 A.2.5: P-256, SHA-256, message "sample". */
static const uint8_t sample_digest[SHA256_LEN] = { 0xaf, 0x2b, 0xdb, 0xe1, 0xaa, 0x9b, 0x6e, 0xc1, 0xe2, 0xad, 0xe1,
                                                   0xd6, 0x94, 0xf4, 0x1f, 0xc7, 0x1a, 0x83, 0x1d, 0x02, 0x68, 0xe9,
                                                   0x89, 0x15, 0x62, 0x11, 0x3d, 0x8a, 0x62, 0xad, 0xd1, 0xbf };
static const uint8_t sample_sig[ECDSA_LEN] = { 0xef, 0xd4, 0x8b, 0x2a, 0xac, 0xb6, 0xa8, 0xfd, 0x11, 0x40, 0xdd, 0x9c, 0xd4,
                                               0x5e, 0x81, 0xd6, 0x9d, 0x2c, 0x87, 0x7b, 0x56, 0xaa, 0xf9, 0x91, 0xc3, 0x4d,
                                               0x0e, 0xa8, 0x4e, 0xaf, 0x37, 0x16, 0xf7, 0xcb, 0x1c, 0x94, 0x2d, 0x65, 0x7c,
                                               0x41, 0xd4, 0x36, 0xc7, 0xa1, 0xb6, 0xe2, 0x9f, 0x65, 0xf3, 0xe9, 0x00, 0xdb,
                                               0xb9, 0xaf, 0xf4, 0x06, 0x4d, 0xc4, 0xab, 0x2f, 0x84, 0x3a, 0xcd, 0xa8 };

typedef bool ecdsa_verify(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                          const uint8_t sig[ECDSA_LEN]);

static bool verify_works(ecdsa_verify *verify)
{
    static const uint8_t pk[P256_PK_LEN] = { 0x04, 0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31, 0xc9, 0x61, 0xeb, 0x74,
                                             0xc6, 0x35, 0x6d, 0x68, 0xc0, 0x49, 0xb8, 0x92, 0x3b, 0x61, 0xfa, 0x6c, 0xe6,
                                             0x69, 0x62, 0x2e, 0x60, 0xf2, 0x9f, 0xb6, 0x79, 0x03, 0xfe, 0x10, 0x08, 0xb8,
                                             0xbc, 0x99, 0xa4, 0x1a, 0xe9, 0xe9, 0x56, 0x28, 0xbc, 0x64, 0xf2, 0xf1, 0xb2,
                                             0x0c, 0x2d, 0x7e, 0x9f, 0x51, 0x77, 0xa3, 0xc2, 0x94, 0xd4, 0x46, 0x22, 0x99 };
    return verify(NULL, pk, sample_digest, sample_sig);
}

static bool sign_works(void)
{
    static const uint8_t d[P256_LEN] = { 0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21,
                                         0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8,
                                         0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21 };
    uint8_t got[ECDSA_LEN];
    return ecdsa_bearssl_sign(NULL, d, sample_digest, got) && bytes_equal(got, sample_sig, sizeof got);
}

bool crypto_bearssl_test_fleet(void)
{
    return crypto_bearssl_test_secret() && mul_works() && verify_works(ecdsa_bearssl_verify);
}

bool crypto_bearssl_test_signing(void)
{
    return crypto_bearssl_test_sealing() && verify_works(ecdsa_bearssl_verify) && sign_works();
}

/* RFC 7748 5.2: 9 times 9, the first iteration. */
static bool x25519_works(void)
{
    static const uint8_t nine[X25519_LEN] = { 9 };
    static const uint8_t want[X25519_LEN] = { 0x42, 0x2c, 0x8e, 0x7a, 0x62, 0x27, 0xd7, 0xbc, 0xa1, 0x35, 0x0b,
                                              0x3e, 0x2b, 0xb7, 0x27, 0x9f, 0x78, 0x97, 0xb8, 0x7b, 0xb6, 0x85,
                                              0x4b, 0x78, 0x3c, 0x60, 0xe8, 0x03, 0x11, 0xae, 0x30, 0x79 };
    uint8_t z[X25519_LEN];
    return x25519_bearssl(NULL, nine, nine, z) && bytes_equal(z, want, sizeof z);
}

bool crypto_bearssl_test_fleet_x25519(void)
{
    return crypto_bearssl_test_secret() && x25519_works() && verify_works(ecdsa_bearssl_verify_small);
}

bool crypto_bearssl_test_signing_x25519(void)
{
    return crypto_bearssl_test_secret() && mulgen_works() && x25519_works() && verify_works(ecdsa_bearssl_verify) &&
           sign_works();
}

/* x^3 mod n for two patterns, by SHA-256 of the result.  Computed with Python's integers. */
static bool rsa_works(void)
{
    static const uint8_t e[4] = { 0, 0, 0, 3 };
    static const uint8_t want[SHA256_LEN] = { 0xec, 0x28, 0x5d, 0x62, 0x14, 0x83, 0x76, 0xce, 0x40, 0x03, 0xb1,
                                              0xfb, 0xa4, 0xc9, 0x36, 0x8a, 0xc9, 0x8b, 0x39, 0x37, 0xbb, 0x90,
                                              0xa3, 0xfa, 0x01, 0xa8, 0x42, 0x02, 0x48, 0x22, 0x37, 0xf7 };
    uint8_t n[RSA_LEN], x[RSA_LEN], got[SHA256_LEN];
    const struct crypto_part part = { x, sizeof x };
    for (unsigned i = 0; i < RSA_LEN; i++) {
        n[i] = (uint8_t)(0xFF - (i * 7 & 0x7F));
        x[i] = i * 5 & 0x7F;
    }
    n[RSA_LEN - 1] |= 1;
    return rsa_bearssl_public(NULL, n, e, x, x) && sha256(NULL, &part, 1, got) && bytes_equal(got, want, sizeof want);
}

bool crypto_bearssl_test_rsa(void)
{
    return crypto_bearssl_test_secret() && rsa_works();
}

bool crypto_bearssl_self_test(void)
{
    return crypto_bearssl_test_signing() && crypto_bearssl_test_fleet_x25519() && rsa_works();
}
