/* flash/vchip/dp.h - the JTAG-DP: what a 35-bit DR scan asks for and is answered.
 * Boundary: TAP controller above (Capture-DR, Update-DR), one MEM-AP as AP 0 below; all other APs are absent and read 0.
 * Not modelled, read as 0: pushed compare and verify, transaction counter, debug reset request.
 * Memory: caller's.  Source: ADIv5.2 (IHI 0031E) B1.2 sticky flags, B2.2 registers, B2.4 power, B3 JTAG-DP. */
#ifndef VCHIP_DP_H
#define VCHIP_DP_H

#include "flash/vchip/memap.h"

enum dp_ir { DP_IR_ABORT = 0x8, DP_IR_DPACC = 0xA, DP_IR_APACC = 0xB, DP_IR_IDCODE = 0xE, DP_IR_BYPASS = 0xF };

enum { DP_SCAN_BITS = 35 }; /* ABORT, DPACC, APACC: data << 3 | A[3:2] << 1 | RnW in, data << 3 | ACK out */

struct dp {
    struct memap ap0;
    uint32_t ctrl_stat; /* without the ACK bits, which follow their requests */
    uint32_t select;
    uint32_t result;      /* of the last read: what scans capture.  Writes leave it (B3 says UNKNOWN): when OpenOCD sends
                             again after a WAIT, it clears the overrun first and looks at the result only afterwards */
    bool ap_busy;         /* an AP access that the bus has not finished */
    bool refused;         /* the scan under way captured WAIT: its Update-DR does nothing */
    unsigned inject_wait; /* AP scans still to be answered with WAIT, whatever the bus says */
};

/* All registers to their power-on state; inject_wait stays. */
void dp_power_on(struct dp *d, const struct jtag_port *port);
/* Capture-DR while ir is ABORT, DPACC or APACC: the bits to shift out. */
uint64_t dp_capture(struct dp *d, enum dp_ir ir);
/* Update-DR: the access that was shifted in. */
void dp_update(struct dp *d, enum dp_ir ir, uint64_t bits);

#endif
