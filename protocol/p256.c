#include "protocol/p256.h"

#include <string.h>

/* SP 800-186, 3.2.1.3 */
static const uint8_t P[P256_LEN] = { 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
                                     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
static const uint8_t N[P256_LEN] = { 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17,
                                     0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51 };

/* a - b, big-endian; out may be a or b, or NULL for the borrow alone.  Returns the borrow: 1 if a < b. */
static unsigned subtract(const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    unsigned borrow = 0;
    for (unsigned i = P256_LEN; i-- > 0;) {
        unsigned d = (unsigned)a[i] - b[i] - borrow;
        borrow = d >> 8 & 1;
        if (out)
            out[i] = (uint8_t)d;
    }
    return borrow;
}

void p256_even_y(uint8_t pk[P256_PK_LEN])
{
    uint8_t *y = pk + 1 + P256_LEN;
    if (y[P256_LEN - 1] & 1)     /* y is public */
        (void)subtract(P, y, y); /* y < p: no borrow */
}

bool p256_scalar_ok(const uint8_t d[P256_LEN])
{
    unsigned any = 0;
    for (unsigned i = 0; i < P256_LEN; i++)
        any |= d[i];
    return (subtract(d, N, NULL) & (unsigned)(any != 0)) != 0;
}

void p256_negate(uint8_t d[P256_LEN])
{
    (void)subtract(N, d, d);
}

void p256_low_s(uint8_t s[P256_LEN])
{
    uint8_t other[P256_LEN];
    (void)subtract(N, s, other);
    if (subtract(other, s, NULL))
        memcpy(s, other, sizeof other);
}

void p256_reduce(uint8_t v[P256_LEN])
{
    if (!subtract(v, N, NULL)) /* a digest: public */
        (void)subtract(v, N, v);
}
