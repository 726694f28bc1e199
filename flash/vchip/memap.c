#include "flash/vchip/memap.h"

enum { /* CSW, Cortex-M4 TRM ch. 8, ADIv5.2 C2 */
       CSW_SIZE = 7u << 0,
       CSW_SIZE_WORD = 2u << 0,
       CSW_ADDRINC = 3u << 4,
       CSW_ADDRINC_SINGLE = 1u << 4,
       CSW_ADDRINC_PACKED = 2u << 4,
       CSW_DEVICE_EN = 1u << 6,
       CSW_HPROT0 = 1u << 24, /* always a data access */
       CSW_HPROT1 = 1u << 25, /* privileged */
       CSW_MASTER_TYPE = 1u << 29,
       CSW_CONST = CSW_DEVICE_EN | CSW_HPROT0,
       CSW_RW = CSW_SIZE | CSW_ADDRINC | CSW_HPROT1 | CSW_MASTER_TYPE
};

static const uint32_t base = 0xE00FF003; /* ROM table of the Cortex-M4, entry present */
static const uint32_t idr = 0x24770011;  /* ARM AHB-AP, as STM32F4 and L4 show it */

/* Cortex-M3 and M4 increment within 4 KB (OpenOCD: CORTEX_M_F_TAR_AUTOINCR_BLOCK_4K), more than the 1 KB ADIv5 asks for. */
static const uint32_t increment_block = 4096;

void memap_init(struct memap *m, const struct jtag_port *port)
{
    *m = (struct memap){ .port = port, .csw = CSW_CONST | CSW_HPROT1 | CSW_SIZE_WORD };
}

static void csw_write(struct memap *m, uint32_t value)
{
    if ((value & CSW_SIZE) > CSW_SIZE_WORD) /* no 64-bit transfers here: ADIv5.2 C2 lets the AP keep a size it has */
        value = (value & ~(uint32_t)CSW_SIZE) | CSW_SIZE_WORD;
    m->csw = (value & CSW_RW) | CSW_CONST;
}

/* One bus access of the transfer, taking its bytes from or to their lanes. */
static enum bus_status unit_access(struct memap *m)
{
    uint32_t addr = m->xfer.addr + m->xfer.done;
    unsigned unit = m->xfer.unit, shift = 8 * (addr & 3);
    uint32_t mask = unit == 4 ? UINT32_MAX : (1u << 8 * unit) - 1;
    uint32_t value = 0;

    if (m->xfer.write)
        return m->port->write(m->port->io, addr, unit, m->xfer.lanes >> shift & mask);
    enum bus_status st = m->port->read(m->port->io, addr, unit, &value);
    if (st == BUS_OK)
        m->xfer.lanes |= (value & mask) << shift;
    return st;
}

enum bus_status memap_resume(struct memap *m, uint32_t *value)
{
    enum bus_status st = BUS_OK;

    for (; m->xfer.done < m->xfer.len && st == BUS_OK; m->xfer.done += st == BUS_OK ? m->xfer.unit : 0)
        st = unit_access(m);
    if (st == BUS_WAIT)
        return st;
    if (m->xfer.advance)
        m->tar = (m->tar & ~(increment_block - 1)) | ((m->tar + m->xfer.len) & (increment_block - 1));
    if (!m->xfer.write)
        *value = m->xfer.lanes;
    return st;
}

/* DRW: size, packing and increment as CSW says. */
static void drw_setup(struct memap *m)
{
    uint32_t inc = m->csw & CSW_ADDRINC;
    unsigned size = 1u << (m->csw & CSW_SIZE);

    m->xfer.addr = m->tar;
    m->xfer.len = inc == CSW_ADDRINC_PACKED ? 4 : size;
    m->xfer.unit = m->tar & (size - 1) ? 1 : size; /* the bus matrix splits what is not aligned */
    m->xfer.advance = inc == CSW_ADDRINC_SINGLE || inc == CSW_ADDRINC_PACKED;
}

/* BD0-3: four words around TAR, never an increment: ADIv5.2 C2. */
static void bd_setup(struct memap *m, unsigned reg)
{
    m->xfer.addr = (m->tar & ~15u) | (reg & 12);
    m->xfer.len = m->xfer.unit = 4;
    m->xfer.advance = false;
}

static uint32_t register_value(const struct memap *m, unsigned reg)
{
    switch (reg) {
    case MEMAP_CSW:
        return m->csw;
    case MEMAP_TAR:
        return m->tar;
    case MEMAP_BASE:
        return base;
    case MEMAP_IDR:
        return idr;
    default: /* CFG too: little-endian, 32-bit addresses, no large data */
        return 0;
    }
}

enum bus_status memap_access(struct memap *m, unsigned reg, bool write, uint32_t *value)
{
    if (reg == MEMAP_DRW || (reg >= MEMAP_BD0 && reg <= MEMAP_BD3)) {
        m->xfer.write = write;
        m->xfer.lanes = write ? *value : 0;
        m->xfer.done = 0;
        if (reg == MEMAP_DRW)
            drw_setup(m);
        else
            bd_setup(m, reg);
        return memap_resume(m, value);
    }
    if (!write)
        *value = register_value(m, reg);
    else if (reg == MEMAP_CSW)
        csw_write(m, *value);
    else if (reg == MEMAP_TAR)
        m->tar = *value;
    return BUS_OK;
}
