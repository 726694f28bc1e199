/* flash/vchip/fpb_dwt.c - C1.11 Flash Patch and Breakpoint unit: 6 breakpoints; C1.8 Data Watchpoint and Trace: cycle
 * counter and PC samples, its 4 comparators stored but not watched. */
#include "flash/vchip/core_impl.h"

enum { FP_CTRL = 0x000, FP_REMAP = 0x004, FP_COMP0 = 0x008, FP_KEY = 2, FP_ENABLE = 1 };
enum { DWT_CTRL = 0x000, DWT_CYCCNT = 0x004, DWT_PCSR = 0x01c, CYCCNTENA = 1 };

#define FP_CTRL_SHAPE 0x260u /* 6 code and 2 literal comparators, revision 1 */
#define DWT_CTRL_SHAPE 0x40000000u

void fpb_dwt_reset(struct core *c)
{
    c->fp_ctrl = c->fp_remap = c->cyccnt = 0;
    for (unsigned i = 0; i < FPB_COMPARATORS; i++)
        c->fp_comp[i] = 0;
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        c->dwt[i] = c->itm[i] = c->tpiu[i] = 0;
    debug_update_breakpoints(c);
}

/* Only for a halting debugger: without one the comparators do nothing here. */
void debug_update_breakpoints(struct core *c)
{
    uint32_t at[2 * FPB_CODE];
    size_t n = 0;
    bool on = (c->dhcsr & DHCSR_C_DEBUGEN) != 0 && (c->fp_ctrl & FP_ENABLE) != 0;
    for (unsigned i = 0; on && i < FPB_CODE; i++) {
        uint32_t comp = c->fp_comp[i], word = comp & 0x1ffffffc;
        if ((comp & 1) == 0)
            continue;
        if ((comp >> 30 & 1) != 0) /* BKPT_replace: lower halfword, upper, or both */
            at[n++] = word;
        if ((comp >> 31 & 1) != 0)
            at[n++] = word + 2;
    }
    cpu_set_breakpoints(c->cpu, at, n);
}

uint32_t fpb_read(struct core *c, enum bus_master m, uint32_t off)
{
    (void)m;
    if (off == FP_CTRL)
        return FP_CTRL_SHAPE | c->fp_ctrl;
    if (off == FP_REMAP)
        return c->fp_remap;
    if (off >= FP_COMP0 && off < FP_COMP0 + 4 * FPB_COMPARATORS)
        return c->fp_comp[(off - FP_COMP0) / 4];
    return off >= 0xfd0 ? coresight_id_read(&coresight_fpb, off) : 0;
}

void fpb_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    (void)m;
    (void)mask;
    if (off == FP_CTRL && (value & FP_KEY) != 0)
        c->fp_ctrl = value & FP_ENABLE;
    else if (off == FP_REMAP)
        c->fp_remap = value & 0x1fffffe0;
    else if (off >= FP_COMP0 && off < FP_COMP0 + 4 * FPB_COMPARATORS)
        c->fp_comp[(off - FP_COMP0) / 4] = value & 0xdffffffd;
    debug_update_breakpoints(c);
}

/* The board's clock in core cycles, so that delays by CYCCNT take the time they name. */
static uint32_t cyccnt(const struct core *c)
{
    uint64_t ns = c->port.now_ns(c->port.io) - c->cyccnt_ns;
    if ((c->dwt[DWT_CTRL] & CYCCNTENA) == 0)
        return c->cyccnt;
    return c->cyccnt + (uint32_t)cycles_of(ns, c->port.core_hz(c->port.io));
}

static void set_cyccnt(struct core *c, uint32_t value)
{
    c->cyccnt = value;
    c->cyccnt_ns = c->port.now_ns(c->port.io);
}

uint32_t dwt_read(struct core *c, enum bus_master m, uint32_t off)
{
    (void)m;
    switch (off) {
    case DWT_CTRL:
        return DWT_CTRL_SHAPE | c->dwt[DWT_CTRL];
    case DWT_CYCCNT:
        return cyccnt(c);
    case DWT_PCSR:
        return c->halted ? 0xffffffff : cpu_get(c->cpu, CPU_PC);
    default:
        return off >= 0xfd0 ? coresight_id_read(&coresight_dwt, off) : c->dwt[off / 4];
    }
}

void dwt_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    (void)m;
    (void)mask;
    if (off == DWT_CTRL) {
        set_cyccnt(c, cyccnt(c));
        c->dwt[DWT_CTRL] = value & 0x007f1fff;
    } else if (off == DWT_CYCCNT) {
        set_cyccnt(c, value);
    } else if (off < 0xfd0) {
        c->dwt[off / 4] = value;
    }
}
