/* flash/vchip/nvic.c - B3.4: 96 external interrupts, 4 priority bits. */
#include "flash/vchip/core_impl.h"

enum { ISER = 0x100, ICER = 0x180, ISPR = 0x200, ICPR = 0x280, IABR = 0x300, IPR = 0x400, BANK = 0x80 };

/* The 32 interrupts of register number `reg`, out of a set by exception number. */
static uint32_t irq_word(const uint32_t *set, unsigned reg)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 32 && reg * 32 + i < EXC_IRQS; i++)
        v |= (uint32_t)exc_in(set, EXC_IRQ0 + reg * 32 + i) << i;
    return v;
}

static void pend_irq(struct core *c, unsigned irq, bool on)
{
    exc_pend(c, EXC_IRQ0 + irq, on || c->level[irq]); /* a line that is still up pends again at once */
}

static void enable_irq(struct core *c, unsigned irq, bool on)
{
    exc_put(c->enabled, EXC_IRQ0 + irq, on);
    if (on && c->running)
        cpu_request_stop(c->cpu);
}

static void each_irq(struct core *c, unsigned reg, uint32_t bits, void (*f)(struct core *, unsigned, bool), bool on)
{
    for (unsigned i = 0; i < 32 && reg * 32 + i < EXC_IRQS; i++)
        if ((bits >> i & 1) != 0)
            f(c, reg * 32 + i, on);
}

uint32_t nvic_read(struct core *c, enum bus_master m, uint32_t off)
{
    uint32_t v = 0;
    unsigned reg = off % BANK / 4;
    (void)m;
    if (off >= IPR) {
        for (unsigned i = 0; i < 4 && off - IPR + i < EXC_IRQS; i++)
            v |= (uint32_t)c->priority[EXC_IRQ0 + off - IPR + i] << 8 * i;
        return v;
    }
    switch (off & ~(uint32_t)(BANK - 1)) {
    case ISER:
    case ICER:
        return irq_word(c->enabled, reg);
    case ISPR:
    case ICPR:
        return irq_word(c->pending, reg);
    case IABR:
        return irq_word(c->active, reg);
    default:
        return 0;
    }
}

void nvic_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    unsigned reg = off % BANK / 4;
    (void)m;
    if (off >= IPR) {
        for (unsigned i = 0; i < 4 && off - IPR + i < EXC_IRQS; i++)
            if ((mask >> 8 * i & 0xff) != 0)
                c->priority[EXC_IRQ0 + off - IPR + i] = (uint8_t)(value >> 8 * i & 0xf0);
        return;
    }
    switch (off & ~(uint32_t)(BANK - 1)) {
    case ISER:
    case ICER:
        each_irq(c, reg, value, enable_irq, off < ICER);
        break;
    case ISPR:
    case ICPR:
        each_irq(c, reg, value, pend_irq, off < ICPR);
        break;
    default:
        break;
    }
}

void core_irq(struct core *c, unsigned irqn, bool level)
{
    if (irqn >= EXC_IRQS)
        return;
    if (level && !c->level[irqn])
        exc_pend(c, EXC_IRQ0 + irqn, true);
    c->level[irqn] = level;
}

void core_nmi(struct core *c)
{
    exc_pend(c, EXC_NMI, true);
}
