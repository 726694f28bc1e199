/* P-256 of public numbers, on whose bits its time depends, by BearSSL's i31 integers (inner.h: 31-bit limbs, the first word
 * is the bit length): point decompression; and a small u P + v G, for a firmware that only verifies. */
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

static const struct i31 one = { { 0x108, 1 } };

bool p256_bearssl_decompress(const uint8_t x[P256_LEN], uint8_t pk[P256_PK_LEN])
{
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

/* ---- u P + v G ---- */

static unsigned bit(const uint8_t k[P256_LEN], unsigned i) /* from the top */
{
    return k[i / 8] >> (7 - i % 8) & 1u;
}

enum { X, Y, Z, X2, Y2, Z2, X3, Y3, Z3, T0, T1, T2, T3, T4, B, REGS };
enum op { MUL, ADD, SUB };

/* x = X/Z, y = Y/Z; infinity is (0 : Y : 0).  Ratios are all that counts: no number has to be taken into Montgomery form. */
struct point {
    struct i31 c[3];
};

static const struct point base = { {
    { { 0x00000108, 0x5898c296, 0x6942728b, 0x37acce83, 0x381bec09, 0x3a440f27, 0x179cdcac, 0x4b1091fe, 0x0be8f970,
        0x0000006b } },
    { { 0x00000108, 0x37bf51f5, 0x176c80d0, 0x2cc57b3b, 0x5e719abb, 0x40f9e162, 0x5cfd694f, 0x069fe6e3, 0x71a1717f,
        0x0000004f } },
    { { 0x00000108, 1 } },
} };

/* (X : Y : Z) + (X2 : Y2 : Z2): Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves"
 * (2015/1060), algorithm 4.  Complete: infinity and twice the same point are as any other. */
static const struct step {
    uint8_t op, d, a, b;
} sum[] = {
    { MUL, T0, X, X2 },  { MUL, T1, Y, Y2 },  { MUL, T2, Z, Z2 },  { ADD, T3, X, Y },   { ADD, T4, X2, Y2 },
    { MUL, T3, T3, T4 }, { ADD, T4, T0, T1 }, { SUB, T3, T3, T4 }, { ADD, T4, Y, Z },   { ADD, X3, Y2, Z2 },
    { MUL, T4, T4, X3 }, { ADD, X3, T1, T2 }, { SUB, T4, T4, X3 }, { ADD, X3, X, Z },   { ADD, Y3, X2, Z2 },
    { MUL, X3, X3, Y3 }, { ADD, Y3, T0, T2 }, { SUB, Y3, X3, Y3 }, { MUL, Z3, B, T2 },  { SUB, X3, Y3, Z3 },
    { ADD, Z3, X3, X3 }, { ADD, X3, X3, Z3 }, { SUB, Z3, T1, X3 }, { ADD, X3, T1, X3 }, { MUL, Y3, B, Y3 },
    { ADD, T1, T2, T2 }, { ADD, T2, T1, T2 }, { SUB, Y3, Y3, T2 }, { SUB, Y3, Y3, T0 }, { ADD, T1, Y3, Y3 },
    { ADD, Y3, T1, Y3 }, { ADD, T1, T0, T0 }, { ADD, T0, T1, T0 }, { SUB, T0, T0, T2 }, { MUL, T1, T4, Y3 },
    { MUL, T2, T0, Y3 }, { MUL, Y3, X3, Z3 }, { ADD, Y3, Y3, T2 }, { MUL, X3, T3, X3 }, { SUB, X3, X3, T1 },
    { MUL, Z3, T4, Z3 }, { MUL, T1, T3, T0 }, { ADD, Z3, Z3, T1 },
};

/* p += q, which may be p. */
static void point_add(struct point *p, const struct point *q)
{
    struct i31 r[REGS];
    memcpy(&r[X], p, sizeof *p);
    memcpy(&r[X2], q, sizeof *q);
    r[B] = p256_b;
    for (unsigned i = 0; i < sizeof sum / sizeof *sum; i++) {
        const struct step *s = &sum[i];
        struct i31 d = r[s->a];
        if (s->op == MUL)
            mul(&d, &d, &r[s->b]);
        else if (s->op == ADD)
            add(&d, &r[s->b]);
        else
            sub(&d, &r[s->b]);
        r[s->d] = d;
    }
    memcpy(p, &r[X3], sizeof *p);
}

/* d = 1/a by Fermat: a^(p-2). */
static void invert(struct i31 *d, const struct i31 *a)
{
    uint8_t e[P256_LEN];
    br_i31_encode(e, sizeof e, p256_p.w);
    e[P256_LEN - 1] -= 2;
    *d = *a; /* the top bit of p is set */
    for (unsigned i = 1; i < 256; i++) {
        mul(d, d, d);
        if (bit(e, i))
            mul(d, d, a);
    }
}

static bool on_curve(const uint8_t point[P256_PK_LEN])
{
    uint8_t even[P256_PK_LEN], pk[P256_PK_LEN];
    memcpy(even, point, sizeof even);
    p256_even_y(even);
    return p256_bearssl_decompress(point + 1, pk) && memcmp(pk, even, sizeof pk) == 0;
}

bool p256_bearssl_muladd_small(const uint8_t pk[P256_PK_LEN], const uint8_t u[P256_LEN], const uint8_t v[P256_LEN],
                               uint8_t x[P256_LEN])
{
    struct point term[3] = { base, base, base }; /* G, P, both */
    struct point r = { { [X] = { { 0x108 } }, [Y] = one, [Z] = { { 0x108 } } } };

    if (!on_curve(pk))
        return false;
    (void)br_i31_decode_mod(term[1].c[X].w, pk + 1, P256_LEN, p256_p.w);
    (void)br_i31_decode_mod(term[1].c[Y].w, pk + 1 + P256_LEN, P256_LEN, p256_p.w);
    point_add(&term[2], &term[1]);
    for (unsigned i = 0; i < 256; i++) {
        unsigned which = 2 * bit(u, i) + bit(v, i);
        point_add(&r, &r);
        if (which > 0)
            point_add(&r, &term[which - 1]);
    }
    invert(&r.c[Y], &r.c[Z]); /* of 0: 0 */
    mul(&r.c[X], &r.c[X], &r.c[Y]);
    mul(&r.c[X], &r.c[X], &one); /* out of Montgomery form */
    br_i31_encode(x, P256_LEN, r.c[X].w);
    return !br_i31_iszero(r.c[Z].w);
}
