/* flash/vchip/scs.c - B3.2: the System Control Block and its neighbours in 0xE000E000..0xE000EFFF. */
#include "flash/vchip/core_impl.h"

#include <string.h>

enum {
    ICTR = 0x004,
    ACTLR = 0x008,
    CPUID = 0xd00,
    ICSR = 0xd04,
    VTOR = 0xd08,
    AIRCR = 0xd0c,
    SCR = 0xd10,
    CCR = 0xd14,
    SHPR1 = 0xd18,
    SHPR3 = 0xd20,
    SHCSR = 0xd24,
    CFSR = 0xd28,
    HFSR = 0xd2c,
    DFSR = 0xd30,
    MMFAR = 0xd34,
    BFAR = 0xd38,
    AFSR = 0xd3c,
    CPACR = 0xd88,
    MPU_TYPE = 0xd90,
    STIR = 0xf00,
    FPCCR = 0xf34,
    FPCAR = 0xf38,
    FPDSCR = 0xf3c,
    MVFR0 = 0xf40,
    MVFR1 = 0xf44
};

#define FPCCR_ASPEN_LSPEN 0xc0000000u

void scs_reset(struct core *c)
{
    c->actlr = c->vtor = c->prigroup = c->scr = c->cfsr = c->hfsr = c->mmfar = c->bfar = c->afsr = 0;
    c->ccr = CCR_STKALIGN;
    c->cpacr = c->fpcar = c->fpdscr = 0;
    c->fpccr = FPCCR_ASPEN_LSPEN;
    memset(c->mpu, 0, sizeof c->mpu);
    cpu_set_fpu(c->cpu, false);
}

/* SHCSR: which bit is whose (B3.2.13). */
enum shcsr_set { ACT, PENDED, ENA };
static const struct {
    uint8_t bit, exception, set;
} shcsr[] = {
    { 0, EXC_MEMMANAGE, ACT },     { 1, EXC_BUSFAULT, ACT },     { 3, EXC_USAGEFAULT, ACT }, { 7, EXC_SVCALL, ACT },
    { 8, EXC_DEBUGMON, ACT },      { 10, EXC_PENDSV, ACT },      { 11, EXC_SYSTICK, ACT },   { 12, EXC_USAGEFAULT, PENDED },
    { 13, EXC_MEMMANAGE, PENDED }, { 14, EXC_BUSFAULT, PENDED }, { 15, EXC_SVCALL, PENDED }, { 16, EXC_MEMMANAGE, ENA },
    { 17, EXC_BUSFAULT, ENA },     { 18, EXC_USAGEFAULT, ENA },
};

static uint32_t *shcsr_set(struct core *c, unsigned set)
{
    return set == ACT ? c->active : set == PENDED ? c->pending : c->enabled;
}

static uint32_t shcsr_read(struct core *c)
{
    uint32_t v = 0;
    for (size_t i = 0; i < sizeof shcsr / sizeof *shcsr; i++)
        v |= (uint32_t)exc_in(shcsr_set(c, shcsr[i].set), shcsr[i].exception) << shcsr[i].bit;
    return v;
}

static void shcsr_write(struct core *c, uint32_t v)
{
    for (size_t i = 0; i < sizeof shcsr / sizeof *shcsr; i++)
        exc_put(shcsr_set(c, shcsr[i].set), shcsr[i].exception, (v >> shcsr[i].bit & 1) != 0);
    if (c->running)
        cpu_request_stop(c->cpu);
}

static uint32_t icsr_read(struct core *c)
{
    uint32_t active = cpu_get(c->cpu, CPU_XPSR) & XPSR_IPSR, v = active;
    bool irq = false;
    for (unsigned n = EXC_IRQ0; n < EXCEPTIONS; n++)
        irq = irq || exc_in(c->pending, n);
    v |= (uint32_t)!exc_any_active(c, active) << 11; /* RETTOBASE */
    v |= exc_highest_pending(c) << 12;
    v |= (uint32_t)irq << 22;
    v |= (uint32_t)exc_in(c->pending, EXC_SYSTICK) << 26;
    v |= (uint32_t)exc_in(c->pending, EXC_PENDSV) << 28;
    v |= (uint32_t)exc_in(c->pending, EXC_NMI) << 31;
    return v;
}

static void icsr_write(struct core *c, uint32_t v)
{
    static const struct {
        uint8_t bit, exception;
        bool on;
    } act[] = { { 25, EXC_SYSTICK, false },
                { 26, EXC_SYSTICK, true },
                { 27, EXC_PENDSV, false },
                { 28, EXC_PENDSV, true },
                { 31, EXC_NMI, true } };
    for (size_t i = 0; i < sizeof act / sizeof *act; i++)
        if ((v >> act[i].bit & 1) != 0)
            exc_pend(c, act[i].exception, act[i].on);
}

static void aircr_write(struct core *c, enum bus_master m, uint32_t v)
{
    if (v >> 16 != 0x05fa)
        return;
    c->prigroup = v >> 8 & 7;
    if ((v & 2) != 0 && c->halted) /* VECTCLRACTIVE: for the debugger of a halted core only */
        memset(c->active, 0, sizeof c->active);
    if ((v & 1) != 0 && m == BUS_DEBUG) /* VECTRESET */
        core_reset(c, false);
    if ((v & 4) != 0)
        core_request_reset(c);
}

