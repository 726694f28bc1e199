/* flash/vchip/jtag.h - the debug port of an STM32: JTAG chain (boundary-scan TAP, JTAG-DP), DP registers, one AHB MEM-AP.
 * Boundary: TCK edges above, bus accesses as BUS_DEBUG below.
 * A bus access that answers BUS_WAIT is kept and asked again at every following scan, which gets WAIT until it is done;
 * BUS_FAULT sets STICKYERR.  Threads: one per port.  Source: ADIv5.2 (IHI 0031E) B2, B3, C2; IEEE 1149.1. */
#ifndef VCHIP_JTAG_H
#define VCHIP_JTAG_H

#include "flash/vchip/silicon.h"

struct jtag_port { /* present, reset and clock may be NULL */
    enum bus_status (*read)(void *io, uint32_t addr, unsigned size, uint32_t *value);
    enum bus_status (*write)(void *io, uint32_t addr, unsigned size, uint32_t value);
    bool (*present)(void *io);          /* powered, inserted and not at RDP level 2: else TDO is 1 */
    void (*reset)(void *io, bool srst); /* nRST pin, active = true */
    void (*clock)(void *io);            /* called at each rising TCK edge: counting, pacing, cuts */
    void *io;
};

struct jtag;

struct jtag *jtag_new(const struct chip_desc *desc, const struct jtag_port *port);
void jtag_free(struct jtag *j);

void jtag_power_on(struct jtag *j); /* DP, AP and TAPs to their power-on state; sticky power-up acks gone */
void jtag_pins(struct jtag *j, bool tck, bool tms, bool tdi); /* drive the pins; state moves on the rising edge of TCK */
bool jtag_tdo(struct jtag *j);                                /* sample; valid while TCK is low */
void jtag_reset_pins(struct jtag *j, bool trst, bool srst);

/* ---- faults: they outlast jtag_power_on ---- */
void jtag_set_idcode(struct jtag *j, uint32_t idcode); /* of the JTAG-DP; 0: the part's own */
void jtag_inject_wait(struct jtag *j, unsigned n);     /* answer the next n AP accesses with WAIT */
uint64_t jtag_clocks(const struct jtag *j);

#endif
