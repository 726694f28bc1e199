/* tests/flash/vchip/cpu_machine.h - an executor with flash (also at 0), RAM and one device register, for cpu_*test.c. Header
 * only. */
#ifndef TESTS_CPU_MACHINE_H
#define TESTS_CPU_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flash/vchip/cpu.h"

#define FLASH 0x08000000u
#define RAM 0x20000000u
#define DEVICE 0x40000000u
#define NOWHERE 0x60000000u

enum { SIZE = 0x10000, HANDLER = 3, XPSR_T = 1 << 24 };

struct access {
    uint32_t addr, value;
    unsigned size;
};

struct cpu_machine {
    struct cpu *cpu;
    uint8_t *flash, *ram;
    struct access guarded[16];
    unsigned n_guarded;
    bool refuse; /* guarded writes are bus errors */
    uint32_t reg;
    bool stop_on_write, programs;
};

static inline bool bus_read(void *io, uint32_t addr, unsigned size, uint32_t *value)
{
    struct cpu_machine *m = io;
    (void)size;
    *value = m->reg;
    return addr < NOWHERE;
}

static inline bool bus_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    struct cpu_machine *m = io;
    (void)size;
    if (addr >= NOWHERE)
        return false;
    m->reg = value;
    if (m->stop_on_write)
        cpu_request_stop(m->cpu);
    return true;
}

static inline bool guarded_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    struct cpu_machine *m = io;
    if (m->refuse)
        return false;
    if (m->n_guarded < 16)
        m->guarded[m->n_guarded++] = (struct access){ addr, value, size };
    if (m->programs) { /* as a flash controller: in its own time, behind the executor's back */
        memcpy(m->flash + (addr & (SIZE - 1)), &value, size);
        cpu_changed(m->cpu, addr, size);
    }
    return true;
}

static inline int cpu_machine_setup(void **state)
{
    struct cpu_machine *m = calloc(1, sizeof *m);
    struct cpu_bus bus = { bus_read, bus_write, guarded_write, m };
    assert_non_null(m);
    m->flash = aligned_alloc(4096, SIZE);
    m->ram = aligned_alloc(4096, SIZE);
    m->cpu = cpu_new(&bus);
    assert_non_null(m->flash);
    assert_non_null(m->ram);
    assert_non_null(m->cpu);
    memset(m->flash, 0xff, SIZE);
    memset(m->ram, 0, SIZE);
    assert_true(cpu_map(m->cpu, FLASH, SIZE, m->flash, CPU_MAP_GUARDED));
    assert_true(cpu_map(m->cpu, 0, SIZE, m->flash, CPU_MAP_GUARDED));
    assert_true(cpu_map(m->cpu, RAM, SIZE, m->ram, CPU_MAP_RAM));
    cpu_set(m->cpu, CPU_SP, RAM + 0x8000);
    *state = m;
    return 0;
}

static inline int cpu_machine_teardown(void **state)
{
    struct cpu_machine *m = *state;
    cpu_free(m->cpu);
    free(m->flash);
    free(m->ram);
    free(m);
    return 0;
}

/* Put a program at addr (flash or RAM) as a debugger would, and go there. */
static inline void cpu_machine_load(struct cpu_machine *m, uint32_t addr, const uint16_t *code, size_t bytes)
{
    uint8_t *host = addr >= RAM ? m->ram + (addr - RAM) : m->flash + (addr & (SIZE - 1));
    memcpy(host, code, bytes);
    cpu_changed(m->cpu, addr, (uint32_t)bytes);
    cpu_set(m->cpu, CPU_PC, addr);
}

static inline void assert_reg(struct cpu_machine *m, enum cpu_reg r, uint32_t want)
{
    assert_int_equal(cpu_get(m->cpu, r), want);
}

#define LOAD(m, addr, code) cpu_machine_load(m, addr, code, sizeof code)

#endif
