/* flash/vchip/exception.c - B1.5: priorities, exception entry and return, escalation, lockup. */
#include "flash/vchip/core_impl.h"

#include <string.h>

enum { LOWEST = 256, FRAME = 0x20, FP_FRAME = 0x68, FP_REGS = 16 };

#define LOCKUP_PC 0xfffffffeu
#define EXC_RETURN_HANDLER 0xfffffff1u
#define EXC_RETURN_MSP 0xfffffff9u
#define EXC_RETURN_PSP 0xfffffffdu
#define EXC_RETURN_BASIC 0x10u /* bit 4: the frame has no FP registers */

void exc_reset(struct core *c)
{
    memset(c->pending, 0, sizeof c->pending);
    memset(c->active, 0, sizeof c->active);
    memset(c->enabled, 0, sizeof c->enabled);
    memset(c->priority, 0, sizeof c->priority);
    for (unsigned n = EXC_NMI; n < EXC_IRQ0; n++)
        exc_put(c->enabled, n, n < EXC_MEMMANAGE || n > EXC_USAGEFAULT);
    for (unsigned i = 0; i < EXC_IRQS; i++)
        exc_put(c->pending, EXC_IRQ0 + i, c->level[i]);
}

void exc_pend(struct core *c, unsigned n, bool on)
{
    exc_put(c->pending, n, on);
    if (on && c->running)
        cpu_request_stop(c->cpu);
}

/* ---- priorities: B1.5.4 ---- */

static int group(const struct core *c, uint32_t priority)
{
    return (int)(priority & ~((2u << c->prigroup) - 1));
}

static int group_priority(const struct core *c, unsigned n)
{
    if (n == EXC_NMI || n == EXC_HARDFAULT)
        return n == EXC_NMI ? -2 : -1;
    return group(c, c->priority[n]);
}

static int active_priority(const struct core *c)
{
    int best = LOWEST;
    for (unsigned w = 0; w < EXC_WORDS; w++)
        for (uint32_t bits = c->active[w]; bits != 0; bits &= bits - 1) {
            int p = group_priority(c, w * 32 + (unsigned)__builtin_ctz(bits));
            if (p < best)
                best = p;
        }
    return best;
}

static int execution_priority(struct core *c, bool unmasked)
{
    int p = active_priority(c);
    uint32_t basepri = cpu_get(c->cpu, CPU_BASEPRI) & 0xf0;
    if (basepri != 0 && group(c, basepri) < p)
        p = group(c, basepri);
    if (!unmasked && cpu_get(c->cpu, CPU_PRIMASK) != 0 && p > 0)
        p = 0;
    if (cpu_get(c->cpu, CPU_FAULTMASK) != 0 && p > -1)
        p = -1;
    return p;
}

unsigned exc_highest_pending(const struct core *c)
{
    unsigned best = 0;
    for (unsigned w = 0; w < EXC_WORDS; w++)
        for (uint32_t bits = c->pending[w] & c->enabled[w]; bits != 0; bits &= bits - 1) {
            unsigned n = w * 32 + (unsigned)__builtin_ctz(bits);
            int p = n <= EXC_HARDFAULT ? group_priority(c, n) : c->priority[n];
            int q = best <= EXC_HARDFAULT ? group_priority(c, best) : c->priority[best];
            if (!debug_masks(c, n) && (best == 0 || p < q))
                best = n;
        }
    return best;
}

bool exc_would_preempt(struct core *c, unsigned n, bool unmasked)
{
    return group_priority(c, n) < execution_priority(c, unmasked);
}

unsigned exc_next(struct core *c, bool unmasked)
{
    unsigned n = exc_highest_pending(c);
    return n != 0 && exc_would_preempt(c, n, unmasked) ? n : 0;
}

bool exc_any_active(const struct core *c, unsigned but)
{
    for (unsigned n = EXC_NMI; n < EXCEPTIONS; n++)
        if (n != but && exc_in(c->active, n))
            return true;
    return false;
}

/* ---- entry: B1.5.6 ---- */

static bool store(struct core *c, uint32_t addr, const uint32_t *word, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!c->port.write32(c->port.io, addr + 4 * i, word[i]))
            return false;
    return true;
}

static bool load(struct core *c, uint32_t addr, uint32_t *word, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!c->port.read32(c->port.io, addr + 4 * i, &word[i]))
            return false;
    return true;
}

static bool store_fp(struct core *c, uint32_t addr)
{
    uint32_t word[FP_REGS + 1];
    for (unsigned i = 0; i < FP_REGS; i++)
        word[i] = cpu_get(c->cpu, (enum cpu_reg)(CPU_S0 + i));
    word[FP_REGS] = cpu_get(c->cpu, CPU_FPSCR);
    c->fpcar = addr;
    return store(c, addr, word, FP_REGS + 1);
}

