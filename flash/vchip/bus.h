/* flash/vchip/bus.h - who answers at which address, for each of the three masters (core in flash, core in RAM, debugger).
 * Boundary: masters above; RAM, silicon, core (PPB), peripherals below.  What readout protection refuses is decided in
 * silicon.h; here it is only routed, so that no master has a way around.
 * Source: memory maps RM0351 rev 9 s. 2.2, RM0090 rev 19 s. 2.3; boot from flash aliases it at address 0. */
#ifndef VCHIP_BUS_H
#define VCHIP_BUS_H

#include "flash/vchip/core.h"
#include "flash/vchip/memory.h"
#include "flash/vchip/periph.h"

enum { DBGMCU_WORDS = 4 };

struct bus { /* filled by the board; bus.c owns none of it */
    const struct chip_desc *desc;
    struct silicon *silicon;
    struct core *core;
    struct periph *periph;
    struct memory *memory;
    uint32_t dbgmcu[DBGMCU_WORDS]; /* IDCODE, CR, APB1_FZ, APB2_FZ; cleared at power-on only */
};

/* One access of 1, 2 or 4 bytes, aligned to its size except in RAM; values little-endian in the low bits.
 * BUS_FAULT: nothing there, refused, or across a border; nothing was written. */
enum bus_status bus_read(struct bus *b, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value);
enum bus_status bus_write(struct bus *b, enum bus_master m, uint32_t addr, unsigned size, uint32_t value);

/* Which master the core is, executing at pc. */
enum bus_master bus_core_master(const struct bus *b, uint32_t pc);

#endif
