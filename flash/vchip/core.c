/* flash/vchip/core.c - the core as a whole: reset, running, sleeping, and the private peripheral bus. */
#include "flash/vchip/core_impl.h"

#include <stdlib.h>
#include <string.h>

enum { SLICE = 4000 /* instructions between looks at the clock: less than 0.2 ms */ };

struct core *core_new(struct cpu *cpu, const struct core_port *port)
{
    struct core *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->cpu = cpu;
    c->port = *port;
    exc_reset(c);
    scs_reset(c);
    fpb_dwt_reset(c);
    c->lockup = true; /* until its first reset */
    return c;
}

void core_free(struct core *c)
{
    free(c);
}

/* ---- reset: B1.5.5 ---- */

static void reset_registers(struct core *c, bool power_on)
{
    static const enum cpu_reg zero[] = { CPU_CONTROL, CPU_FAULTMASK, CPU_BASEPRI, CPU_PRIMASK, CPU_PSP };
    cpu_set(c->cpu, CPU_XPSR, XPSR_T);
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
        cpu_set(c->cpu, zero[i], 0);
    for (unsigned r = CPU_R0; power_on && r < CPU_SP; r++)
        cpu_set(c->cpu, (enum cpu_reg)r, 0);
    cpu_set(c->cpu, CPU_LR, 0xffffffff);
}

void core_reset(struct core *c, bool power_on)
{
    uint32_t sp, pc;
    if (c->running) {
        c->reset_put_off = true;
        c->reset_power = c->reset_power || power_on;
        cpu_request_stop(c->cpu);
        return;
    }
    c->sleeping = c->lockup = false;
    debug_reset(c, power_on);
    exc_reset(c);
    scs_reset(c);
    systick_reset(c);
    if (power_on)
        fpb_dwt_reset(c);
    reset_registers(c, power_on);
    if (!c->port.read32(c->port.io, 0, &sp) || !c->port.read32(c->port.io, 4, &pc)) {
        c->hfsr |= HFSR_VECTTBL;
        exc_lockup(c);
        return;
    }
    cpu_set(c->cpu, CPU_SP, sp);
    cpu_set(c->cpu, CPU_PC, pc);
    cpu_set(c->cpu, CPU_XPSR, (pc & 1) != 0 ? XPSR_T : 0);
    if ((c->demcr & DEMCR_VC_CORERESET) != 0 && (c->dhcsr & DHCSR_C_DEBUGEN) != 0)
        debug_halt(c, DFSR_VCATCH);
}

void core_request_reset(struct core *c)
{
    if (c->running) {
        c->reset_requested = true;
        cpu_request_stop(c->cpu);
    } else {
        c->port.sysresetreq(c->port.io);
    }
}

static void do_put_off_resets(struct core *c)
{
    bool requested = c->reset_requested, put_off = c->reset_put_off, power = c->reset_power;
    c->reset_requested = c->reset_put_off = c->reset_power = false;
    if (put_off)
        core_reset(c, power);
    if (requested)
        c->port.sysresetreq(c->port.io);
}

/* ---- running ---- */

static void breakpoint(struct core *c, bool instruction)
{
    if ((c->dhcsr & DHCSR_C_DEBUGEN) != 0) {
        debug_halt(c, DFSR_BKPT);
        return;
    }
    if (!instruction)
        return;
    c->dfsr |= DFSR_BKPT;
    if ((c->demcr & DEMCR_MON_EN) != 0 && exc_would_preempt(c, EXC_DEBUGMON, false)) {
        exc_raise(c, EXC_DEBUGMON);
        return;
    }
    c->hfsr |= HFSR_DEBUGEVT;
    exc_raise(c, EXC_HARDFAULT);
}

/* Device memory and the system space are never executed (B3.1): a MemManage fault even without an MPU. */
static void fetch_fault(struct core *c)
{
    uint32_t pc = cpu_get(c->cpu, CPU_PC);
    bool execute_never = (pc >= 0x40000000 && pc < 0x60000000) || pc >= 0xa0000000;
    c->cfsr |= execute_never ? CFSR_IACCVIOL : CFSR_IBUSERR;
    exc_raise(c, execute_never ? EXC_MEMMANAGE : EXC_BUSFAULT);
}

static void usage_fault(struct core *c, uint32_t cfsr)
{
    c->cfsr |= cfsr;
    exc_raise(c, EXC_USAGEFAULT);
}

static void data_fault(struct core *c)
{
    c->cfsr |= CFSR_PRECISERR | CFSR_BFARVALID;
    c->bfar = cpu_fault_address(c->cpu);
    exc_raise(c, EXC_BUSFAULT);
}

static void act_on(struct core *c, enum cpu_stop stop)
{
    switch (stop) {
    case CPU_QUOTA:
        break;
    case CPU_BKPT:
        breakpoint(c, true);
        break;
    case CPU_BREAKPOINT:
        breakpoint(c, false);
        break;
    case CPU_SVC:
        exc_raise(c, EXC_SVCALL);
        break;
    case CPU_EXC_RETURN:
        exc_return(c, cpu_get(c->cpu, CPU_PC) | 1);
        break;
    case CPU_WFI:
        c->sleeping = true;
        break;
    case CPU_UNDEFINED:
        usage_fault(c, CFSR_UNDEFINSTR);
        break;
    case CPU_UNALIGNED:
        usage_fault(c, CFSR_UNALIGNED);
        break;
    case CPU_INVALID_STATE:
        usage_fault(c, CFSR_INVSTATE);
        break;
    case CPU_NO_FPU:
        usage_fault(c, CFSR_NOCP);
        break;
    case CPU_FAULT_FETCH:
        fetch_fault(c);
        break;
    case CPU_FAULT_DATA:
        data_fault(c);
        break;
    }
}