/* Stacked at once, also where the core would do it lazily: only FPCCR.LSPACT tells the difference. */
static bool push_frame(struct core *c, bool fp)
{
    struct cpu *cpu = c->cpu;
    uint32_t sp = cpu_get(cpu, CPU_SP);
    bool align = (sp & 4) != 0 && ((c->ccr & CCR_STKALIGN) != 0 || fp);
    uint32_t frame = sp - (fp ? FP_FRAME : FRAME) - (align ? 4 : 0);
    uint32_t word[8] = { cpu_get(cpu, CPU_R0),      cpu_get(cpu, CPU_R0 + 1),
                         cpu_get(cpu, CPU_R0 + 2),  cpu_get(cpu, CPU_R0 + 3),
                         cpu_get(cpu, CPU_R0 + 12), cpu_get(cpu, CPU_LR),
                         cpu_get(cpu, CPU_PC),      0 };
    word[7] = (cpu_get(cpu, CPU_XPSR) & ~(1u << 9)) | (uint32_t)align << 9;
    cpu_set(cpu, CPU_SP, frame);
    return store(c, frame, word, 8) && (!fp || store_fp(c, frame + FRAME));
}

void exc_lockup(struct core *c)
{
    c->lockup = true;
    c->sleeping = false;
    cpu_set(c->cpu, CPU_PC, LOCKUP_PC);
}

/* ExceptionTaken(): everything after the stacking. */
static void enter_handler(struct core *c, unsigned n, uint32_t lr)
{
    uint32_t vector, xpsr;
    if (!c->port.read32(c->port.io, c->vtor + 4 * n, &vector)) {
        c->hfsr |= HFSR_VECTTBL;
        if (n == EXC_HARDFAULT || n == EXC_NMI) {
            exc_lockup(c);
            return;
        }
        exc_put(c->pending, n, false);
        enter_handler(c, EXC_HARDFAULT, lr);
        return;
    }
    exc_put(c->pending, n, false);
    exc_put(c->active, n, true);
    xpsr = cpu_get(c->cpu, CPU_XPSR) & ~(uint32_t)(XPSR_IPSR | XPSR_T | XPSR_IT);
    cpu_set(c->cpu, CPU_XPSR, xpsr | n | ((vector & 1) != 0 ? (uint32_t)XPSR_T : 0));
    cpu_set(c->cpu, CPU_CONTROL, cpu_get(c->cpu, CPU_CONTROL) & CONTROL_NPRIV);
    cpu_set(c->cpu, CPU_LR, lr);
    cpu_set(c->cpu, CPU_PC, vector);
    debug_exception_taken(c, n);
}

static bool fault_enabled(const struct core *c, unsigned n)
{
    return exc_in(c->enabled, n);
}

/* What a synchronous exception n becomes: itself, HardFault, or 0 for lockup (B1.5.15). */
static unsigned escalate(struct core *c, unsigned n)
{
    if (n != EXC_HARDFAULT && fault_enabled(c, n) && exc_would_preempt(c, n, false))
        return n;
    if (n != EXC_HARDFAULT)
        c->hfsr |= HFSR_FORCED;
    return exc_would_preempt(c, EXC_HARDFAULT, false) ? EXC_HARDFAULT : 0;
}

/* The stack can't take the frame: the fault of that comes first if it has the better priority, and n stays pending. */
static unsigned derived_fault(struct core *c, unsigned n)
{
    unsigned fault;
    c->cfsr |= CFSR_STKERR;
    fault = escalate(c, EXC_BUSFAULT);
    if (fault == 0 || group_priority(c, fault) >= group_priority(c, n)) {
        if (fault != 0 && fault != n)
            exc_put(c->pending, fault, true);
        return fault == 0 && n == EXC_HARDFAULT ? 0 : n;
    }
    exc_put(c->pending, n, true);
    return fault;
}

static uint32_t present_exc_return(struct core *c, bool fp)
{
    uint32_t value = EXC_RETURN_MSP;
    if ((cpu_get(c->cpu, CPU_XPSR) & XPSR_IPSR) != 0)
        value = EXC_RETURN_HANDLER;
    else if ((cpu_get(c->cpu, CPU_CONTROL) & CONTROL_SPSEL) != 0)
        value = EXC_RETURN_PSP;
    return fp ? value & ~EXC_RETURN_BASIC : value;
}

