#include "hsm/rsa_host.h"

#include <openssl/bn.h>

bool rsa_host_public(void *io, const uint8_t n[RSA_LEN], const uint8_t e[4], const uint8_t in[RSA_LEN], uint8_t out[RSA_LEN])
{
    (void)io;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *modulus = BN_bin2bn(n, RSA_LEN, NULL), *exponent = BN_bin2bn(e, 4, NULL);
    BIGNUM *x = BN_secure_new(), *y = BN_secure_new(); /* the padded text is a secret */
    bool ok = ctx && modulus && exponent && x && y && BN_bin2bn(in, RSA_LEN, x) && BN_is_odd(modulus) &&
              BN_cmp(x, modulus) < 0 && BN_mod_exp_mont(y, x, exponent, modulus, ctx, NULL) == 1 &&
              BN_bn2binpad(y, out, RSA_LEN) == RSA_LEN;
    BN_clear_free(y);
    BN_clear_free(x);
    BN_free(exponent);
    BN_free(modulus);
    BN_CTX_free(ctx);
    return ok;
}
