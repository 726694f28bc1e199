/* tests/protocol/rsa_key.h - the RSA-4096 TEST key of Wycheproof's OAEP vectors, which everybody knows, and the private
 * operation that an HSM does for the server. */
#ifndef TESTS_PROTOCOL_RSA_KEY_H
#define TESTS_PROTOCOL_RSA_KEY_H

#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>

#include "protocol/crypto.h"

static inline const json_t *rsa_key_file(void)
{
    static json_t *root;
    if (!root)
        root = json_load_file("tests/vectors/wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json", 0, NULL);
    return json_array_get(json_object_get(root, "testGroups"), 0);
}

static inline BIGNUM *rsa_key_number(const char *name)
{
    BIGNUM *n = NULL;
    const char *hex = json_string_value(json_object_get(json_object_get(rsa_key_file(), "privateKey"), name));
    return hex && BN_hex2bn(&n, hex) ? n : NULL;
}

/* n512 e4, as a firmware holds it. */
static inline void rsa_key_public(uint8_t out[RSA_LEN + 4])
{
    BIGNUM *n = rsa_key_number("modulus"), *e = rsa_key_number("publicExponent");
    BN_bn2binpad(n, out, RSA_LEN);
    BN_bn2binpad(e, out + RSA_LEN, 4);
    BN_free(n);
    BN_free(e);
}

/* m = c^d mod n, by the primes: a third of the time.  False: c >= n. */
static inline bool rsa_key_private(const uint8_t c[RSA_LEN], uint8_t m[RSA_LEN])
{
    static BIGNUM *n, *p, *q, *dp, *dq, *qinv;
    if (!n) {
        n = rsa_key_number("modulus");
        p = rsa_key_number("prime1");
        q = rsa_key_number("prime2");
        dp = rsa_key_number("exponent1");
        dq = rsa_key_number("exponent2");
        qinv = rsa_key_number("coefficient");
    }
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *x = BN_bin2bn(c, RSA_LEN, NULL), *a = BN_new(), *b = BN_new();
    bool ok = BN_cmp(x, n) < 0 && BN_mod_exp(a, x, dp, p, ctx) && BN_mod_exp(b, x, dq, q, ctx) &&
              BN_mod_sub(a, a, b, p, ctx) && BN_mod_mul(a, a, qinv, p, ctx) && BN_mul(a, a, q, ctx) && BN_add(a, a, b) &&
              BN_bn2binpad(a, m, RSA_LEN) > 0;
    BN_free(x);
    BN_free(a);
    BN_free(b);
    BN_CTX_free(ctx);
    return ok;
}

#endif
