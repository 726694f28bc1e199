/* The FLASH controller of STM32L4, RM0351 rev 9 ch. 3: double words with ECC, each programmed once. */
#include <string.h>

#include "flash/vchip/model.h"

enum { /* offsets, 3.7 */
       ACR = 0x00,
       PDKEYR = 0x04,
       KEYR = 0x08,
       OPTKEYR = 0x0C,
       SR = 0x10,
       CR = 0x14,
       ECCR = 0x18
};

enum { OPTR, PCROP1SR, PCROP1ER, WRP1AR, WRP1BR, PCROP2SR, PCROP2ER, WRP2AR, WRP2BR };

static const uint32_t option_offset[NVM_OPTIONS] = { 0x20, 0x24, 0x28, 0x2C, 0x30, 0x44, 0x48, 0x4C, 0x50 };

/* As delivered: RM0351 table "Option byte organization"; WRP unused as OpenOCD's driver finds it. */
static const uint32_t factory[NVM_OPTIONS] = { 0xFFEFF8AA, 0xFFFFFFFF, 0xFFFF0000, 0xFF00FFFF, 0xFF00FFFF,
                                               0xFFFFFFFF, 0xFFFF0000, 0xFF00FFFF, 0xFF00FFFF };
/* 3.4.2 "Option byte loading": on a mismatch all ones but BOR_LEV, RDP level 1, no write protection. */
static const uint32_t mismatch[NVM_OPTIONS] = { 0xFFFFF8FF, 0xFFFFFFFF, 0xFFFF0000, 0xFF00FFFF, 0xFF00FFFF,
                                                0xFFFFFFFF, 0xFFFF0000, 0xFF00FFFF, 0xFF00FFFF };

static const uint32_t SR_PROGERR = 1u << 3, SR_WRPERR = 1u << 4, SR_PGAERR = 1u << 5, SR_SIZERR = 1u << 6,
                      SR_PGSERR = 1u << 7, SR_OPTVERR = 1u << 15, SR_BSY = 1u << 16, SR_ERRORS = 0xC3FA;
static const uint32_t CR_PG = 1u << 0, CR_PER = 1u << 1, CR_MER1 = 1u << 2, CR_BKER = 1u << 11, CR_MER2 = 1u << 15,
                      CR_STRT = 1u << 16, CR_OPTSTRT = 1u << 17, CR_OBL_LAUNCH = 1u << 27, CR_OPTLOCK = 1u << 30,
                      CR_LOCK = 1u << 31;
/* What software can set and read back: PG PER MER1 PNB BKER MER2 FSTPG EOPIE ERRIE RDERRIE. */
static const uint32_t CR_KEPT = 0x07048FFF;
static const uint32_t ECCR_ECCD = 1u << 31, ECCR_ECCC = 1u << 30, ECCR_ECCIE = 1u << 24, ECCR_SYSF = 1u << 20,
                      ECCR_BK = 1u << 19, ECCR_ADDR = 0x7FFFF;

/* DS10198 table "Flash memory characteristics", typical. */
static const uint64_t program_ns = 82000, page_erase_ns = 22000000, mass_erase_ns = 22000000;

enum { PAGE = 2048, DWORD = 8 };

static void l4_reset(struct silicon *s)
{
    s->acr = 0x600;
    key_reset(&s->keyr, 0x45670123, 0xCDEF89AB);
    key_reset(&s->optkeyr, 0x08192A3B, 0x4C5D6E7F);
    if (s->options_bad)
        s->sr |= SR_OPTVERR;
}

static void fail(struct silicon *s, uint32_t flag)
{
    s->half.waiting = false;
    s->sr |= flag;
}

/* ---- programming, 3.3.7 ---- */

static uint32_t bank_size(const struct silicon *s)
{
    return s->desc->flash.size / 2;
}

/* Any page of the range under write protection?  WRPxxR: first page in 7:0, last in 23:16; none when first > last. */
static bool write_protected(const struct silicon *s, uint32_t off, uint32_t len)
{
    static const int area[4] = { WRP1AR, WRP1BR, WRP2AR, WRP2BR };

    for (unsigned i = 0; i < 4; i++) {
        const uint32_t wrp = s->active[area[i]], base = i < 2 ? 0 : bank_size(s);
        const uint32_t first = wrp & 0xFF, last = wrp >> 16 & 0xFF;

        if (first <= last && off < base + (last + 1) * PAGE && off + len > base + first * PAGE)
            return true;
    }
    return false;
}

/* Zero is the one value that may be written over another, and in the main array only: OTP takes each double word once, "even
 * with the value 0x0000 0000 0000 0000" (RM0473, and ST on its forum for the L4). */
static bool may_program(const struct silicon *s, const struct nvm_area *a, uint32_t off, uint64_t value)
{
    if (!nvm_bit(a->spent, off) && nvm_get(a, off, DWORD) == UINT64_MAX)
        return true;
    return a == &s->nvm.area[NVM_FLASH] && value == 0;
}

