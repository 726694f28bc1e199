#include "flash/vchip/rng.h"

#include <stdlib.h>
#include <sys/random.h>

enum { RNG_CR = 0, RNG_SR = 4, RNG_DR = 8 };
enum { RNGEN = 1u << 2 };
enum { DRDY = 1u << 0, CECS = 1u << 1, SECS = 1u << 2, CEIS = 1u << 5, SEIS = 1u << 6 };

struct rng {
    enum rng_mode mode;
    bool clock;
    uint32_t cr, latched; /* latched: CEIS, SEIS */
    uint32_t pool[32];
    unsigned n_pool;
};

struct rng *rng_new(void)
{
    return calloc(1, sizeof(struct rng));
}

void rng_free(struct rng *r)
{
    free(r);
}

void rng_set_mode(struct rng *r, enum rng_mode mode)
{
    r->mode = mode;
}

void rng_set_clock(struct rng *r, bool on)
{
    r->clock = on;
}

static void rng_reset(void *dev, enum reset_cause cause)
{
    struct rng *r = dev;

    (void)cause;
    r->cr = r->latched = 0;
}

static uint32_t status(struct rng *r)
{
    if ((r->cr & RNGEN) == 0)
        return r->latched;
    if (!r->clock) {
        r->latched |= CEIS;
        return r->latched | CECS;
    }
    if (r->mode == RNG_ERROR) {
        r->latched |= SEIS;
        return r->latched | SECS;
    }
    return r->latched | ((r->latched & SEIS) == 0 ? DRDY : 0u); /* after a seed error software has to restart it */
}

static uint32_t word(struct rng *r)
{
    if (r->mode == RNG_STUCK)
        return 0x5A5AA5A5;
    if (r->n_pool == 0) {
        if (getrandom(r->pool, sizeof r->pool, 0) != (ssize_t)sizeof r->pool)
            abort(); /* cannot fail for 128 bytes once the host has booted */
        r->n_pool = sizeof r->pool / sizeof *r->pool;
    }
    return r->pool[--r->n_pool];
}

static uint32_t rng_read(void *dev, uint32_t offset)
{
    struct rng *r = dev;

    switch (offset) {
    case RNG_CR:
        return r->cr;
    case RNG_SR:
        return status(r);
    case RNG_DR:
        return (status(r) & DRDY) != 0 ? word(r) : 0;
    default:
        return 0;
    }
}

static void rng_write(void *dev, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct rng *r = dev;

    if (offset == RNG_CR)
        r->cr = (r->cr & ~mask) | (value & mask);
    else if (offset == RNG_SR)
        r->latched &= value | ~mask; /* written 0 clears */
}

const struct device_ops rng_ops = { rng_reset, rng_read, rng_write };
