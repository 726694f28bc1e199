/* The chip that makes its own key: the firmware's code (firmware-stub/make_key.c), and under it the FLASH controller of the
 * silicon model, worked as the firmware works it: firmware-stub/stm32l476.c, stm32f407.c.  So a cut that is armed comes in
 * the firmware's own pulses too, and on the F407 there are eight of them in a unit. */
#include "tests/sweep/world.h"

#include <string.h>

#include "firmware-stub/chip.h"
#include "firmware-stub/make_key.c"

static struct chip *chip; /* that runs */

const uint32_t chip_otp = 0; /* offsets, here */

static const struct controller {
    uint32_t keyr, sr, cr, errors;
    unsigned width, access; /* bytes of a pulse, of a write */
} l4 = { 0x40022008, 0x40022010, 0x40022014, 0xC3FA, 8, 4 }, f4 = { 0x40023C04, 0x40023C0C, 0x40023C10, 0xF2, 1, 1 };
static const uint32_t CR_PG = 1u << 0, CR_LOCK = 1u << 31;

static const struct controller *of(const struct chip *c)
{
    return c->desc->controller == FLASH_STM32L4 ? &l4 : &f4;
}

static bool put(uint32_t addr, unsigned size, uint32_t value)
{
    return silicon_write(inproc_silicon(chip), BUS_CPU_FLASH, addr, size, value) == BUS_OK;
}

static bool done(const struct controller *k)
{
    uint32_t sr = 0;
    const bool ok = silicon_read(inproc_silicon(chip), BUS_CPU_FLASH, k->sr, 4, &sr) == BUS_OK && (sr & k->errors) == 0;

    return put(k->sr, 4, k->errors) && ok;
}

static bool pulse(const struct controller *k, uint32_t addr, const uint8_t *bytes)
{
    bool ok = put(k->cr, 4, CR_PG); /* PSIZE 0 */

    for (unsigned i = 0; i < k->width; i += k->access) {
        uint32_t value = 0;

        memcpy(&value, bytes + i, k->access);
        ok = put(addr + i, k->access, value) && ok;
    }
    return done(k) && ok;
}

bool chip_program(uint32_t at, const void *bytes, size_t len)
{
    const struct controller *k = of(chip);
    bool ok = put(k->keyr, 4, 0x45670123) && put(k->keyr, 4, 0xCDEF89AB) && put(k->sr, 4, k->errors);

    for (size_t i = 0; i < len; i += k->width)
        ok = pulse(k, chip->desc->otp.base + at + (uint32_t)i, (const uint8_t *)bytes + i) && ok;
    return put(k->cr, 4, CR_LOCK) && ok;
}

bool chip_read(uint32_t at, void *out, size_t len)
{
    const uint32_t cell = chip->desc->otp.cell, n = (uint32_t)len / cell;
    enum otp_cell_state state[OTP_UNIT];
    struct err e;

    if (chip_otp_read(chip, at / cell, n, out, state, &e) != ERR_OK)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (state[i] != OTP_CELL_READ)
            return false;
    return true;
}

/* The seed is a secret of this case: nobody but the chip may hold it. */
static void remember(uint32_t at)
{
    struct world_shared *s = world_now->shared;
    uint8_t seed[SLOT_LEN];

    if (silicon_peek(inproc_silicon(chip), chip->desc->otp.base + at, seed, sizeof seed)) {
        memcpy(s->secret, seed, sizeof seed);
        s->has_secret = true;
    }
}

uint8_t board_makes_key(struct chip *c, const struct crypto *crypto, uint8_t scheme, const uint8_t *draft, uint8_t *answer)
{
    enum device_code code;

    chip = c;
    code = make_key(crypto, scheme, draft, answer);
    if (code == DEVICE_OK)
        remember(OTP_OFF_SLOT + scheme_by_id(scheme)->secret * (uint32_t)SLOT_LEN);
    return (uint8_t)code;
}
