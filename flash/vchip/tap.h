/* flash/vchip/tap.h - the JTAG chain of an STM32: TDI -> boundary-scan TAP (IR 5) -> JTAG-DP (IR 4) -> TDO.
 * Both TAPs hang on the same TCK and TMS, so one controller state serves both.  The boundary register is not modelled: its
 * instructions select BYPASS.  Memory: caller's.  Source: IEEE 1149.1-2001 ch. 6-8; RM0351 48.5, RM0090 38.5 (chain). */
#ifndef VCHIP_TAP_H
#define VCHIP_TAP_H

#include "flash/vchip/dp.h"

enum tap_state {
    TAP_RESET,
    TAP_IDLE,
    TAP_SELECT_DR,
    TAP_CAPTURE_DR,
    TAP_SHIFT_DR,
    TAP_EXIT1_DR,
    TAP_PAUSE_DR,
    TAP_EXIT2_DR,
    TAP_UPDATE_DR,
    TAP_SELECT_IR,
    TAP_CAPTURE_IR,
    TAP_SHIFT_IR,
    TAP_EXIT1_IR,
    TAP_PAUSE_IR,
    TAP_EXIT2_IR,
    TAP_UPDATE_IR,
    TAP_STATES
};

struct tap {
    unsigned ir;    /* present instruction */
    uint64_t shift; /* the register between TDI and TDO, next bit out at bit 0 */
    uint64_t last;  /* its end at TDI: one bit set */
};

struct tap_chain {
    enum tap_state state;
    struct tap bs, dp;
    uint32_t bs_idcode, dp_idcode;
};

/* Test-Logic-Reset: both TAPs select IDCODE.  The idcodes stay. */
void tap_reset(struct tap_chain *t);
/* One rising edge of TCK. */
void tap_clock(struct tap_chain *t, struct dp *dp, bool tms, bool tdi);
/* TDO after the falling edge: pulled up when nothing is being shifted. */
bool tap_tdo(const struct tap_chain *t);

#endif