/* Only then can the next instruction let a pending exception in. */
static bool masks_hold_something_back(struct core *c)
{
    return exc_highest_pending(c) != 0 &&
           (cpu_get(c->cpu, CPU_PRIMASK) | cpu_get(c->cpu, CPU_FAULTMASK) | cpu_get(c->cpu, CPU_BASEPRI)) != 0;
}

void core_run_slice(struct core *c, uint32_t n)
{
    enum cpu_stop stop;
    cpu_watch_masks(c->cpu, masks_hold_something_back(c));
    c->running = true;
    stop = cpu_run(c->cpu, n);
    c->running = false;
    if (!c->reset_put_off && !c->halted)
        act_on(c, stop);
    if (c->reset_put_off || c->reset_requested)
        do_put_off_resets(c);
}

/* A sleeping core wakes for any exception that would preempt it, were PRIMASK 0. */
static void wake(struct core *c)
{
    if (c->sleeping && exc_next(c, true) != 0)
        c->sleeping = false;
}

enum core_state core_state(const struct core *c)
{
    if (c->halted)
        return CORE_HALTED;
    if (c->lockup)
        return CORE_LOCKUP;
    return c->sleeping ? CORE_SLEEPING : CORE_RUNNING;
}

enum core_state core_run(struct core *c, uint32_t n)
{
    uint64_t begin = cpu_instructions(c->cpu);
    c->stop_requested = false;
    while (n > 0 && !c->stop_requested) {
        uint64_t done;
        systick_sync(c);
        wake(c);
        if (core_state(c) != CORE_RUNNING)
            break;
        if (exc_take_pending(c))
            continue;
        core_run_slice(c, n < SLICE ? n : SLICE);
        done = cpu_instructions(c->cpu) - begin;
        begin += done;
        if (done == 0)
            done = 1; /* a fault or a breakpoint takes its turn as well */
        n -= done < n ? (uint32_t)done : n;
    }
    return core_state(c);
}

void core_request_stop(struct core *c)
{
    c->stop_requested = true;
    cpu_request_stop(c->cpu);
}

uint64_t core_wake_ns(const struct core *c)
{
    struct core *self = (struct core *)(uintptr_t)c; /* looking counts the timer up to now */
    if (!c->sleeping)
        return UINT64_MAX;
    systick_sync(self);
    if (exc_next(self, true) != 0)
        return c->port.now_ns(c->port.io);
    return exc_would_preempt(self, EXC_SYSTICK, true) ? systick_due_ns(self) : UINT64_MAX;
}

/* ---- private peripheral bus ---- */

static const struct ppb_block {
    uint32_t base;
    uint32_t (*read)(struct core *c, enum bus_master m, uint32_t off);
    void (*write)(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask); /* NULL: read-only */
} ppb[] = {
    { 0xe0000000, itm_read, itm_write }, { 0xe0001000, dwt_read, dwt_write },   { 0xe0002000, fpb_read, fpb_write },
    { 0xe000e000, scs_read, scs_write }, { 0xe0040000, tpiu_read, tpiu_write }, { 0xe0041000, etm_read, NULL },
    { 0xe00ff000, romtable_read, NULL },
};

static const struct ppb_block *block_at(struct core *c, enum bus_master m, uint32_t addr)
{
    bool stir = addr == 0xe000ef00 && (c->ccr & CCR_USERSETMPEND) != 0;
    bool user = (cpu_get(c->cpu, CPU_XPSR) & XPSR_IPSR) == 0 && (cpu_get(c->cpu, CPU_CONTROL) & CONTROL_NPRIV) != 0;
    if (m != BUS_DEBUG && user && !stir)
        return NULL;
    for (size_t i = 0; i < sizeof ppb / sizeof *ppb; i++)
        if (addr >> 12 == ppb[i].base >> 12)
            return &ppb[i];
    return NULL;
}

static uint32_t lanes(unsigned size)
{
    return size == 4 ? 0xffffffff : (1u << 8 * size) - 1;
}

enum bus_status core_ppb_read(struct core *c, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value)
{
    const struct ppb_block *b = block_at(c, m, addr);
    if (b == NULL)
        return BUS_FAULT;
    *value = b->read(c, m, addr & 0xffc) >> 8 * (addr & 3) & lanes(size);
    return BUS_OK;
}

enum bus_status core_ppb_write(struct core *c, enum bus_master m, uint32_t addr, unsigned size, uint32_t value)
{
    const struct ppb_block *b = block_at(c, m, addr);
    uint32_t mask = lanes(size) << 8 * (addr & 3);
    if (b == NULL)
        return BUS_FAULT;
    if (b->write != NULL)
        b->write(c, m, addr & 0xffc, value << 8 * (addr & 3) & mask, mask);
    return BUS_OK;
}
