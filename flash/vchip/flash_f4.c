/* The FLASH controller of STM32F405/407, RM0090 rev 19 ch. 3: bits go from 1 to 0, and nobody says so when they do not. */
#include "flash/vchip/model.h"

enum { ACR = 0x00, KEYR = 0x04, OPTKEYR = 0x08, SR = 0x0C, CR = 0x10, OPTCR = 0x14 }; /* offsets, 3.9 */

static const uint32_t SR_WRPERR = 1u << 4, SR_PGAERR = 1u << 5, SR_PGPERR = 1u << 6, SR_PGSERR = 1u << 7, SR_BSY = 1u << 16,
                      SR_W1C = 0xF3;
static const uint32_t CR_PG = 1u << 0, CR_SER = 1u << 1, CR_MER = 1u << 2, CR_STRT = 1u << 16, CR_LOCK = 1u << 31,
                      CR_KEPT = 0x0300037F; /* PG SER MER SNB PSIZE EOPIE ERRIE */
static const uint32_t OPTCR_LOCK = 1u << 0, OPTCR_STRT = 1u << 1, OPTCR_KEPT = 0x0FFFFFEC; /* BOR USER RDP nWRP */

/* As delivered, 3.9.6: 0x0FFFAAED without OPTLOCK. */
static const uint32_t factory[NVM_OPTIONS] = { 0x0FFFAAEC };
/* ASSUME: option bytes that lost power in mid-program load as level 1 without write protection; RM0090 is silent, the strict
 * reading costs a mass erase and nothing else. */
static const uint32_t mismatch[NVM_OPTIONS] = { 0x0FFFFFEC };

/* DS8626 tables "Flash memory programming", typical, x32. */
static const uint64_t program_ns = 16000, mass_erase_ns = 8000000000;

enum { ROW = 16 /* bytes: 128 bits */, OTP_OPEN = 0xFF };

static void f4_reset(struct silicon *s)
{
    s->acr = 0;
    key_reset(&s->keyr, 0x45670123, 0xCDEF89AB);
    key_reset(&s->optkeyr, 0x08192A3B, 0x4C5D6E7F);
}

/* ---- the array, 3.6 ---- */

struct sector {
    uint32_t off, size, number;
};

/* The sector that holds byte `off` of the array, or (off UINT32_MAX) the one of that number; size 0: none. */
static struct sector sector_find(const struct chip_desc *d, uint32_t off, uint32_t number)
{
    struct sector at = { 0 };

    for (int r = 0; r < CHIP_SECTORS_MAX && d->flash.run[r].size != 0; r++)
        for (uint32_t i = 0; i < d->flash.run[r].count; i++, at.number++) {
            at.size = d->flash.run[r].size;
            if (off == UINT32_MAX ? at.number == number : off - at.off < at.size)
                return at;
            at.off += at.size;
        }
    return (struct sector){ 0 };
}

static bool sector_protected(const struct silicon *s, uint32_t number)
{
    return (s->active[0] >> (16 + number) & 1) == 0; /* nWRP */
}

/* 00 locks.  ASSUME: anything between 00 and FF locks as well; the manual has no meaning for it, and a part
 * that refuses shows who relies on one. */
static bool block_locked(const struct silicon *s, uint32_t otp_off)
{
    return s->nvm.area[NVM_LOCKS].data[otp_off / s->desc->otp.block] != OTP_OPEN;
}

static bool write_protected(const struct silicon *s, const struct nvm_area *a, uint32_t off)
{
    if (a == &s->nvm.area[NVM_FLASH])
        return sector_protected(s, sector_find(s->desc, off, 0).number);
    if (s->rdp != 0)
        return true; /* RM0090 table "Access versus read protection level": OTP write n/a above level 0 */
    return a == &s->nvm.area[NVM_OTP] && block_locked(s, off);
}

static enum bus_status f4_program(struct silicon *s, struct nvm_area *a, uint32_t off, unsigned size, uint32_t value)
{
    const unsigned psize = 1u << (s->cr >> 8 & 3); /* bytes; x64 needs Vpp and a 64-bit access: no size fits */

    if (s->keyr.locked || (s->cr & CR_PG) == 0)
        s->sr |= SR_PGSERR;
    else if (off % ROW + size > ROW)
        s->sr |= SR_PGAERR;
    else if (psize != size)
        s->sr |= SR_PGPERR;
    else if (off % size != 0)
        return BUS_FAULT; /* the core splits these; none reaches the AHB */
    else if (write_protected(s, a, off))
        s->sr |= SR_WRPERR;
    else
        return op_program(s, a, off, size, nvm_get(a, off, size) & value, program_ns);
    return BUS_OK;
}

static uint64_t sector_erase_ns(uint32_t size)
{
    return size <= 16 * 1024 ? 250000000 : size <= 64 * 1024 ? 550000000 : 1000000000;
}

static void erase(struct silicon *s, uint32_t cr)
{
    const struct sector sec = sector_find(s->desc, UINT32_MAX, cr >> 3 & 0xF);
    const bool mass = (cr & CR_MER) != 0;
    const uint32_t all = (1u << 12) - 1;

    if ((cr & CR_PG) != 0 || ((cr & CR_SER) != 0) == mass || (!mass && sec.size == 0))
        s->sr |= SR_PGSERR;
    else if (!opt_array_open(s, s->master) || (mass ? (s->active[0] >> 16 & all) != all : sector_protected(s, sec.number)))
        s->sr |= SR_WRPERR;
    else if (mass)
        op_erase(s, 0, s->desc->flash.size, mass_erase_ns);
    else
        op_erase(s, sec.off, sec.size, sector_erase_ns(sec.size));
}

