#include "protocol/bytes.h"

void put16(uint8_t out[2], uint16_t v)
{
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
}

void put32(uint8_t out[4], uint32_t v)
{
    put16(out, (uint16_t)(v >> 16));
    put16(out + 2, (uint16_t)v);
}

uint16_t get16(const uint8_t in[2])
{
    return (uint16_t)(in[0] << 8 | in[1]);
}

uint32_t get32(const uint8_t in[4])
{
    return (uint32_t)get16(in) << 16 | get16(in + 2);
}

void bytes_wipe(void *p, size_t len)
{
    volatile uint8_t *b = p;
    while (len-- > 0)
        *b++ = 0;
}

bool bytes_equal(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    volatile uint8_t diff = 0; /* volatile: no early exit may be compiled in */
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (x[i] ^ y[i]));
    return diff == 0;
}

bool bytes_all(const void *p, size_t len, uint8_t value)
{
    const uint8_t *x = p;
    volatile uint8_t diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (x[i] ^ value));
    return diff == 0;
}