static uint32_t priorities(const struct core *c, uint32_t off)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (uint32_t)c->priority[off - SHPR1 + 4 + i] << 8 * i;
    return v;
}

static void set_priorities(struct core *c, uint32_t off, uint32_t value, uint32_t mask)
{
    for (unsigned i = 0; i < 4; i++)
        if ((mask >> 8 * i & 0xff) != 0)
            c->priority[off - SHPR1 + 4 + i] = (uint8_t)(value >> 8 * i & 0xf0);
}

static uint32_t scb_read(struct core *c, uint32_t off)
{
    /* CPUID, then ID_PFR0..ID_ISAR4 of a Cortex-M4: DDI 0439B table 4-1. */
    static const uint32_t id[] = { 0x00000030, 0x00000200, 0x00100000, 0,          0x00100030, 0,         0x01000000,
                                   0,          0x01141110, 0x02112000, 0x21112231, 0x01111110, 0x01310132 };
    if (off >= 0xd40 && off < 0xd40 + sizeof id)
        return id[(off - 0xd40) / 4];
    if (off >= SHPR1 && off <= SHPR3)
        return priorities(c, off);
    if (off >= MPU_TYPE && off < MPU_TYPE + 4 + sizeof c->mpu)
        return off == MPU_TYPE ? 0x800 : c->mpu[(off - MPU_TYPE) / 4 - 1];
    switch (off) {
    case CPUID:
        return 0x410fc241;
    case ICSR:
        return icsr_read(c);
    case VTOR:
        return c->vtor;
    case AIRCR: /* VECTKEYSTAT */
        return 0xfa050000 | c->prigroup << 8;
    case SCR:
        return c->scr;
    case CCR:
        return c->ccr;
    case SHCSR:
        return shcsr_read(c);
    case CFSR:
        return c->cfsr;
    case HFSR:
        return c->hfsr;
    case DFSR:
        return c->dfsr;
    case MMFAR:
        return c->mmfar;
    case BFAR:
        return c->bfar;
    case AFSR:
        return c->afsr;
    case CPACR:
        return c->cpacr;
    default:
        return 0;
    }
}

static void scb_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    if (off >= SHPR1 && off <= SHPR3) {
        set_priorities(c, off, value, mask);
        return;
    }
    if (off > MPU_TYPE && off < MPU_TYPE + 4 + sizeof c->mpu) {
        c->mpu[(off - MPU_TYPE) / 4 - 1] = value;
        return;
    }
    switch (off) {
    case ICSR:
        icsr_write(c, value);
        break;
    case VTOR:
        c->vtor = value & 0xffffff80;
        break;
    case AIRCR:
        aircr_write(c, m, value);
        break;
    case SCR:
        c->scr = value & 0x16;
        break;
    case CCR:
        c->ccr = value & 0x31b;
        break;
    case SHCSR:
        shcsr_write(c, value);
        break;
    case CFSR:
        c->cfsr &= ~value;
        break;
    case HFSR:
        c->hfsr &= ~value;
        break;
    case DFSR:
        c->dfsr &= ~value;
        break;
    case MMFAR:
        c->mmfar = value;
        break;
    case BFAR:
        c->bfar = value;
        break;
    case CPACR: /* CP10 and CP11 only */
        c->cpacr = value & 0x00f00000;
        cpu_set_fpu(c->cpu, c->cpacr == 0x00f00000 || c->cpacr == 0x00500000);
        break;
    default:
        break;
    }
}

static uint32_t fp_read(struct core *c, uint32_t off)
{
    switch (off) {
    case FPCCR:
        return c->fpccr;
    case FPCAR:
        return c->fpcar;
    case FPDSCR:
        return c->fpdscr;
    case MVFR0:
        return 0x10110021;
    case MVFR1:
        return 0x11000011;
    default:
        return off >= 0xfd0 ? coresight_id_read(&coresight_scs, off) : 0;
    }
}

static void fp_write(struct core *c, uint32_t off, uint32_t value)
{
    switch (off) {
    case STIR:
        if ((value & 0x1ff) < EXC_IRQS)
            exc_pend(c, EXC_IRQ0 + (value & 0x1ff), true);
        break;
    case FPCCR:
        c->fpccr = value & FPCCR_ASPEN_LSPEN;
        break;
    case FPCAR:
        c->fpcar = value & ~7u;
        break;
    case FPDSCR:
        c->fpdscr = value & 0x07c00000;
        break;
    default:
        break;
    }
}

uint32_t scs_read(struct core *c, enum bus_master m, uint32_t off)
{
    if (off == ICTR)
        return EXC_IRQS / 32 - 1;
    if (off == ACTLR)
        return c->actlr;
    if (off < 0x020)
        return systick_read(c, m, off);
    if (off < 0xd00)
        return nvic_read(c, m, off);
    if (off >= 0xdf0 && off < 0xe00)
        return debug_read(c, m, off);
    return off < 0xe00 ? scb_read(c, off) : fp_read(c, off);
}

void scs_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    if (off == ACTLR)
        c->actlr = value & 0x307;
    else if (off < 0x020)
        systick_write(c, m, off, value, mask);
    else if (off < 0xd00)
        nvic_write(c, m, off, value, mask);
    else if (off >= 0xdf0 && off < 0xe00)
        debug_write(c, m, off, value, mask);
    else if (off < 0xe00)
        scb_write(c, m, off, value, mask);
    else
        fp_write(c, off, value);
}
