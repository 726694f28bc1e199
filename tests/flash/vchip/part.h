/* tests/flash/vchip/part.h - one simulated part with a clock that stands still until it is told, and a debugger's habits. */
#ifndef TESTS_PART_H
#define TESTS_PART_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flash/vchip/silicon.h"

enum { PART_SR, PART_CR, PART_KEYR, PART_OPTKEYR, PART_OPTR };

static const uint32_t KEY1 = 0x45670123, KEY2 = 0xCDEF89AB, OPTKEY1 = 0x08192A3B, OPTKEY2 = 0x4C5D6E7F;
static const uint32_t FLASH = 0x08000000, CR_PG = 1, CR_LOCK = 1u << 31, CR_STRT = 1u << 16, SR_BSY = 1u << 16;
static const uint32_t PROGERR = 1u << 3, WRPERR = 1u << 4, PGAERR = 1u << 5, PGSERR = 1u << 7;
static const uint32_t REFUSED_BY_BUS = 0xFFFFFFFF; /* answer of part_program */

struct part {
    const struct chip_desc *desc;
    struct silicon *s;
    uint64_t now_ns;
    unsigned cuts, launches, nmis, ram_erases;
    uint32_t changed_addr, changed_len;
};

static uint64_t part_now(void *io)
{
    return ((struct part *)io)->now_ns;
}

static void part_cut(void *io)
{
    ((struct part *)io)->cuts++;
}

static void part_launch(void *io)
{
    ((struct part *)io)->launches++;
}

static void part_nmi(void *io)
{
    ((struct part *)io)->nmis++;
}

static void part_changed(void *io, uint32_t addr, uint32_t len)
{
    struct part *p = io;

    p->changed_addr = addr;
    p->changed_len = len;
}

static void part_ram_erased(void *io)
{
    ((struct part *)io)->ram_erases++;
}

static inline void part_open(struct part *p, const char *path)
{
    const struct silicon_port port = { .now_ns = part_now,
                                       .power_cut = part_cut,
                                       .changed = part_changed,
                                       .launch = part_launch,
                                       .ecc_nmi = part_nmi,
                                       .io = p };
    struct err e;

    assert_int_equal(silicon_open(&p->s, p->desc, path, &port, &e), ERR_OK);
    silicon_on_ram_erase(p->s, part_ram_erased);
    silicon_power(p->s, true);
}

static inline int part_up(void **state, const char *chip)
{
    struct part *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->desc = chip_desc_find(chip);
    assert_non_null(p->desc);
    part_open(p, NULL);
    *state = p;
    return 0;
}

static inline int part_l4(void **state)
{
    return part_up(state, "stm32l476");
}

static inline int part_f4(void **state)
{
    return part_up(state, "stm32f407");
}

static inline int part_down(void **state)
{
    struct part *p = *state;

    silicon_close(p->s);
    free(p);
    return 0;
}

static inline bool part_is_l4(const struct part *p)
{
    return p->desc->controller == FLASH_STM32L4;
}

static inline uint32_t part_reg(const struct part *p, int reg)
{
    static const uint32_t l4[] = { 0x10, 0x14, 0x08, 0x0C, 0x20 }, f4[] = { 0x0C, 0x10, 0x04, 0x08, 0x14 };

    return p->desc->flash_regs + (part_is_l4(p) ? l4 : f4)[reg];
}

static inline enum bus_status part_write(struct part *p, enum bus_master m, uint32_t addr, unsigned size, uint32_t v)
{
    return silicon_write(p->s, m, addr, size, v);
}

static inline enum bus_status part_status(struct part *p, enum bus_master m, uint32_t addr)
{
    uint32_t v = 0;

    return silicon_read(p->s, m, addr, 1, &v);
}

static inline uint32_t part_read(struct part *p, uint32_t addr, unsigned size)
{
    uint32_t v = 0;

    assert_int_equal(silicon_read(p->s, BUS_DEBUG, addr, size, &v), BUS_OK);
    return v;
}

static inline uint64_t part_read64(struct part *p, uint32_t addr)
{
    return part_read(p, addr, 4) | (uint64_t)part_read(p, addr + 4, 4) << 32;
}

