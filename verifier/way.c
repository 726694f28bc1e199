#include "verifier/way.h"

#include <stddef.h>

static const struct way ways[] = {
    { .scheme = 1, .load = load_sealed },
    { .scheme = 2, .of_fleet = true, .load = load_fleet },
    { .scheme = 3, .of_fleet = true, .signs = true, .load = load_fleet },
    { .scheme = 4, .by_boot = true, .load = load_secret },
    { .scheme = 5, .by_boot = true, .load = load_derived },
    { .scheme = 6, .of_fleet = true, .is_nobody = true, .load = load_fleet },
    { .scheme = 8, .of_fleet = true, .signs = true, .load = load_fleet },
};

const struct way *way_of(uint8_t scheme)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].scheme == scheme)
            return &ways[i];
    return NULL;
}