static void enter(struct core *c, unsigned n)
{
    bool fp = (cpu_get(c->cpu, CPU_CONTROL) & CONTROL_FPCA) != 0 && (c->fpccr >> 31) != 0;
    uint32_t lr = present_exc_return(c, fp);
    if (!push_frame(c, fp) && (n = derived_fault(c, n)) == 0) {
        exc_lockup(c);
        return;
    }
    enter_handler(c, n, lr);
}

bool exc_take_pending(struct core *c)
{
    unsigned n = exc_next(c, false);
    if (n != 0)
        enter(c, n);
    return n != 0;
}

void exc_raise(struct core *c, unsigned n)
{
    n = escalate(c, n);
    if (n == 0)
        exc_lockup(c);
    else
        enter(c, n);
}

/* ---- return: B1.5.8 ---- */

static void deactivate(struct core *c, unsigned n)
{
    exc_put(c->active, n, false);
    if (n != EXC_NMI)
        cpu_set(c->cpu, CPU_FAULTMASK, 0);
    if (n >= EXC_IRQ0 && c->level[n - EXC_IRQ0])
        exc_put(c->pending, n, true);
}

static bool return_is_valid(const struct core *c, unsigned from, uint32_t value)
{
    bool nested = exc_any_active(c, from);
    if (!exc_in(c->active, from))
        return false;
    switch (value | EXC_RETURN_BASIC) {
    case EXC_RETURN_HANDLER:
        return nested;
    case EXC_RETURN_MSP:
    case EXC_RETURN_PSP:
        return !nested || (c->ccr & CCR_NONBASETHRDENA) != 0;
    default:
        return false;
    }
}

/* A fault of the return itself is taken without stacking: the frame is still there. */
static void return_fault(struct core *c, unsigned n, uint32_t cfsr, uint32_t value)
{
    c->cfsr |= cfsr;
    n = escalate(c, n);
    if (n == 0)
        exc_lockup(c);
    else
        enter_handler(c, n, value);
}

static void restore(struct core *c, const uint32_t *word, bool psp, bool fp)
{
    static const enum cpu_reg reg[6] = { CPU_R0, CPU_R0 + 1, CPU_R0 + 2, CPU_R0 + 3, CPU_R0 + 12, CPU_LR };
    uint32_t control = cpu_get(c->cpu, CPU_CONTROL) & CONTROL_NPRIV;
    cpu_set(c->cpu, CPU_XPSR, word[7] & ~(1u << 9));
    cpu_set(c->cpu, CPU_CONTROL, control | (psp ? CONTROL_SPSEL : 0u) | (fp ? CONTROL_FPCA : 0u));
    for (unsigned i = 0; i < 6; i++)
        cpu_set(c->cpu, reg[i], word[i]);
    for (unsigned i = 0; fp && i < FP_REGS; i++)
        cpu_set(c->cpu, (enum cpu_reg)(CPU_S0 + i), word[8 + i]);
    if (fp)
        cpu_set(c->cpu, CPU_FPSCR, word[8 + FP_REGS]);
    cpu_set(c->cpu, CPU_PC, word[6]);
}

void exc_return(struct core *c, uint32_t value)
{
    uint32_t word[8 + FP_REGS + 1];
    unsigned from = cpu_get(c->cpu, CPU_XPSR) & XPSR_IPSR;
    bool fp = (value & EXC_RETURN_BASIC) == 0, valid = return_is_valid(c, from, value);
    uint32_t kind = value | EXC_RETURN_BASIC;
    enum cpu_reg bank = kind == EXC_RETURN_PSP ? CPU_PSP : CPU_MSP;
    uint32_t frame = cpu_get(c->cpu, bank);

    deactivate(c, from);
    if (!valid) {
        return_fault(c, EXC_USAGEFAULT, CFSR_INVPC, value);
        return;
    }
    if (!load(c, frame, word, fp ? 8 + FP_REGS + 1 : 8)) {
        return_fault(c, EXC_BUSFAULT, CFSR_UNSTKERR, value);
        return;
    }
    if (((word[7] & XPSR_IPSR) == 0) != (kind != EXC_RETURN_HANDLER)) {
        return_fault(c, EXC_USAGEFAULT, CFSR_INVPC, value);
        return;
    }
    frame += fp ? FP_FRAME : FRAME;
    cpu_set(c->cpu, bank, frame | ((word[7] >> 9 & 1) != 0 ? 4u : 0));
    restore(c, word, bank == CPU_PSP, fp);
    if ((c->scr & SCR_SLEEPONEXIT) != 0 && kind != EXC_RETURN_HANDLER && !exc_any_active(c, EXC_THREAD))
        c->sleeping = true;
}