/* ---- registers, 3.9 ---- */

static uint32_t merge(uint32_t old, uint32_t value, uint32_t lanes)
{
    return (old & ~lanes) | value;
}

static enum bus_status write_cr(struct silicon *s, uint32_t value)
{
    if (silicon_busy(s))
        return BUS_WAIT; /* 3.6.1: "will cause the AHB bus to stall until the BSY bit is cleared" */
    if (s->keyr.locked)
        return BUS_OK;
    s->cr = value & CR_KEPT;
    if ((value & CR_STRT) != 0)
        erase(s, value);
    s->keyr.locked = (value & CR_LOCK) != 0;
    return BUS_OK;
}

static enum bus_status write_optcr(struct silicon *s, uint32_t value)
{
    if (silicon_busy(s))
        return BUS_WAIT;
    if (s->optkeyr.locked)
        return BUS_OK;
    if (s->rdp != 2)
        s->opt[0] = value & OPTCR_KEPT;
    if ((value & OPTCR_STRT) != 0 && !opt_program(s))
        s->sr |= SR_WRPERR; /* level 2 is for ever */
    s->optkeyr.locked = (value & OPTCR_LOCK) != 0;
    return BUS_OK;
}

static uint32_t f4_reg_read(struct silicon *s, uint32_t offset)
{
    const bool busy = silicon_busy(s);

    switch (offset) {
    case ACR:
        return s->acr;
    case SR:
        return s->sr | (busy ? SR_BSY : 0);
    case CR:
        return s->cr | (s->keyr.locked ? CR_LOCK : 0) | (busy && s->op.kind == OP_ERASE ? CR_STRT : 0);
    case OPTCR:
        return s->opt[0] | (s->optkeyr.locked ? OPTCR_LOCK : 0) | (busy && s->op.kind == OP_OPTIONS ? OPTCR_STRT : 0);
    default:
        return 0;
    }
}

static enum bus_status f4_reg_write(struct silicon *s, uint32_t offset, uint32_t value, uint32_t lanes)
{
    switch (offset) {
    case ACR:
        s->acr = merge(s->acr, value, lanes);
        break;
    case KEYR:
        return key_write(&s->keyr, value);
    case OPTKEYR:
        return key_write(&s->optkeyr, value);
    case SR:
        s->sr &= ~(value & SR_W1C);
        break;
    case CR:
        return write_cr(s, merge(s->cr, value, lanes));
    case OPTCR:
        return write_optcr(s, merge(s->opt[0], value, lanes));
    default:
        break;
    }
    return BUS_OK;
}

/* ---- power that goes at the wrong moment ---- */

/* About half of the bits that were falling have fallen; at least one, and not all, when there are two or more. */
static void f4_tear_pulse(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t old)
{
    const uint64_t falling = old & ~nvm_get(a, off, len);
    const uint64_t first = falling & (~falling + 1), rest = falling & ~first;
    const uint64_t last = rest & (~rest + 1); /* of the rest, its lowest: stays up */
    uint64_t fell = falling & op_noise(a->base + off);

    if (rest != 0)
        fell = (fell | first) & ~last;
    nvm_put(&s->nvm, a, off, len, old & ~fell);
}

/* Every fourth byte is neither what it was nor erased. */
static void f4_tear_erase(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len)
{
    for (uint32_t at = off; at < off + len; at++)
        if (op_noise(a->base + at) % 4 == 0)
            nvm_put(&s->nvm, a, at, 1, op_noise(a->base + at) >> 8);
}

/* ---- option bytes as memory, 3.7.1: USER and RDP at +0, nWRP at +8 ---- */

static uint8_t f4_option_byte(const struct silicon *s, uint32_t addr)
{
    const uint32_t o = s->nvm.head->options[0], at = addr & 0xF;

    if (at < 2)
        return (uint8_t)(o >> (8 * at));
    if (at == 8 || at == 9)
        return (uint8_t)((o >> 16 | 0xF000) >> (8 * (at - 8)));
    return 0xFF;
}

static uint8_t f4_rdp_byte(const uint32_t options[NVM_OPTIONS])
{
    return (uint8_t)(options[0] >> 8);
}

const struct flash_model flash_f4_model = {
    .reset = f4_reset,
    .reg_read = f4_reg_read,
    .reg_write = f4_reg_write,
    .program = f4_program,
    .tear_pulse = f4_tear_pulse,
    .tear_erase = f4_tear_erase,
    .option_byte = f4_option_byte,
    .rdp_byte = f4_rdp_byte,
    /* RM0090 table "Flash module organization"; the row after the lock bytes holds UID and flash size */
    .system = { { 0x1FFF0000, 0x7800 }, { 0x1FFF7A10, 0x20 } },
    .options = { { 0x1FFFC000, 0x10 } },
    .factory = factory,
    .mismatch = mismatch,
    .options_ns = 250000000, /* ASSUME: as a 16 KB sector; the data sheet gives no number of its own */
    .mass_erase_ns = 8000000000,
    .options_at_once = true,
};