static inline uint32_t part_get(struct part *p, int reg)
{
    return part_read(p, part_reg(p, reg), 4);
}

static inline void part_set(struct part *p, int reg, uint32_t v)
{
    assert_int_equal(part_write(p, BUS_DEBUG, part_reg(p, reg), 4, v), BUS_OK);
}

static inline void part_unlock(struct part *p)
{
    if ((part_get(p, PART_CR) & CR_LOCK) == 0)
        return;
    part_set(p, PART_KEYR, KEY1);
    part_set(p, PART_KEYR, KEY2);
    assert_int_equal(part_get(p, PART_CR) & CR_LOCK, 0);
}

static inline void part_unlock_options(struct part *p)
{
    if (part_is_l4(p))
        part_unlock(p);
    part_set(p, PART_OPTKEYR, OPTKEY1);
    part_set(p, PART_OPTKEYR, OPTKEY2);
}

static inline void part_wait(struct part *p)
{
    p->now_ns += 3600000000000; /* longer than anything takes */
    assert_false(silicon_busy(p->s));
}

/* FLASH_SR error flags, cleared; REFUSED_BY_BUS when a write was. */
static inline uint32_t part_verdict(struct part *p)
{
    uint32_t sr;

    part_wait(p);
    sr = part_get(p, PART_SR) & 0xC3FA;
    part_set(p, PART_SR, sr);
    return sr;
}

/* Program len bytes (L4: 8; F4: 1, 2, 4 with the PSIZE for it) as master m; the answer of part_verdict. */
static inline uint32_t part_program_as(struct part *p, enum bus_master m, uint32_t addr, unsigned len, uint64_t v)
{
    const unsigned word = part_is_l4(p) ? 4 : len;
    const uint32_t psize = part_is_l4(p) || len == 1 ? 0 : len == 2 ? 1 : 2;

    part_unlock(p);
    part_set(p, PART_CR, CR_PG | psize << 8);
    for (unsigned i = 0; i < len; i += word)
        if (part_write(p, m, addr + i, word, (uint32_t)(v >> (8 * i))) != BUS_OK)
            return REFUSED_BY_BUS;
    return part_verdict(p);
}

static inline uint32_t part_program(struct part *p, uint32_t addr, unsigned len, uint64_t v)
{
    return part_program_as(p, BUS_DEBUG, addr, len, v);
}

/* One whole cell of OTP or flash: what the part's own pulse writes. */
static inline uint32_t part_cell(struct part *p, uint32_t addr, uint64_t v)
{
    return part_program(p, addr, p->desc->otp.cell, v);
}

static inline uint32_t part_erase(struct part *p, uint32_t cr)
{
    part_unlock(p);
    part_set(p, PART_CR, cr);
    part_set(p, PART_CR, cr | CR_STRT);
    return part_verdict(p);
}

/* Store RDP byte and have it loaded, as a debugger does. */
static inline void part_set_rdp(struct part *p, uint8_t byte)
{
    part_unlock_options(p);
    if (part_is_l4(p)) {
        part_set(p, PART_OPTR, (part_get(p, PART_OPTR) & ~0xFFu) | byte);
        part_set(p, PART_CR, 1u << 17); /* OPTSTRT */
        part_wait(p);
        part_set(p, PART_CR, 1u << 27); /* OBL_LAUNCH */
    } else {
        part_set(p, PART_OPTR, (part_get(p, PART_OPTR) & ~0xFF03u) | (uint32_t)byte << 8);
        part_set(p, PART_OPTR, part_get(p, PART_OPTR) | 2);
        p->now_ns += 3600000000000;
    }
}

static inline void part_power_cycle(struct part *p)
{
    silicon_power(p->s, false);
    silicon_power(p->s, true);
}

/* One row for each chip. */
#define PART_BOTH(test)                                       \
    { #test " [stm32l476]", test, part_l4, part_down, NULL }, \
    {                                                         \
#test " [stm32f407]", test, part_f4, part_down, NULL  \
    }

#endif
