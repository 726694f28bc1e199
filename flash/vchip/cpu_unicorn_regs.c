/* flash/vchip/cpu_unicorn_regs.c - the executor's registers, past the rules that the engine applies to its user. */
#include "flash/vchip/cpu_unicorn.h"

uint32_t cpu_engine_get(struct cpu *c, int id)
{
    uint32_t v = 0;
    (void)uc_reg_read(c->uc, id, &v);
    return v;
}

void cpu_engine_put(struct cpu *c, int id, uint32_t v)
{
    (void)uc_reg_write(c->uc, id, &v);
}

/* The engine keeps mode and privilege in cached flags too, and refreshes them only when CPSR-like registers are written. */
static void refresh_mode(struct cpu *c)
{
    cpu_engine_put(c, UC_ARM_REG_APSR_NZCV, cpu_engine_get(c, UC_ARM_REG_APSR_NZCV));
}

enum { CONTROL_NPRIV = 1, SOME_HANDLER = 3 };

/* The engine applies the core's own privilege rules to its user as well: from unprivileged thread mode the special registers
 * read as 0 and ignore writes.  Any handler mode will do; the stack pointers swap there and back. */
static bool borrow_privilege(struct cpu *c)
{
    if (cpu_engine_get(c, UC_ARM_REG_IPSR) != 0 || (cpu_engine_get(c, UC_ARM_REG_CONTROL) & CONTROL_NPRIV) == 0)
        return false;
    cpu_engine_put(c, UC_ARM_REG_IPSR, SOME_HANDLER);
    return true;
}

static void return_privilege(struct cpu *c, bool borrowed)
{
    if (borrowed)
        cpu_engine_put(c, UC_ARM_REG_IPSR, 0);
}

/* SPSEL can be written in thread mode only, and by privileged code only: pass through handler mode to drop nPRIV first. */
static void put_control(struct cpu *c, uint32_t v)
{
    uint32_t ipsr = cpu_engine_get(c, UC_ARM_REG_IPSR);
    cpu_engine_put(c, UC_ARM_REG_IPSR, SOME_HANDLER);
    cpu_engine_put(c, UC_ARM_REG_CONTROL, 0);
    cpu_engine_put(c, UC_ARM_REG_IPSR, 0);
    cpu_engine_put(c, UC_ARM_REG_CONTROL, v & 7);
    cpu_engine_put(c, UC_ARM_REG_IPSR, ipsr);
    refresh_mode(c);
}

static int engine_reg(enum cpu_reg r)
{
    static const int special[] = {
        [CPU_SP] = UC_ARM_REG_SP,           [CPU_LR] = UC_ARM_REG_LR,
        [CPU_PC] = UC_ARM_REG_PC,           [CPU_XPSR] = UC_ARM_REG_XPSR,
        [CPU_MSP] = UC_ARM_REG_MSP,         [CPU_PSP] = UC_ARM_REG_PSP,
        [CPU_CONTROL] = UC_ARM_REG_CONTROL, [CPU_FAULTMASK] = UC_ARM_REG_FAULTMASK,
        [CPU_BASEPRI] = UC_ARM_REG_BASEPRI, [CPU_PRIMASK] = UC_ARM_REG_PRIMASK,
        [CPU_FPSCR] = UC_ARM_REG_FPSCR,
    };
    if (r < CPU_SP)
        return UC_ARM_REG_R0 + (int)r;
    if (r >= CPU_S0)
        return UC_ARM_REG_S0 + (int)(r - CPU_S0);
    return special[r];
}

uint32_t cpu_get(struct cpu *c, enum cpu_reg r)
{
    bool banked = r >= CPU_MSP && r <= CPU_PRIMASK && r != CPU_CONTROL;
    bool borrowed = banked && borrow_privilege(c);
    uint32_t v = cpu_engine_get(c, engine_reg(r));
    return_privilege(c, borrowed);
    return r == CPU_PC ? v & ~1u : v;
}

void cpu_set(struct cpu *c, enum cpu_reg r, uint32_t v)
{
    bool borrowed;
    switch (r) {
    case CPU_CONTROL:
        put_control(c, v);
        return;
    case CPU_PC: /* bit 0 is the engine's T bit: keep it as it is */
        cpu_engine_put(c, UC_ARM_REG_PC, (v & ~1u) | ((cpu_engine_get(c, UC_ARM_REG_XPSR) & XPSR_T) != 0));
        return;
    case CPU_XPSR:
        cpu_engine_put(c, UC_ARM_REG_XPSR_NZCVQG, v);
        refresh_mode(c);
        return;
    case CPU_SP:
    case CPU_MSP:
    case CPU_PSP:
        v &= ~3u;
        break;
    default:
        break;
    }
    borrowed = r >= CPU_MSP && r <= CPU_PRIMASK && borrow_privilege(c);
    cpu_engine_put(c, engine_reg(r), v);
    return_privilege(c, borrowed);
}
