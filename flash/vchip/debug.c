/* flash/vchip/debug.c - C1.6: halting debug: DHCSR, DCRSR, DCRDR, DEMCR, single step, vector catch. */
#include "flash/vchip/core_impl.h"

enum { DHCSR = 0xdf0, DCRSR = 0xdf4, DCRDR = 0xdf8, DEMCR = 0xdfc };

enum {
    S_REGRDY = 1 << 16,
    S_HALT = 1 << 17,
    S_SLEEP = 1 << 18,
    S_LOCKUP = 1 << 19,
    S_RETIRE_ST = 1 << 24,
    S_RESET_ST = 1 << 25,
    C_BITS = DHCSR_C_DEBUGEN | DHCSR_C_HALT | DHCSR_C_STEP | DHCSR_C_MASKINTS | DHCSR_C_SNAPSTALL
};

void debug_reset(struct core *c, bool power_on)
{
    c->reset_st = true;
    c->halted = false;
    if (power_on) {
        c->dhcsr = c->demcr = c->dcrdr = c->dfsr = 0;
    } else {
        c->dhcsr &= ~(uint32_t)(DHCSR_C_HALT | DHCSR_C_STEP);
    }
}

static bool debugging(const struct core *c)
{
    return (c->dhcsr & DHCSR_C_DEBUGEN) != 0;
}

void debug_halt(struct core *c, uint32_t dfsr)
{
    systick_sync(c);
    c->dfsr |= dfsr;
    c->dhcsr |= DHCSR_C_HALT;
    c->halted = true;
    c->sleeping = c->lockup = false;
    if (c->running)
        cpu_request_stop(c->cpu);
}

bool debug_masks(const struct core *c, unsigned n)
{
    return n >= EXC_PENDSV && (c->dhcsr & (DHCSR_C_DEBUGEN | DHCSR_C_MASKINTS)) == (DHCSR_C_DEBUGEN | DHCSR_C_MASKINTS);
}

/* DEMCR bits by the fault that was taken (C1.6.5). */
void debug_exception_taken(struct core *c, unsigned n)
{
    static const struct {
        uint32_t vc, exception, cfsr; /* cfsr 0: whatever it says */
    } catch[] = {
        { 1 << 4, EXC_MEMMANAGE, 0 },
        { 1 << 5, EXC_USAGEFAULT, CFSR_NOCP },
        { 1 << 6, EXC_USAGEFAULT, CFSR_UNALIGNED },
        { 1 << 7, EXC_USAGEFAULT, CFSR_UNDEFINSTR | CFSR_INVSTATE | CFSR_INVPC },
        { 1 << 8, EXC_BUSFAULT, 0 },
        { DEMCR_VC_HARDERR, EXC_HARDFAULT, 0 },
    };
    for (size_t i = 0; debugging(c) && i < sizeof catch / sizeof *catch; i++)
        if ((c->demcr & catch[i].vc) != 0 && n == catch[i].exception &&
            (catch[i].cfsr == 0 || (c->cfsr & catch[i].cfsr) != 0))
            debug_halt(c, DFSR_VCATCH);
}

/* One instruction, or the entry into one exception. */
static void step(struct core *c)
{
    c->halted = false;
    systick_resume(c);
    if (!exc_take_pending(c))
        core_run_slice(c, 1);
    if (!c->halted)
        debug_halt(c, DFSR_HALTED);
}

static void control(struct core *c, enum bus_master m, uint32_t v)
{
    bool was = debugging(c);
    if (v >> 16 != 0xa05f)
        return;
    v &= C_BITS;
    if (m != BUS_DEBUG) /* only the debugger may enable debugging, and without it there is nothing to control */
        v = was ? v | DHCSR_C_DEBUGEN : 0;
    c->dhcsr = (v & DHCSR_C_DEBUGEN) != 0 ? v : 0;
    if (!was && debugging(c) && c->port.debug_enabled != NULL)
        c->port.debug_enabled(c->port.io);
    debug_update_breakpoints(c);
    if ((c->dhcsr & DHCSR_C_HALT) != 0) {
        if (!c->halted)
            debug_halt(c, DFSR_HALTED);
    } else if (c->halted && (c->dhcsr & DHCSR_C_STEP) != 0) {
        step(c);
    } else if (c->halted) {
        c->halted = false;
        systick_resume(c);
    }
}

static uint32_t status(struct core *c, enum bus_master m)
{
    uint64_t executed = cpu_instructions(c->cpu);
    uint32_t v = c->dhcsr | S_REGRDY | (c->halted ? S_HALT : 0u) | (c->sleeping ? S_SLEEP : 0u) |
                 (c->lockup ? S_LOCKUP : 0u) | (executed != c->retired ? S_RETIRE_ST : 0u) | (c->reset_st ? S_RESET_ST : 0u);
    if (m == BUS_DEBUG) {
        c->retired = executed;
        c->reset_st = false;
    }
    return v;
}

enum { SEL_SPECIAL = 20, SEL_FPSCR = 0x21, SEL_S0 = 0x40 };

/* REGSEL of one whole register; false: none, or the packed special ones. */
static bool selected(uint32_t sel, enum cpu_reg *r)
{
    if (sel <= CPU_PSP)
        *r = (enum cpu_reg)sel;
    else if (sel == SEL_FPSCR)
        *r = CPU_FPSCR;
    else if (sel >= SEL_S0 && sel < SEL_S0 + 32)
        *r = (enum cpu_reg)(CPU_S0 + (sel - SEL_S0));
    else
        return false;
    return true;
}

static void transfer_special(struct core *c, bool write)
{
    static const enum cpu_reg byte[4] = { CPU_PRIMASK, CPU_BASEPRI, CPU_FAULTMASK, CPU_CONTROL };
    static const uint8_t valid[4] = { 1, 0xf0, 1, 7 };
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (write)
            cpu_set(c->cpu, byte[i], c->dcrdr >> 8 * i & valid[i]);
        v |= (cpu_get(c->cpu, byte[i]) & valid[i]) << 8 * i;
    }
    c->dcrdr = v;
}

static void transfer(struct core *c, uint32_t v)
{
    bool write = (v >> 16 & 1) != 0;
    enum cpu_reg r;
    if (!c->halted)
        return;
    if ((v & 0x7f) == SEL_SPECIAL)
        transfer_special(c, write);
    else if (selected(v & 0x7f, &r) && write)
        cpu_set(c->cpu, r, c->dcrdr);
    else if (selected(v & 0x7f, &r))
        c->dcrdr = cpu_get(c->cpu, r);
}

uint32_t debug_read(struct core *c, enum bus_master m, uint32_t off)
{
    switch (off) {
    case DHCSR:
        return status(c, m);
    case DCRDR:
        return c->dcrdr;
    case DEMCR:
        return c->demcr | (uint32_t)exc_in(c->pending, EXC_DEBUGMON) << 17;
    default:
        return 0;
    }
}

void debug_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    (void)mask;
    switch (off) {
    case DHCSR:
        control(c, m, value);
        break;
    case DCRSR:
        transfer(c, value);
        break;
    case DCRDR:
        c->dcrdr = value;
        break;
    case DEMCR:
        c->demcr = value & 0x010d07f1;
        exc_pend(c, EXC_DEBUGMON, (value >> 17 & 1) != 0);
        break;
    default:
        break;
    }
}
