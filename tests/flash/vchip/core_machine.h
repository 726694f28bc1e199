/* tests/flash/vchip/core_machine.h - the least board that a core runs on: flash, RAM, one device, a clock that counts
 * instructions (one cycle each).  For core_test.c, systick_test.c, fault_test.c, debug_test.c.  Header only. */
#ifndef TESTS_CORE_MACHINE_H
#define TESTS_CORE_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flash/vchip/core_impl.h"

#define FLASH 0x08000000u
#define RAM 0x20000000u
#define STACK 0x20008000u
#define CODE (FLASH + 0x200)
#define HZ 16000000u

#define DHCSR 0xe000edf0u
#define DCRSR 0xe000edf4u
#define DCRDR 0xe000edf8u
#define DEMCR 0xe000edfcu
#define SCB_SHCSR 0xe000ed24u
#define SCB_CFSR 0xe000ed28u
#define SCB_HFSR 0xe000ed2cu
#define SCB_DFSR 0xe000ed30u
#define SCB_BFAR 0xe000ed38u
#define DBGKEY 0xa05f0000u

enum { S_HALT = 1 << 17, S_SLEEP = 1 << 18, S_LOCKUP = 1 << 19, S_RETIRE_ST = 1 << 24, S_RESET_ST = 1 << 25 };
enum { MACHINE_MEM = 0x10000 };

struct machine {
    struct cpu *cpu;
    struct core *core;
    uint8_t *flash, *ram;
    uint64_t slept_ns; /* time that passed without instructions */
    unsigned resets, attached;
};

static inline uint8_t *memory(struct machine *m, uint32_t addr)
{
    if (addr < MACHINE_MEM || addr - FLASH < MACHINE_MEM)
        return m->flash + (addr & (MACHINE_MEM - 1));
    return addr - RAM < MACHINE_MEM ? m->ram + (addr - RAM) : NULL;
}

static inline bool bus_read(void *io, uint32_t addr, unsigned size, uint32_t *value)
{
    struct machine *m = io;
    if (addr >= 0xe0000000)
        return core_ppb_read(m->core, BUS_CPU_FLASH, addr, size, value) == BUS_OK;
    return addr >= 0x40000000 && addr < 0x40001000;
}

/* The device: a write lowers interrupt 95. */
static inline bool bus_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    struct machine *m = io;
    if (addr >= 0xe0000000)
        return core_ppb_write(m->core, BUS_CPU_FLASH, addr, size, value) == BUS_OK;
    if (addr < 0x40000000 || addr >= 0x40001000)
        return false;
    core_irq(m->core, 95, false);
    return true;
}

static inline bool guarded_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    (void)io;
    (void)addr;
    (void)size;
    (void)value;
    return false;
}

static inline uint64_t machine_now(const struct machine *m)
{
    return m->slept_ns + cpu_instructions(m->cpu) * 1000000000 / HZ;
}

static inline uint64_t now_ns(void *io)
{
    return machine_now(io);
}

static inline uint32_t core_hz(void *io)
{
    (void)io;
    return HZ;
}

static inline bool read32(void *io, uint32_t addr, uint32_t *value)
{
    const uint8_t *p = memory(io, addr);
    if (p != NULL)
        memcpy(value, p, sizeof *value);
    return p != NULL;
}

static inline bool write32(void *io, uint32_t addr, uint32_t value)
{
    uint8_t *p = memory(io, addr);
    if (p != NULL)
        memcpy(p, &value, sizeof value);
    return p != NULL;
}

static inline void sysresetreq(void *io)
{
    struct machine *m = io;
    m->resets++;
    core_reset(m->core, false);
}

static inline void debug_enabled(void *io)
{
    struct machine *m = io;
    m->attached++;
}

static inline int machine_setup(void **state)
{
    struct machine *m = calloc(1, sizeof *m);
    struct cpu_bus bus = { bus_read, bus_write, guarded_write, m };
    struct core_port port = { now_ns, core_hz, read32, write32, sysresetreq, debug_enabled, m, 0x415 };
    assert_non_null(m);
    m->flash = aligned_alloc(4096, MACHINE_MEM);
    m->ram = aligned_alloc(4096, MACHINE_MEM);
    assert_non_null(m->flash);
    assert_non_null(m->ram);
    memset(m->flash, 0xff, MACHINE_MEM);
    memset(m->ram, 0, MACHINE_MEM);
    m->cpu = cpu_new(&bus);
    assert_non_null(m->cpu);
    assert_true(cpu_map(m->cpu, 0, MACHINE_MEM, m->flash, CPU_MAP_GUARDED));
    assert_true(cpu_map(m->cpu, FLASH, MACHINE_MEM, m->flash, CPU_MAP_GUARDED));
    assert_true(cpu_map(m->cpu, RAM, MACHINE_MEM, m->ram, CPU_MAP_RAM));
    m->core = core_new(m->cpu, &port);
    assert_non_null(m->core);
    *state = m;
    return 0;
}

static inline int machine_teardown(void **state)
{
    struct machine *m = *state;
    core_free(m->core);
    cpu_free(m->cpu);
    free(m->flash);
    free(m->ram);
    free(m);
    return 0;
}

static inline uint32_t machine_ram(const struct machine *m, uint32_t off)
{
    uint32_t v;
    memcpy(&v, m->ram + off, sizeof v);
    return v;
}

static inline void machine_vector(struct machine *m, unsigned exception, uint32_t code_offset)
{
    uint32_t v = CODE + code_offset + 1;
    memcpy(m->flash + 4 * (size_t)exception, &v, sizeof v);
}

/* Blank RAM, this program at CODE, reset vector to it; the other vectors stay. */
static inline void machine_load(struct machine *m, const uint16_t *code, size_t bytes)
{
    uint32_t sp = STACK;
    memset(m->ram, 0, MACHINE_MEM);
    memcpy(m->flash, &sp, sizeof sp);
    machine_vector(m, 1, 0);
    memcpy(m->flash + (CODE - FLASH), code, bytes);
    cpu_changed(m->cpu, CODE, (uint32_t)bytes);
    cpu_changed(m->cpu, RAM, MACHINE_MEM);
}

/* As the debugger. */
static inline uint32_t machine_peek(struct machine *m, uint32_t addr)
{
    uint32_t v = 0;
    assert_int_equal(core_ppb_read(m->core, BUS_DEBUG, addr, 4, &v), BUS_OK);
    return v;
}

static inline void machine_poke(struct machine *m, uint32_t addr, uint32_t value)
{
    assert_int_equal(core_ppb_write(m->core, BUS_DEBUG, addr, 4, value), BUS_OK);
}

/* C_DEBUGEN, running */
static inline void machine_debug(struct machine *m)
{
    machine_poke(m, DHCSR, DBGKEY | DHCSR_C_DEBUGEN);
}

#endif