static enum bus_status program_dword(struct silicon *s, struct nvm_area *a, uint32_t off, uint64_t value)
{
    if (a == &s->nvm.area[NVM_FLASH] && write_protected(s, off, DWORD))
        fail(s, SR_WRPERR);
    else if (!may_program(s, a, off, value))
        fail(s, SR_PROGERR);
    else
        return op_program(s, a, off, DWORD, value, program_ns);
    return BUS_OK;
}

static enum bus_status l4_program(struct silicon *s, struct nvm_area *a, uint32_t off, unsigned size, uint32_t value)
{
    const uint32_t want = s->half.off + 4;
    const bool second = s->half.waiting;

    if (s->keyr.locked || (s->cr & CR_PG) == 0 || (s->sr & SR_ERRORS) != 0) {
        fail(s, SR_PGSERR);
        return BUS_OK;
    }
    if (size != 4) {
        fail(s, SR_SIZERR);
        return BUS_OK;
    }
    if (second ? (a != s->half.area || off != want) : off % DWORD != 0) {
        fail(s, SR_PGAERR);
        return BUS_OK;
    }
    if (!second) {
        s->half.waiting = true;
        s->half.area = a;
        s->half.off = off;
        s->half.value = value;
        return BUS_OK;
    }
    s->half.waiting = false;
    return program_dword(s, a, s->half.off, (uint64_t)value << 32 | s->half.value);
}

/* ---- erasing, 3.3.6 ---- */

static void erase(struct silicon *s, uint32_t cr)
{
    const uint32_t bank = bank_size(s);
    const bool page = (cr & CR_PER) != 0, m1 = (cr & CR_MER1) != 0, m2 = (cr & CR_MER2) != 0;
    uint32_t off = 0, len = 0;

    if (page) {
        off = ((cr & CR_BKER) != 0 ? bank : 0) + (cr >> 3 & 0xFF) * PAGE;
        len = PAGE;
    } else if (m1 || m2) {
        off = m1 ? 0 : bank;
        len = m1 && m2 ? 2 * bank : bank;
    }
    if ((s->sr & SR_ERRORS) != 0 || len == 0 || (cr & CR_PG) != 0 || (page && (m1 || m2)))
        fail(s, SR_PGSERR);
    else if (!opt_array_open(s, s->master) || write_protected(s, off, len))
        fail(s, SR_WRPERR);
    else
        op_erase(s, off, len, page ? page_erase_ns : mass_erase_ns);
}

/* ---- registers, 3.7 ---- */

static void launch(struct silicon *s)
{
    opt_load(s);
    silicon_system_reset(s);
    if (s->port.launch != NULL)
        s->port.launch(s->port.io);
}

static enum bus_status write_cr(struct silicon *s, uint32_t value)
{
    if (silicon_busy(s))
        return BUS_WAIT; /* "the AHB bus is stalled until the BSY bit is cleared" */
    if (s->keyr.locked)
        return BUS_OK;
    const bool options = !s->optkeyr.locked;
    s->half.waiting = false;
    s->cr = value & CR_KEPT;
    if ((value & CR_STRT) != 0)
        erase(s, value);
    if (options && (value & CR_OPTSTRT) != 0 && !opt_program(s))
        fail(s, SR_WRPERR); /* level 2 is for ever */
    if (options && (value & CR_OBL_LAUNCH) != 0 && !silicon_busy(s)) {
        launch(s);
        return BUS_OK;
    }
    s->keyr.locked = s->keyr.locked || (value & CR_LOCK) != 0;
    s->optkeyr.locked = s->optkeyr.locked || (value & (CR_OPTLOCK | CR_LOCK)) != 0;
    return BUS_OK;
}

static uint32_t *option_register(struct silicon *s, uint32_t offset)
{
    for (int i = 0; i < NVM_OPTIONS; i++)
        if (option_offset[i] == offset)
            return &s->opt[i];
    return NULL;
}

static uint32_t l4_reg_read(struct silicon *s, uint32_t offset)
{
    const bool busy = silicon_busy(s);
    const uint32_t *option = option_register(s, offset);

    switch (offset) {
    case ACR:
        return s->acr;
    case PDKEYR:
        return s->pdkeyr;
    case SR:
        return s->sr | (busy ? SR_BSY : 0);
    case CR:
        return s->cr | (s->keyr.locked ? CR_LOCK : 0) | (s->optkeyr.locked ? CR_OPTLOCK : 0) |
               (busy && s->op.kind == OP_ERASE ? CR_STRT : 0) | (busy && s->op.kind == OP_OPTIONS ? CR_OPTSTRT : 0);
    case ECCR:
        return s->eccr;
    default:
        return option != NULL ? *option : 0; /* the keys read as zero */
    }
}

static uint32_t merge(uint32_t old, uint32_t value, uint32_t lanes)
{
    return (old & ~lanes) | value;
}

