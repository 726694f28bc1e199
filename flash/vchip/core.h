/* flash/vchip/core.h - a Cortex-M4 as software and debugger see it: exceptions, NVIC, SysTick, System Control Space, FPB,
 * DWT, on top of cpu.h.  Boundary: the board (bus, clock) below and around it; the MEM-AP reaches its registers through
 * core_ppb_*. Source: ARMv7-M Architecture Reference Manual (DDI 0403E), B1.5 exceptions, B3 SCS, C1 debug. */
#ifndef VCHIP_CORE_H
#define VCHIP_CORE_H

#include "flash/vchip/cpu.h"
#include "flash/vchip/silicon.h"

struct core_port {
    uint64_t (*now_ns)(void *io);                             /* SysTick and sleeping run on this clock */
    uint32_t (*core_hz)(void *io);                            /* HCLK */
    bool (*read32)(void *io, uint32_t addr, uint32_t *value); /* vectors and stacking, as the core */
    bool (*write32)(void *io, uint32_t addr, uint32_t value);
    void (*sysresetreq)(void *io);   /* AIRCR.SYSRESETREQ: the board resets the system and calls core_reset */
    void (*debug_enabled)(void *io); /* DHCSR.C_DEBUGEN went to 1 */
    void *io;
    uint16_t rom_part; /* part number in the ROM table's peripheral ID: ST puts DEV_ID there */
};

enum core_state {
    CORE_RUNNING,
    CORE_SLEEPING, /* WFI: nothing to do until core_wake_ns or an interrupt */
    CORE_HALTED,   /* debug state */
    CORE_LOCKUP
};

struct core;

struct core *core_new(struct cpu *cpu, const struct core_port *port); /* NULL: out of memory; keeps cpu, copies *port */
void core_free(struct core *c);                                       /* NULL is fine; cpu stays */

/* Power-on (debug registers cleared too) or system reset (DHCSR.C_DEBUGEN, DEMCR, FPB, DWT kept; S_RESET_ST set).  Loads SP
 * and PC from address 0; halts there when DEMCR.VC_CORERESET and C_DEBUGEN are set.  From inside a bus callback of core_run
 * it is put off to the end of the instruction; so is core_port.sysresetreq, which is never called from inside cpu_run. */
void core_reset(struct core *c, bool power_on);

/* Run at most n instructions, taking exceptions as they come.  Halted, sleeping or locked up: returns at once (a sleeping
 * core wakes first when it is time). */
enum core_state core_run(struct core *c, uint32_t n);
/* From inside a bus callback: end the present core_run after this instruction (power is gone, the flash is busy). */
void core_request_stop(struct core *c);
enum core_state core_state(const struct core *c);
/* Sleeping: the time at which SysTick will wake the core, UINT64_MAX if nothing will. */
uint64_t core_wake_ns(const struct core *c);

void core_irq(struct core *c, unsigned irqn, bool level); /* external interrupt line */
void core_nmi(struct core *c);

/* Private peripheral bus, 0xE0000000..0xE00FFFFF but for DBGMCU (0xE0042000), which the board answers.  ROM table, ITM, TPIU
 * included.  Accesses are aligned, of 1, 2 or 4 bytes.  Absent components and accesses by unprivileged code: BUS_FAULT. */
enum bus_status core_ppb_read(struct core *c, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value);
enum bus_status core_ppb_write(struct core *c, enum bus_master m, uint32_t addr, unsigned size, uint32_t value);

#endif
