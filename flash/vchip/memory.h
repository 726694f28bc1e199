/* flash/vchip/memory.h - the memories that the core executes from: SRAM banks, and the flash array while it is open.
 * The executor reads and writes them directly; what others change is noted, and translations of it are dropped before the
 * core runs again.  Memory: SRAM belongs to struct memory, the array to silicon.  Threads: the board's. */
#ifndef VCHIP_MEMORY_H
#define VCHIP_MEMORY_H

#include <stddef.h>

#include "flash/chips/chips.h"
#include "flash/vchip/cpu.h"

enum { MEMORY_RAMS = 2 };

struct memory_range {
    uint32_t lo, hi; /* empty when equal */
};

struct memory_ram {
    uint32_t base, size; /* bytes; size 0: none */
    uint8_t *host;
    bool mapped; /* the core has it directly; else its accesses go over the bus, which may refuse */
    struct memory_range stale;
};

struct memory {
    struct cpu *cpu;
    const struct chip_desc *desc;
    struct memory_ram ram[MEMORY_RAMS];
    struct memory_range stale_flash;
    bool flash_mapped;
};

bool memory_init(struct memory *m, const struct chip_desc *desc,
                 struct cpu *cpu); /* false: out of memory; fini all the same */
void memory_fini(struct memory *m);

/* Host memory behind [addr, addr+len) when all of it is one SRAM bank, else NULL. */
uint8_t *memory_at(const struct memory *m, uint32_t addr, uint32_t len);
/* Somebody but the core has changed [addr, addr+len), in SRAM or flash. */
void memory_changed(struct memory *m, uint32_t addr, uint32_t len);
/* Drop what was noted since the last call; the core is about to run. */
void memory_refresh(struct memory *m);
/* Let the core execute from the flash array, at its own address and at 0, or take it away (array NULL). */
void memory_map_flash(struct memory *m, uint8_t *array);
/* Let the core have a bank directly, or send it over the bus.  false: out of memory. */
bool memory_map_ram(struct memory *m, size_t bank, bool open);
/* Power was off: SRAM comes up with a pattern of its own, neither zero nor what was there. */
void memory_forget(struct memory *m);
/* Fill a bank with zero (RDP regression). */
void memory_erase(struct memory *m, size_t bank);
/* How often the pattern occurs in SRAM; *first: where, untouched when nowhere. */
unsigned memory_find(const struct memory *m, const uint8_t *pattern, size_t len, uint32_t *first);

#endif
