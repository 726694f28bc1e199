/* Point decompression on BearSSL's i31 integers (inner.h: 31-bit limbs, the first word is the bit length). */
#include "firmware-stub/crypto_bearssl.h"

#include <string.h>

#include <inner.h>

#include "protocol/p256.h"

enum { WORDS = 1 + 9 };          /* 256 bits in limbs of 31: R = 2^279 */
static const uint32_t p_m0i = 1; /* -1/p mod 2^31: p = -1 mod 2^96 */

struct i31 {
    uint32_t w[WORDS];
};

/* SP 800-186 3.2.1.3, in limbs from low to high; 0x108 is how i31 writes a length of 256 bits */
static const struct i31 p256_p = { { 0x00000108, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x00000007, 0x00000000, 0x00000000,
                                     0x00000040, 0x7fffff80, 0x000000ff } };
/* b in Montgomery form: b R mod p */
static const struct i31 p256_b = { { 0x00000108, 0x6fee1803, 0x6229c4bd, 0x21b139be, 0x327150aa, 0x3567802e, 0x3f7212ed,
                                     0x012e4355, 0x782dd38d, 0x0000000e } };
/* R^2 mod p: takes a number into Montgomery form */
static const struct i31 p256_r2 = { { 0x00000108, 0x00014000, 0x00018000, 0x00000000, 0x7ff40000, 0x7fefffff, 0x7ff7ffff,
                                      0x7fafffff, 0x005fffff, 0x00000000 } };

static void mul(struct i31 *d, const struct i31 *a, const struct i31 *b)
{
    struct i31 t;
    br_i31_montymul(t.w, a->w, b->w, p256_p.w, p_m0i);
    *d = t;
}

static void square_n(struct i31 *d, unsigned n)
{
    while (n-- > 0)
        mul(d, d, d);
}

static void add(struct i31 *d, const struct i31 *a)
{
    uint32_t over = br_i31_add(d->w, a->w, 1);
    (void)br_i31_sub(d->w, p256_p.w, over | (br_i31_sub(d->w, p256_p.w, 0) ^ 1));
}

static void sub(struct i31 *d, const struct i31 *a)
{
    (void)br_i31_add(d->w, p256_p.w, br_i31_sub(d->w, a->w, 1));
}

/* d = a^((p+1)/4), which is a root of a if a has one, since p = 3 mod 4.
 * (p+1)/4 = (2^32 - 1) 2^222 + 2^190 + 2^94. */
static void root(struct i31 *d, const struct i31 *a)
{
    struct i31 r = *a, t;
    for (unsigned ones = 1; ones < 32; ones *= 2) { /* r = a^(2^ones - 1) */
        t = r;
        square_n(&t, ones);
        mul(&r, &t, &r);
    }
    square_n(&r, 222 - 190);
    mul(&r, &r, a);
    square_n(&r, 190 - 94);
    mul(&r, &r, a);
    square_n(&r, 94);
    *d = r;
}

/* d = a^3 - 3a + b, all in Montgomery form. */
static void curve(struct i31 *d, const struct i31 *a)
{
    mul(d, a, a);
    mul(d, d, a);
    for (unsigned i = 0; i < 3; i++)
        sub(d, a);
    add(d, &p256_b);
}

bool p256_bearssl_decompress(const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    static const struct i31 one = { { 0x108, 1 } };
    struct i31 a, y2, y, check;

    if (!br_i31_decode_mod(a.w, x, P256_LEN, p256_p.w))
        return false;
    mul(&a, &a, &p256_r2);
    curve(&y2, &a);
    root(&y, &y2);
    mul(&check, &y, &y);
    if (memcmp(check.w, y2.w, sizeof y2.w) != 0)
        return false;
    mul(&y, &y, &one); /* out of Montgomery form */
    pk[0] = 0x04;
    memcpy(pk + 1, x, P256_LEN);
    br_i31_encode(pk + 1 + P256_LEN, P256_LEN, y.w);
    p256_even_y(pk);
    return true;
}
