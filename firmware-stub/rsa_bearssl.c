#include "firmware-stub/rsa_bearssl.h"

#include <inner.h> /* BearSSL's own: the i31 integers */

#include "protocol/bytes.h"

/* An i31 integer of 4096 bits: one word of length, 133 of 31 bits, made even. */
enum { WORDS = 134 };

static uint32_t work[4 * WORDS]; /* modulus, value, two for the power: one caller, no interrupt comes here */

bool rsa_bearssl_public(void *io, const uint8_t n[RSA_LEN], const uint8_t e[4], const uint8_t in[RSA_LEN],
                        uint8_t out[RSA_LEN])
{
    uint32_t *m = work, *x = work + WORDS, *t = work + 2 * WORDS;
    unsigned skip = 0;
    (void)io;
    br_i31_decode(m, n, RSA_LEN);
    uint32_t m0i = br_i31_ninv31(m[1]); /* even for an even modulus, which none is */
    uint32_t ok = (m0i & 1) & br_i31_decode_mod(x, in, RSA_LEN, m);
    while (skip < 3 && e[skip] == 0) /* each byte of the exponent costs 16 products; it is public */
        skip++;
    ok &= br_i31_modpow_opt(x, e + skip, 4 - skip, m, m0i, t, 2 * WORDS);
    br_i31_encode(out, RSA_LEN, x);
    bytes_wipe(work, sizeof work); /* the padded text, which is a secret */
    return ok != 0;
}
