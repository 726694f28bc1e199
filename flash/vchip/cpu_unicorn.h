/* flash/vchip/cpu_unicorn.h - private to the cpu_unicorn*.c files: the executor's state. */
#ifndef VCHIP_CPU_UNICORN_H
#define VCHIP_CPU_UNICORN_H

#include <unicorn/unicorn.h>

#include "flash/vchip/cpu.h"

enum {
    REGIONS = 16,
    BREAKPOINTS = 16,
    TRAIL = 4, /* an IT block has at most four instructions */
    PAGE = 0x1000,
    WINDOW = 0x1000000, /* bytes of bus space that are opened to the engine at once, when first touched */
    WINDOWS = 256 + 2 * REGIONS
};

struct region {
    uint32_t addr, len;
    uint8_t *host;
    enum cpu_map_kind kind;
};

struct window { /* a range without memory, handed to the bus */
    struct cpu *cpu;
    uint32_t addr;
    uint64_t end;
};

struct cpu {
    uc_engine *uc;
    struct cpu_bus bus;
    struct region region[REGIONS];
    size_t n_region;
    size_t last_region; /* of the last look at an instruction */
    struct window *window[WINDOWS];
    size_t n_window;

    /* the present run */
    uint32_t left; /* instructions that may still start */
    bool running;
    bool stopping;      /* `stop` is decided: nothing that still happens in this run counts */
    enum cpu_stop stop; /* why the hooks ended the run */
    uint32_t trail[TRAIL];
    unsigned trail_at;
    uint64_t executed;
    uint32_t last_pc;

    /* reasons to look at each instruction more closely */
    bool closely;
    uint32_t breakpoint[BREAKPOINTS];
    size_t n_breakpoint;
    bool fpu_off, watch_masks;
    uint32_t masks;

    uint32_t fault_addr;
    uint32_t saved[CPU_PC + 1]; /* registers at the data fault */
    uint64_t changed_lo, changed_hi;
};

enum { XPSR_T = 1 << 24 };

/* ---- registers ---- */
uint32_t cpu_engine_get(struct cpu *c, int uc_reg);
void cpu_engine_put(struct cpu *c, int uc_reg, uint32_t value);

/* ---- memory map ---- */

/* The halfword at addr, if there is memory. */
bool cpu_peek16(struct cpu *c, uint32_t addr, uint16_t *v);
/* The engine's UC_HOOK_MEM_INVALID. */
bool cpu_on_invalid_access(uc_engine *uc, uc_mem_type type, uint64_t addr, int size, int64_t value, void *user);
void cpu_forget_range(struct cpu *c, uint64_t from, uint64_t to);

/* ---- running ---- */

/* From a callback: the present instruction goes nowhere, because of addr. */
void cpu_data_fault(struct cpu *c, uint32_t addr);

#endif
