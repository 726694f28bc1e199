#include "relay/chaos.h"

/* SplitMix64: any seed is a good one.  Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
 */
static uint64_t draw(struct chaos *c)
{
    uint64_t z = c->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t chaos_below(struct chaos *c, uint64_t n)
{
    return draw(c) % n; /* the bias is 2^-40 for the small n of here */
}

bool chaos_strikes(struct chaos *c, enum trick t)
{
    if (c->p[t] <= 0) /* a trick that is off draws nothing: the others stay as they were */
        return false;
    return (double)(draw(c) >> 11) * 0x1p-53 < c->p[t];
}

static struct passage pass(struct chaos *c, size_t index, size_t len)
{
    struct passage p = { .index = index };

    if (chaos_strikes(c, TRICK_DELAY))
        p.delay_ms = 1 + (unsigned)chaos_below(c, CHAOS_DELAY_MS);
    if (chaos_strikes(c, TRICK_FLIP))
        p.flip = 1 + (size_t)chaos_below(c, 8 * (uint64_t)len);
    return p;
}

size_t chaos_pass(struct chaos *c, const size_t *len, size_t n, struct passage *out, size_t max)
{
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        size_t copies = chaos_strikes(c, TRICK_DROP) ? 0 : chaos_strikes(c, TRICK_DUPLICATE) ? 2 : 1;

        for (; copies > 0 && m < max; copies--)
            out[m++] = pass(c, i, len[i]);
    }
    for (size_t i = 1; i < m; i++)
        if (chaos_strikes(c, TRICK_REORDER)) {
            size_t k = (size_t)chaos_below(c, i);
            struct passage p = out[k];

            out[k] = out[i];
            out[i] = p;
        }
    return m;
}

void chaos_flip(uint8_t *bytes, size_t flip)
{
    if (flip > 0)
        bytes[(flip - 1) / 8] ^= (uint8_t)(1u << (flip - 1) % 8);
}
