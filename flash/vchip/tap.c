#include "flash/vchip/tap.h"

enum { BS_IR_BITS = 5, DP_IR_BITS = 4 };
enum { BS_IDCODE = 0x01 }; /* ST's BSDL files */
enum { IR_CAPTURE = 0x1 }; /* both: IEEE 1149.1 7.1.1 wants 01 in the low bits */

/* IEEE 1149.1 figure 6-1: where TMS = 0 and TMS = 1 lead. */
static const uint8_t next_state[TAP_STATES][2] = {
    [TAP_RESET] = { TAP_IDLE, TAP_RESET },
    [TAP_IDLE] = { TAP_IDLE, TAP_SELECT_DR },
    [TAP_SELECT_DR] = { TAP_CAPTURE_DR, TAP_SELECT_IR },
    [TAP_CAPTURE_DR] = { TAP_SHIFT_DR, TAP_EXIT1_DR },
    [TAP_SHIFT_DR] = { TAP_SHIFT_DR, TAP_EXIT1_DR },
    [TAP_EXIT1_DR] = { TAP_PAUSE_DR, TAP_UPDATE_DR },
    [TAP_PAUSE_DR] = { TAP_PAUSE_DR, TAP_EXIT2_DR },
    [TAP_EXIT2_DR] = { TAP_SHIFT_DR, TAP_UPDATE_DR },
    [TAP_UPDATE_DR] = { TAP_IDLE, TAP_SELECT_DR },
    [TAP_SELECT_IR] = { TAP_CAPTURE_IR, TAP_RESET },
    [TAP_CAPTURE_IR] = { TAP_SHIFT_IR, TAP_EXIT1_IR },
    [TAP_SHIFT_IR] = { TAP_SHIFT_IR, TAP_EXIT1_IR },
    [TAP_EXIT1_IR] = { TAP_PAUSE_IR, TAP_UPDATE_IR },
    [TAP_PAUSE_IR] = { TAP_PAUSE_IR, TAP_EXIT2_IR },
    [TAP_EXIT2_IR] = { TAP_SHIFT_IR, TAP_UPDATE_IR },
    [TAP_UPDATE_IR] = { TAP_IDLE, TAP_SELECT_DR },
};

static void load(struct tap *t, unsigned bits, uint64_t value)
{
    t->shift = value;
    t->last = UINT64_C(1) << (bits - 1);
}

static bool is_access(unsigned ir)
{
    return ir == DP_IR_ABORT || ir == DP_IR_DPACC || ir == DP_IR_APACC;
}

static void capture_dr(struct tap_chain *t, struct dp *dp)
{
    if (t->bs.ir == BS_IDCODE)
        load(&t->bs, 32, t->bs_idcode);
    else
        load(&t->bs, 1, 0);
    if (is_access(t->dp.ir))
        load(&t->dp, DP_SCAN_BITS, dp_capture(dp, (enum dp_ir)t->dp.ir));
    else if (t->dp.ir == DP_IR_IDCODE)
        load(&t->dp, 32, t->dp_idcode);
    else
        load(&t->dp, 1, 0);
}

static void capture_ir(struct tap_chain *t)
{
    load(&t->bs, BS_IR_BITS, IR_CAPTURE);
    load(&t->dp, DP_IR_BITS, IR_CAPTURE);
}

static void shift(struct tap_chain *t, bool tdi)
{
    bool between = (t->bs.shift & 1) != 0;

    t->bs.shift = t->bs.shift >> 1 | (tdi ? t->bs.last : 0);
    t->dp.shift = t->dp.shift >> 1 | (between ? t->dp.last : 0);
}

static void update_ir(struct tap_chain *t)
{
    t->bs.ir = (unsigned)t->bs.shift;
    t->dp.ir = (unsigned)t->dp.shift;
}

void tap_reset(struct tap_chain *t)
{
    t->state = TAP_RESET;
    t->bs.ir = BS_IDCODE;
    t->dp.ir = DP_IR_IDCODE;
}

void tap_clock(struct tap_chain *t, struct dp *dp, bool tms, bool tdi)
{
    if (t->state == TAP_SHIFT_DR || t->state == TAP_SHIFT_IR)
        shift(t, tdi);
    else if (t->state == TAP_CAPTURE_DR)
        capture_dr(t, dp);
    else if (t->state == TAP_CAPTURE_IR)
        capture_ir(t);

    t->state = next_state[t->state][tms];

    /* 1149.1 updates on the falling edge that follows; nobody can look in between. */
    if (t->state == TAP_UPDATE_DR && is_access(t->dp.ir))
        dp_update(dp, (enum dp_ir)t->dp.ir, t->dp.shift);
    else if (t->state == TAP_UPDATE_IR)
        update_ir(t);
    else if (t->state == TAP_RESET)
        tap_reset(t);
}

bool tap_tdo(const struct tap_chain *t)
{
    return (t->state != TAP_SHIFT_DR && t->state != TAP_SHIFT_IR) || (t->dp.shift & 1) != 0;
}
