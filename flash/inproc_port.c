#include "flash/inproc_port.h"

struct regs {
    uint32_t keyr, optkeyr, sr, cr, eccr, opt; /* offsets; eccr 0: none */
    uint32_t errors;                           /* FLASH_SR, write 1 to clear */
    uint32_t rdp_shift;                        /* of the RDP byte in the option register */
    unsigned word;                             /* bytes of one bus write in a program; 0: the whole of it */
    uint32_t erase_shift, bank_bit, bank_sectors;
};

static const struct regs regs_of[] = {
    [FLASH_STM32L4] = { .keyr = 0x08,
                        .optkeyr = 0x0C,
                        .sr = 0x10,
                        .cr = 0x14,
                        .eccr = 0x18,
                        .opt = 0x20,
                        .errors = 0xC3FA,
                        .word = 4,
                        .erase_shift = 3,
                        .bank_bit = 1u << 11,
                        .bank_sectors = 256 }, /* RM0351 3.7 */
    [FLASH_STM32F4] = { .keyr = 0x04,
                        .optkeyr = 0x08,
                        .sr = 0x0C,
                        .cr = 0x10,
                        .opt = 0x14,
                        .errors = 0xF2,
                        .rdp_shift = 8,
                        .erase_shift = 3,
                        .bank_sectors = UINT32_MAX }, /* RM0090 3.9 */
};

/* Same place in both controllers; PER and SER too. */
static const uint32_t CR_PG = 1u << 0, CR_ERASE = 1u << 1, CR_STRT = 1u << 16, CR_LOCK = 1u << 31, SR_BSY = 1u << 16;
static const uint32_t L4_OPTSTRT = 1u << 17, L4_OBL_LAUNCH = 1u << 27, L4_OPTLOCK = 1u << 30;
static const uint32_t L4_ECCD = 1u << 31, L4_ECCC = 1u << 30;
static const uint32_t F4_OPTLOCK = 1u << 0, F4_OPTSTRT = 1u << 1;

static const struct regs *regs(const struct port *p)
{
    return &regs_of[p->desc->controller];
}

bool port_read(struct port *p, uint32_t addr, unsigned size, uint32_t *value)
{
    enum bus_status st;

    for (uint64_t wait_ns = 1000; (st = silicon_read(p->silicon, BUS_DEBUG, addr, size, value)) == BUS_WAIT; wait_ns *= 2)
        p->now_ns += wait_ns;
    return st == BUS_OK;
}

bool port_write(struct port *p, uint32_t addr, unsigned size, uint32_t value)
{
    enum bus_status st;

    for (uint64_t wait_ns = 1000; (st = silicon_write(p->silicon, BUS_DEBUG, addr, size, value)) == BUS_WAIT; wait_ns *= 2)
        p->now_ns += wait_ns;
    return st == BUS_OK;
}

static bool reg_read(struct port *p, uint32_t offset, uint32_t *value)
{
    return port_read(p, p->desc->flash_regs + offset, 4, value);
}

static bool reg_write(struct port *p, uint32_t offset, uint32_t value)
{
    return port_write(p, p->desc->flash_regs + offset, 4, value);
}

bool port_read_cell(struct port *p, uint32_t addr, unsigned len, uint64_t *value, bool *ecc)
{
    const struct regs *r = regs(p);
    const unsigned word = len < 4 ? len : 4;
    uint32_t v = 0;

    *value = 0;
    *ecc = false;
    if (r->eccr != 0 && !reg_write(p, r->eccr, L4_ECCD | L4_ECCC))
        return false;
    for (unsigned i = 0; i < len; i += word) {
        if (!port_read(p, addr + i, word, &v))
            return false;
        *value |= (uint64_t)v << (8 * i);
    }
    if (r->eccr != 0) {
        if (!reg_read(p, r->eccr, &v))
            return false;
        *ecc = (v & L4_ECCD) != 0;
    }
    return true;
}

/* A key for an open lock would lock it until reset: look first. */
static bool unlock(struct port *p, uint32_t lock_reg, uint32_t lock_bit, uint32_t key_reg, uint32_t key1, uint32_t key2)
{
    uint32_t v = 0;

    if (!reg_read(p, lock_reg, &v))
        return false;
    if ((v & lock_bit) == 0)
        return true;
    return reg_write(p, key_reg, key1) && reg_write(p, key_reg, key2) && reg_read(p, lock_reg, &v) && (v & lock_bit) == 0;
}

