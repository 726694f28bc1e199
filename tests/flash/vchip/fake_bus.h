/* tests/flash/vchip/fake_bus.h - what stands behind the debug port in its tests: some RAM, the core's id page and the ROM
 * table's page, and a bus that can be made to stall, fail, or lose its power.  Header only, so that a test stays one file.
 */
#ifndef TESTS_FAKE_BUS_H
#define TESTS_FAKE_BUS_H

#include <string.h>

#include "flash/vchip/jtag.h"

struct fake_bus {
    struct fake_page {
        uint32_t base, size;
        uint8_t *bytes;
    } page[3];
    uint8_t ram[64 * 1024], scs[4096], rom[4096];
    unsigned stall;           /* accesses still to be answered with BUS_WAIT */
    unsigned stall_every;     /* every so many accesses ... (0: never) */
    unsigned stall_for;       /* ... answer BUS_WAIT so often first */
    uint32_t stuck_at;        /* accesses to this address never finish; 0 = none */
    bool stalled;             /* the access under way has had its stall_for */
    unsigned accesses;        /* that happened, refused ones not counted */
    unsigned units;           /* sizes of all accesses, or-ed: 1, 2, 4 */
    bool absent;              /* no part on the pins */
    unsigned gone_after;      /* TCK edges until the part goes; 0 = stays */
    unsigned clocks;          /* TCK edges seen through the port */
    void (*on_clock)(void *); /* called at each edge */
    void *on_clock_io;
    unsigned resets; /* times nRST went active */
    bool nrst_active;
};

static inline void fake_bus_init(struct fake_bus *b)
{
    static const struct {
        unsigned at;
        uint8_t value;
    } rom_id[] = { { 0xFF0, 0x0D }, { 0xFF4, 0x10 }, { 0xFF8, 0x05 }, { 0xFFC, 0xB1 } }; /* class 1: ROM table, no entries */
    static const uint8_t cpuid[] = { 0x41, 0xC2, 0x0F, 0x41 };                           /* 0x410FC241, Cortex-M4 r0p1 */

    memset(b, 0, sizeof *b);
    b->page[0] = (struct fake_page){ 0x20000000, sizeof b->ram, b->ram };
    b->page[1] = (struct fake_page){ 0xE000E000, sizeof b->scs, b->scs };
    b->page[2] = (struct fake_page){ 0xE00FF000, sizeof b->rom, b->rom };
    memcpy(b->scs + 0xD00, cpuid, sizeof cpuid);
    for (size_t i = 0; i < sizeof rom_id / sizeof *rom_id; i++)
        b->rom[rom_id[i].at] = rom_id[i].value;
}

/* The byte at addr; NULL: bus error. */
static inline uint8_t *fake_bus_at(struct fake_bus *b, uint32_t addr, unsigned size)
{
    for (size_t i = 0; i < 3; i++)
        if (addr - b->page[i].base < b->page[i].size)
            return addr % size == 0 ? b->page[i].bytes + (addr - b->page[i].base) : NULL;
    return NULL;
}

static inline enum bus_status fake_bus_access(struct fake_bus *b, uint32_t addr, unsigned size, uint8_t **at)
{
    if (b->stall_every > 0 && (b->accesses + 1) % b->stall_every == 0 && !b->stalled) {
        b->stall = b->stall_for;
        b->stalled = true;
    }
    if (b->stall > 0 || (b->stuck_at != 0 && b->stuck_at == addr)) {
        b->stall -= b->stall > 0;
        return BUS_WAIT;
    }
    b->stalled = false;
    b->accesses++;
    b->units |= size;
    *at = fake_bus_at(b, addr, size);
    return *at != NULL ? BUS_OK : BUS_FAULT;
}

static inline enum bus_status fake_bus_read(void *io, uint32_t addr, unsigned size, uint32_t *value)
{
    uint8_t *at = NULL;
    enum bus_status st = fake_bus_access(io, addr, size, &at);

    if (st == BUS_OK)
        for (*value = 0; size-- > 0;)
            *value = *value << 8 | at[size];
    return st;
}

static inline enum bus_status fake_bus_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    uint8_t *at = NULL;
    enum bus_status st = fake_bus_access(io, addr, size, &at);

    if (st == BUS_OK)
        for (unsigned i = 0; i < size; i++)
            at[i] = (uint8_t)(value >> 8 * i);
    return st;
}

static inline bool fake_bus_present(void *io)
{
    const struct fake_bus *b = io;

    return !b->absent;
}

static inline void fake_bus_reset(void *io, bool srst)
{
    struct fake_bus *b = io;

    b->resets += srst;
    b->nrst_active = srst;
}

static inline void fake_bus_clock(void *io)
{
    struct fake_bus *b = io;

    b->clocks++;
    if (b->gone_after > 0 && --b->gone_after == 0)
        b->absent = true;
    if (b->on_clock != NULL)
        b->on_clock(b->on_clock_io);
}

static inline struct jtag_port fake_bus_port(struct fake_bus *b)
{
    return (struct jtag_port){ .read = fake_bus_read,
                               .write = fake_bus_write,
                               .present = fake_bus_present,
                               .reset = fake_bus_reset,
                               .clock = fake_bus_clock,
                               .io = b };
}

#endif
