/* flash/vchip/romtable.c - the ROM table that leads a debugger through the private peripheral bus, the identities of what it
 * finds there, and the trace blocks that only remember what they are told.
 * Source: DDI 0403E D1 (ROM table, component IDs); DDI 0439B table 3-3 (Cortex-M4 ROM table), ch. 9-11. */
#include "flash/vchip/core_impl.h"

enum { CLASS_ROM = 1, CLASS_DEBUG = 9, CLASS_GENERIC = 0xe, JEP106_ST = 0x20, BANK_ST = 0, JEP106_ARM = 0x3b, BANK_ARM = 4 };

const struct coresight_id coresight_scs = { CLASS_GENERIC, BANK_ARM, JEP106_ARM, 0x00c, 0 };
const struct coresight_id coresight_dwt = { CLASS_GENERIC, BANK_ARM, JEP106_ARM, 0x002, 3 };
const struct coresight_id coresight_fpb = { CLASS_GENERIC, BANK_ARM, JEP106_ARM, 0x003, 2 };
static const struct coresight_id coresight_itm = { CLASS_GENERIC, BANK_ARM, JEP106_ARM, 0x001, 3 };
static const struct coresight_id coresight_tpiu = { CLASS_DEBUG, BANK_ARM, JEP106_ARM, 0x9a1, 0 };
static const struct coresight_id coresight_etm = { CLASS_DEBUG, BANK_ARM, JEP106_ARM, 0x925, 0 };

uint32_t coresight_id_read(const struct coresight_id *id, uint32_t off)
{
    switch (off) {
    case 0xfd0: /* PIDR4 */
        return id->bank;
    case 0xfe0: /* PIDR0..3 */
        return id->part & 0xff;
    case 0xfe4:
        return (uint32_t)(id->id & 0xf) << 4 | id->part >> 8;
    case 0xfe8:
        return (uint32_t)id->revision << 4 | 8 | id->id >> 4;
    case 0xff0: /* CIDR0..3 */
        return 0x0d;
    case 0xff4:
        return (uint32_t)id->class << 4;
    case 0xff8:
        return 0x05;
    case 0xffc:
        return 0xb1;
    default:
        return 0;
    }
}

uint32_t romtable_read(struct core *c, enum bus_master m, uint32_t off)
{
    static const uint32_t entry[] = { 0xfff0f003, 0xfff02003, 0xfff03003, 0xfff01003, 0xfff41003, 0xfff42003, 0 };
    const struct coresight_id id = { CLASS_ROM, BANK_ST, JEP106_ST, c->port.rom_part, 0 };
    (void)m;
    if (off < sizeof entry)
        return entry[off / 4];
    return off == 0xfcc ? 1 : coresight_id_read(&id, off); /* MEMTYPE: system memory is on this bus too */
}

uint32_t itm_read(struct core *c, enum bus_master m, uint32_t off)
{
    (void)m;
    if (off < 0x80)
        return 1; /* stimulus port: room in the FIFO */
    return off >= 0xfd0 ? coresight_id_read(&coresight_itm, off) : c->itm[off / 4];
}

void itm_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    (void)m;
    (void)mask;
    c->itm[off / 4] = value;
}

uint32_t tpiu_read(struct core *c, enum bus_master m, uint32_t off)
{
    (void)m;
    if (off == 0xfc8) /* DEVID, DEVTYPE */
        return 0xca1;
    if (off == 0xfcc)
        return 0x11;
    return off >= 0xfd0 ? coresight_id_read(&coresight_tpiu, off) : c->tpiu[off / 4];
}

void tpiu_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask)
{
    (void)m;
    (void)mask;
    c->tpiu[off / 4] = value;
}

uint32_t etm_read(struct core *c, enum bus_master m, uint32_t off)
{
    (void)c;
    (void)m;
    return off == 0xfcc ? 0x13 : coresight_id_read(&coresight_etm, off);
}
