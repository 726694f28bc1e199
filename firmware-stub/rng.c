/* The RNG of both chips: RM0351 ch. 27, RM0090 ch. 24. */
#include <string.h>

#include "firmware-stub/chip.h"
#include "firmware-stub/stm32.h"
#include "protocol/bytes.h"

#define RNG_CR_RNGEN BIT(2)
#define RNG_SR_DRDY BIT(0)
#define RNG_SR_FAILED (BIT(1) | BIT(2) | BIT(5) | BIT(6)) /* CECS SECS CEIS SEIS */

enum { STARTS = 3 };

/* One word after another; the first is not used, and each must differ from the one before it (RM0090 24.3.1, after FIPS
 * 140-2 4.9.2). */
static bool fill(uint8_t *out, size_t len)
{
    uint32_t last = 0;
    for (size_t n = 0; n < len + 4; n += 4) {
        if (!stm32_wait(&RNG_SR, RNG_SR_DRDY, RNG_SR_DRDY))
            return false;
        uint32_t word = RNG_DR;
        if ((RNG_SR & RNG_SR_FAILED) != 0 || word == 0 || (n > 0 && word == last))
            return false;
        if (n > 0)
            memcpy(out + n - 4, &word, len - (n - 4) < 4 ? len - (n - 4) : 4);
        last = word;
    }
    return true;
}

bool rng_read(void *io, void *out, size_t len)
{
    bool ok = false;
    (void)io;
    for (unsigned i = 0; i < STARTS && !ok; i++) {
        RNG_CR = 0;
        RNG_SR = 0; /* CEIS and SEIS are cleared by writing 0 */
        RNG_CR = RNG_CR_RNGEN;
        ok = fill(out, len);
    }
    RNG_CR = 0;
    if (!ok)
        bytes_wipe(out, len);
    return ok;
}
