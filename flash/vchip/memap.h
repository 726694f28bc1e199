/* flash/vchip/memap.h - the AHB MEM-AP of a Cortex-M4: debugger's words in, bus accesses out.
 * Boundary: the DP above, which brings each access only when it is powered and free of errors; jtag_port's bus below.
 * Memory: caller's, inside struct dp.  Source: ADIv5.2 (IHI 0031E) C2; Cortex-M4 TRM (DDI 0439) ch. 8 for what this AP has.
 */
#ifndef VCHIP_MEMAP_H
#define VCHIP_MEMAP_H

#include "flash/vchip/jtag.h"

enum memap_reg { /* byte offsets: ADIv5.2 C2 */
                 MEMAP_CSW = 0x00,
                 MEMAP_TAR = 0x04,
                 MEMAP_DRW = 0x0C,
                 MEMAP_BD0 = 0x10,
                 MEMAP_BD3 = 0x1C,
                 MEMAP_CFG = 0xF4,
                 MEMAP_BASE = 0xF8,
                 MEMAP_IDR = 0xFC
};

struct memap {
    const struct jtag_port *port;
    uint32_t csw, tar;
    struct { /* the bus transfer under way: `len` bytes from `addr`, in units */
        uint32_t addr;
        uint32_t lanes;           /* the data register: each byte stands in the lane of its address */
        unsigned len, unit, done; /* bytes */
        bool write, advance;      /* advance: TAR moves on behind it */
    } xfer;
};

void memap_init(struct memap *m, const struct jtag_port *port);

/* Read or write one register; reg is a multiple of 4, unknown ones read 0 and ignore writes.  A read fills *value.
 * BUS_WAIT   the bus is still at it: call memap_resume until it says otherwise, and nothing else meanwhile
 * BUS_FAULT  bus error; TAR has moved on all the same, as on a Cortex-M4 */
enum bus_status memap_access(struct memap *m, unsigned reg, bool write, uint32_t *value);
/* Go on with the transfer that answered BUS_WAIT.  *value as above. */
enum bus_status memap_resume(struct memap *m, uint32_t *value);

#endif
