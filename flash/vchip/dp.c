#include "flash/vchip/dp.h"

enum { ACK_WAIT = 1, ACK_OK_FAULT = 2 }; /* ADIv5.2 B3 */

enum { DP_CTRL_STAT = 0x4, DP_SELECT = 0x8, DP_RDBUFF = 0xC };

static const uint32_t ORUNDETECT = 1u << 0, STICKYORUN = 1u << 1, STICKYCMP = 1u << 4, STICKYERR = 1u << 5,
                      CDBGPWRUPREQ = 1u << 28, CSYSPWRUPREQ = 1u << 30;

static const uint32_t SELECT_APSEL = 0xFF000000, SELECT_APBANKSEL = 0x000000F0;

void dp_power_on(struct dp *d, const struct jtag_port *port)
{
    *d = (struct dp){ .inject_wait = d->inject_wait };
    memap_init(&d->ap0, port);
}

/* ---- AP ---- */

static void ap_done(struct dp *d, enum bus_status st)
{
    d->ap_busy = st == BUS_WAIT;
    if (st == BUS_FAULT)
        d->ctrl_stat |= STICKYERR;
}

static void ap_access(struct dp *d, unsigned a, bool read, uint32_t data)
{
    if (read)
        d->result = 0;
    if ((d->ctrl_stat & (STICKYERR | STICKYCMP | STICKYORUN)) != 0)
        return; /* discarded until the debugger has cleared the flag: B1.2 */
    if ((d->ctrl_stat & CDBGPWRUPREQ) == 0) {
        d->ctrl_stat |= STICKYERR; /* B2.4; this is how OpenOCD sees that the part was swapped or lost its power */
        return;
    }
    if ((d->select & SELECT_APSEL) == 0)
        ap_done(d, memap_access(&d->ap0, (d->select & SELECT_APBANKSEL) | a, !read, read ? &d->result : &data));
}

/* ---- DP ---- */

static uint32_t ctrl_stat_value(const struct dp *d)
{
    return d->ctrl_stat | (d->ctrl_stat & (CDBGPWRUPREQ | CSYSPWRUPREQ)) << 1; /* each ACK is the bit above its REQ */
}

static void ctrl_stat_write(struct dp *d, uint32_t data)
{
    const uint32_t rw = ORUNDETECT | CDBGPWRUPREQ | CSYSPWRUPREQ;
    const uint32_t w1c = STICKYORUN | STICKYCMP | STICKYERR; /* JTAG-DP only: B2.2.2 */

    d->ctrl_stat = (data & rw) | (d->ctrl_stat & w1c & ~data);
}

static void dp_access(struct dp *d, unsigned a, bool read, uint32_t data)
{
    if (read)
        d->result = a == DP_CTRL_STAT ? ctrl_stat_value(d) : a == DP_SELECT ? d->select : 0; /* RDBUFF reads as zero */
    else if (a == DP_CTRL_STAT)
        ctrl_stat_write(d, data);
    else if (a == DP_SELECT)
        d->select = data & (SELECT_APSEL | SELECT_APBANKSEL);
}

/* ---- scans ---- */

static bool must_wait(struct dp *d, enum dp_ir ir)
{
    if (d->ap_busy)
        ap_done(d, memap_resume(&d->ap0, &d->result));
    if (d->ap_busy)
        return true;
    if (ir != DP_IR_APACC || d->inject_wait == 0)
        return false;
    d->inject_wait--;
    return true;
}

uint64_t dp_capture(struct dp *d, enum dp_ir ir)
{
    d->refused = ir != DP_IR_ABORT && must_wait(d, ir);
    if (!d->refused)
        return (uint64_t)d->result << 3 | ACK_OK_FAULT;
    if ((d->ctrl_stat & ORUNDETECT) != 0)
        d->ctrl_stat |= STICKYORUN; /* so that what is queued behind is discarded too and can be sent again: B1.2 */
    return ACK_WAIT;
}

void dp_update(struct dp *d, enum dp_ir ir, uint64_t bits)
{
    unsigned a = (unsigned)(bits >> 1 & 3) << 2;
    bool read = (bits & 1) != 0;
    uint32_t data = (uint32_t)(bits >> 3);

    if (ir == DP_IR_ABORT) {
        if ((data & 1) != 0) /* DAPABORT */
            d->ap_busy = false;
    } else if (d->refused) {
        return;
    } else if (ir == DP_IR_DPACC) {
        dp_access(d, a, read, data);
    } else {
        ap_access(d, a, read, data);
    }
}