static bool unlock_flash(struct port *p)
{
    return unlock(p, regs(p)->cr, CR_LOCK, regs(p)->keyr, 0x45670123, 0xCDEF89AB);
}

/* Wait for the end, take the verdict, and lock again whatever it is. */
static enum step finish(struct port *p, uint32_t *sr)
{
    const struct regs *r = regs(p);

    for (uint64_t wait_ns = 1000;; wait_ns *= 2) {
        if (!reg_read(p, r->sr, sr))
            return STEP_LOST;
        if ((*sr & SR_BSY) == 0)
            break;
        p->now_ns += wait_ns;
    }
    if (!reg_write(p, r->sr, r->errors) || !reg_write(p, r->cr, CR_LOCK))
        return STEP_LOST;
    return (*sr & r->errors) != 0 ? STEP_REFUSED : STEP_OK;
}

enum step port_program(struct port *p, uint32_t addr, unsigned len, uint64_t value, uint32_t *sr)
{
    const struct regs *r = regs(p);
    const unsigned word = r->word != 0 ? r->word : len;
    const uint32_t psize = r->word != 0 ? 0 : len == 4 ? 2 : len == 2 ? 1 : 0;

    if (!reg_write(p, r->sr, r->errors) || !unlock_flash(p) || !reg_write(p, r->cr, CR_PG | psize << 8))
        return STEP_LOST;
    for (unsigned i = 0; i < len; i += word)
        if (!port_write(p, addr + i, word, (uint32_t)(value >> (8 * i))))
            return STEP_LOST;
    return finish(p, sr);
}

enum step port_erase(struct port *p, uint32_t sector, uint32_t *sr)
{
    const struct regs *r = regs(p);
    const uint32_t bank = sector >= r->bank_sectors ? r->bank_bit : 0, number = sector % r->bank_sectors;

    if (!reg_write(p, r->sr, r->errors) || !unlock_flash(p) ||
        !reg_write(p, r->cr, CR_ERASE | number << r->erase_shift | bank | CR_STRT))
        return STEP_LOST;
    return finish(p, sr);
}

bool port_rdp_byte(struct port *p, uint8_t *byte)
{
    uint32_t v = 0;

    if (!reg_read(p, regs(p)->opt, &v))
        return false;
    *byte = (uint8_t)(v >> regs(p)->rdp_shift);
    return true;
}

static enum step rdp_l4(struct port *p, uint32_t options, uint32_t *sr)
{
    const struct regs *r = regs(p);

    if (!unlock_flash(p) || !unlock(p, r->cr, L4_OPTLOCK, r->optkeyr, 0x08192A3B, 0x4C5D6E7F) ||
        !reg_write(p, r->opt, options) || !reg_write(p, r->cr, L4_OPTSTRT))
        return STEP_LOST;
    const enum step done = finish(p, sr);
    if (done != STEP_OK)
        return done;
    if (!unlock_flash(p) || !unlock(p, r->cr, L4_OPTLOCK, r->optkeyr, 0x08192A3B, 0x4C5D6E7F) ||
        !reg_write(p, r->cr, L4_OBL_LAUNCH))
        return STEP_LOST;
    return STEP_OK;
}

static enum step rdp_f4(struct port *p, uint32_t options, uint32_t *sr)
{
    const struct regs *r = regs(p);

    options &= ~(F4_OPTLOCK | F4_OPTSTRT);
    if (!unlock(p, r->opt, F4_OPTLOCK, r->optkeyr, 0x08192A3B, 0x4C5D6E7F) || !reg_write(p, r->opt, options) ||
        !reg_write(p, r->opt, options | F4_OPTSTRT))
        return STEP_LOST;
    const enum step done = finish(p, sr);
    if (done != STEP_OK)
        return done;
    return reg_write(p, r->opt, options | F4_OPTLOCK) ? STEP_OK : STEP_LOST;
}

enum step port_rdp_program(struct port *p, uint8_t byte, uint32_t *sr)
{
    const struct regs *r = regs(p);
    uint32_t v = 0;

    if (!reg_write(p, r->sr, r->errors) || !reg_read(p, r->opt, &v))
        return STEP_LOST;
    v = (v & ~(0xFFu << r->rdp_shift)) | (uint32_t)byte << r->rdp_shift;
    return p->desc->controller == FLASH_STM32L4 ? rdp_l4(p, v, sr) : rdp_f4(p, v, sr);
}
