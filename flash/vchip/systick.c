/* flash/vchip/systick.c - B3.3: the system timer, computed from the board's clock whenever someone looks. */
#include "flash/vchip/core_impl.h"

enum { CSR_ENABLE = 1, CSR_TICKINT = 2, CSR_CLKSOURCE = 4, CSR_COUNTFLAG = 1 << 16, RELOAD = 0xffffff };

static const uint64_t NS = 1000000000;

uint64_t cycles_of(uint64_t ns, uint32_t hz)
{
    return ns / NS * hz + ns % NS * hz / NS;
}

/* Without CLKSOURCE: HCLK/8 (RM0351 and RM0090, "SysTick calibration"). */
static uint32_t tick_hz(const struct core *c)
{
    uint32_t hz = c->port.core_hz(c->port.io);
    return (c->systick.ctrl & CSR_CLKSOURCE) != 0 ? hz : hz / 8;
}

void systick_reset(struct core *c)
{
    c->systick = (struct systick){ .last_ns = c->port.now_ns(c->port.io) };
}

void systick_resume(struct core *c)
{
    c->systick.last_ns = c->port.now_ns(c->port.io);
}

/* Count down `ticks`; true if zero was reached.  The counter reloads on the tick after zero. */
static bool count(struct systick *s, uint64_t ticks)
{
    bool reached = false;
    if (ticks > 0 && s->val == 0) {
        s->val = s->load;
        ticks--;
    }
    if (s->val != 0 && ticks >= s->val) {
        reached = true;
        ticks = (ticks - s->val) % ((uint64_t)s->load + 1);
        s->val = ticks == 0 ? 0 : s->load;
        ticks -= ticks > 0;
    }
    s->val -= s->val == 0 ? 0 : (uint32_t)ticks;
    return reached;
}

void systick_sync(struct core *c)
{
    struct systick *s = &c->systick;
    uint64_t now, d, part;
    uint32_t hz;
    if ((s->ctrl & CSR_ENABLE) == 0 || c->halted)
        return;
    now = c->port.now_ns(c->port.io);
    hz = tick_hz(c);
    d = now - s->last_ns;
    s->last_ns = now;
    part = d % NS * hz + s->fraction;
    s->fraction = part % NS;
    if (count(s, d / NS * hz + part / NS)) {
        s->countflag = true;
        if ((s->ctrl & CSR_TICKINT) != 0)
            exc_pend(c, EXC_SYSTICK, true);
    }
}

uint64_t systick_due_ns(struct core *c)
{
    struct systick *s = &c->systick;
    uint32_t hz;
    uint64_t ticks, part;
    systick_sync(c);
    hz = tick_hz(c);
    ticks = s->val != 0 ? s->val : (uint64_t)s->load + 1;
    if ((s->ctrl & (CSR_ENABLE | CSR_TICKINT)) != (CSR_ENABLE | CSR_TICKINT) || hz == 0 || (s->val == 0 && s->load == 0))
        return UINT64_MAX;
    part = ticks * NS - s->fraction; /* 2^24 * 1e9 fits */
    return s->last_ns + (part + hz - 1) / hz;
}

uint32_t systick_read(struct core *c, enum bus_master m, uint32_t off)
{
    struct systick *s = &c->systick;
    uint32_t v;
    systick_sync(c);
    switch (off) {
    case 0x10:
        v = s->ctrl | (s->countflag ? CSR_COUNTFLAG : 0u);
        if (m != BUS_DEBUG) /* B3.3.3: cleared by a read of the processor */
            s->countflag = false;
        return v;
    case 0x14:
        return s->load;
    case 0x18:
        return s->val;
    default:
        return 0; /* SYST_CALIB: no reference known */
    }
}

void systick_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    struct systick *s = &c->systick;
    (void)m;
    (void)mask;
    systick_sync(c);
    switch (off) {
    case 0x10:
        if ((s->ctrl & CSR_ENABLE) == 0) {
            s->last_ns = c->port.now_ns(c->port.io);
            s->fraction = 0;
        }
        s->ctrl = value & 7;
        break;
    case 0x14:
        s->load = value & RELOAD;
        break;
    case 0x18: /* any write clears */
        s->val = 0;
        s->fraction = 0;
        s->countflag = false;
        break;
    default:
        break;
    }
}