static enum bus_status l4_reg_write(struct silicon *s, uint32_t offset, uint32_t value, uint32_t lanes)
{
    uint32_t *option = option_register(s, offset);

    switch (offset) {
    case ACR:
        s->acr = merge(s->acr, value, lanes);
        break;
    case PDKEYR:
        s->pdkeyr = merge(s->pdkeyr, value, lanes);
        break;
    case KEYR:
        return key_write(&s->keyr, value);
    case OPTKEYR:
        /* 3.4.2: LOCK must be open before OPTLOCK.  ASSUME: keys at the wrong time are a wrong sequence; all drivers that we
         * know keep the order. */
        s->optkeyr.dead = s->optkeyr.dead || s->keyr.locked;
        return key_write(&s->optkeyr, value);
    case SR:
        s->sr &= ~value;
        break;
    case CR:
        return write_cr(s, merge(s->cr, value, lanes));
    case ECCR:
        s->eccr = merge(s->eccr & ECCR_ECCIE, value & ECCR_ECCIE, lanes) | (s->eccr & ~ECCR_ECCIE);
        s->eccr &= ~(value & (ECCR_ECCD | ECCR_ECCC));
        break;
    default:
        if (option != NULL && !s->optkeyr.locked && s->rdp != 2)
            *option = merge(*option, value, lanes);
    }
    return BUS_OK;
}

static void l4_ecc_error(struct silicon *s, const struct nvm_area *a, uint32_t off)
{
    const bool bank2 = a == &s->nvm.area[NVM_FLASH] && off >= bank_size(s);

    if ((s->eccr & (ECCR_ECCD | ECCR_ECCC)) != 0)
        return; /* the first one is kept until it is cleared */
    /* Main array: offset in its bank.  OTP: offset in system flash, which starts at 0x1FFF0000. */
    uint32_t where = a == &s->nvm.area[NVM_FLASH] ? off % bank_size(s) : ((a->base + off) & 0xFFFF) | ECCR_SYSF;
    where &= (ECCR_ADDR & ~(uint32_t)(DWORD - 1)) | ECCR_SYSF;
    s->eccr = (s->eccr & ECCR_ECCIE) | ECCR_ECCD | where | (bank2 ? ECCR_BK : 0);
}

/* ---- power that goes at the wrong moment ---- */

static void l4_tear_pulse(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t old)
{
    const uint64_t want = nvm_get(a, off, len);

    nvm_put(&s->nvm, a, off, len, want | (old & op_noise(a->base + off)));
    nvm_bit_set(a->ecc, off, true);
    nvm_bit_set(a->spent, off, true);
}

/* Of each four double words: one unreadable, one that reads blank and is not, two blank. */
static void l4_tear_erase(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len)
{
    for (uint32_t at = off; at < off + len; at += DWORD) {
        const uint64_t noise = op_noise(a->base + at);

        if (noise % 4 == 0) {
            nvm_put(&s->nvm, a, at, DWORD, noise);
            nvm_bit_set(a->ecc, at, true);
        }
        if (noise % 4 <= 1)
            nvm_bit_set(a->spent, at, true);
    }
}

/* ---- option bytes as memory, 3.4.1: each word, then its complement; bank 2's at 0x1FFFF800 ---- */

static uint8_t l4_option_byte(const struct silicon *s, uint32_t addr)
{
    static const int order[2][5] = { { OPTR, PCROP1SR, PCROP1ER, WRP1AR, WRP1BR },
                                     { -1, PCROP2SR, PCROP2ER, WRP2AR, WRP2BR } };
    const uint32_t at = addr & 0xFF;
    const int i = order[(addr & 0x8000) != 0][at / 8];
    const uint32_t word = i < 0 ? UINT32_MAX : s->nvm.head->options[i];

    return (uint8_t)(((at & 4) != 0 ? ~word : word) >> (8 * (at & 3)));
}

static uint8_t l4_rdp_byte(const uint32_t options[NVM_OPTIONS])
{
    return (uint8_t)options[OPTR];
}

const struct flash_model flash_l4_model = {
    .reset = l4_reset,
    .reg_read = l4_reg_read,
    .reg_write = l4_reg_write,
    .program = l4_program,
    .tear_pulse = l4_tear_pulse,
    .tear_erase = l4_tear_erase,
    .ecc_error = l4_ecc_error,
    .option_byte = l4_option_byte,
    .rdp_byte = l4_rdp_byte,
    /* RM0351 table "Flash module organization"; the reserved row after OTP holds UID and flash size */
    .system = { { 0x1FFF0000, 0x7000 }, { 0x1FFF7400, 0x400 }, { 0x1FFF8000, 0x7000 } },
    .options = { { 0x1FFF7800, 40 }, { 0x1FFFF800, 40 } },
    .factory = factory,
    .mismatch = mismatch,
    .options_ns = 22000000 + 5 * 82000, /* the row is erased, then its words are programmed */
    .mass_erase_ns = 22000000,
};
