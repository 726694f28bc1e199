/* flash/vchip/cpu.h - an instruction executor, narrow enough to be replaced: map, run, step, registers, stop reason.
 * Boundary: core.h above (exceptions, NVIC, debug); Unicorn below, in cpu_unicorn*.c and nowhere else.
 * Knows Thumb-2 and the FPU; knows no exception entry, no interrupts, no SysTick.  Threads: one per object. */
#ifndef VCHIP_CPU_H
#define VCHIP_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_reg {         /* DCRSR numbering where one exists: ARMv7-M ARM C1.6.3 */
               CPU_R0, /* .. CPU_R0 + 12 */
               CPU_SP = 13,
               CPU_LR,
               CPU_PC, /* address of the next instruction, bit 0 clear */
               CPU_XPSR,
               CPU_MSP,
               CPU_PSP,
               CPU_CONTROL,
               CPU_FAULTMASK,
               CPU_BASEPRI,
               CPU_PRIMASK,
               CPU_FPSCR,
               CPU_S0, /* .. CPU_S0 + 31 */
               CPU_REGS = CPU_S0 + 32
};

enum cpu_stop {
    CPU_QUOTA,         /* ran its instructions; or was asked to stop */
    CPU_BKPT,          /* PC is at the BKPT */
    CPU_SVC,           /* PC is behind the SVC */
    CPU_EXC_RETURN,    /* PC holds 0xFFFFFFFx, bit 0 clear */
    CPU_WFI,           /* WFI was executed: PC is behind it (WFE, SEV, YIELD are executed as NOP, which they may be) */
    CPU_UNDEFINED,     /* PC is at the instruction */
    CPU_FAULT_FETCH,   /* PC is the address that can't be fetched */
    CPU_FAULT_DATA,    /* PC is at the load or store; cpu_fault_address says where it went */
    CPU_BREAKPOINT,    /* PC is at an address of cpu_set_breakpoints */
    CPU_UNALIGNED,     /* PC is at a load or store that must be aligned */
    CPU_INVALID_STATE, /* PC is where it went, but the T bit is clear */
    CPU_NO_FPU         /* PC is at a floating-point instruction while cpu_set_fpu is off */
};

/* Accesses outside the mapped memories.  Return false for a bus error: the instruction then has no effect (but a multiple
 * store may have done its first words).  size is 1, 2 or 4; addresses are aligned, an unaligned access comes in parts.
 * A callback may call cpu_get, cpu_request_stop and cpu_changed; not cpu_set, cpu_run, cpu_map or cpu_unmap. */
struct cpu_bus {
    bool (*read)(void *io, uint32_t addr, unsigned size, uint32_t *value);
    bool (*write)(void *io, uint32_t addr, unsigned size, uint32_t value);
    /* A store into a region mapped with CPU_MAP_GUARDED; the executor does not change the region's bytes. */
    bool (*guarded_write)(void *io, uint32_t addr, unsigned size, uint32_t value);
    void *io;
};

enum cpu_map_kind {
    CPU_MAP_RAM,     /* plain read, write, execute */
    CPU_MAP_GUARDED, /* reads and fetches go to the memory, stores through bus.guarded_write (flash) */
};

struct cpu;

struct cpu *cpu_new(const struct cpu_bus *bus); /* NULL: out of memory or no engine */
void cpu_free(struct cpu *c);                   /* NULL is fine */

/* Map host memory at addr (whole 4 KiB pages; the core reads and writes it directly), or take it away again (the same range
 * as it was mapped).  The same host memory may appear at several addresses.  At most 16 regions; false: refused. */
bool cpu_map(struct cpu *c, uint32_t addr, uint32_t len, void *host, enum cpu_map_kind kind);
void cpu_unmap(struct cpu *c, uint32_t addr, uint32_t len);
/* Host memory changed behind the executor's back (debugger, flash programming): forget translations of that range, also
 * where the same host memory is mapped elsewhere. */
void cpu_changed(struct cpu *c, uint32_t addr, uint32_t len);

/* Banked registers are reached whatever the present mode and privilege.  Writing the exception number into CPU_XPSR or
 * SPSEL into CPU_CONTROL switches CPU_SP between MSP and PSP as the architecture says. */
uint32_t cpu_get(struct cpu *c, enum cpu_reg r);
void cpu_set(struct cpu *c, enum cpu_reg r, uint32_t value);

/* Execute at most n instructions from PC.  An IT block counts and stops as one instruction. */
enum cpu_stop cpu_run(struct cpu *c, uint32_t n);
/* From inside a bus callback: end the present cpu_run after this instruction, with CPU_QUOTA. */
void cpu_request_stop(struct cpu *c);
/* Stop before an instruction at any of these addresses (FPB); replaces the last set.  At most 16. */
void cpu_set_breakpoints(struct cpu *c, const uint32_t *addr, size_t n);
/* Floating-point instructions execute (on), or stop with CPU_NO_FPU (off, as after cpu_new). */
void cpu_set_fpu(struct cpu *c, bool on);
/* While on, cpu_run ends with CPU_QUOTA as soon as PRIMASK, BASEPRI or FAULTMASK have changed: an exception waits for them.
 * Slows execution down. */
void cpu_watch_masks(struct cpu *c, bool on);
uint32_t cpu_fault_address(const struct cpu *c);
uint64_t cpu_instructions(const struct cpu *c); /* executed since cpu_new */

#endif
