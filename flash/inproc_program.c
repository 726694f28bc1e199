/* The in-process chip: OTP and firmware. */
#include <inttypes.h>
#include <string.h>

#include "flash/fault.h"
#include "flash/inproc_parts.h"

/* ---- OTP ---- */

static uint64_t cell_value(const uint8_t *bytes, uint32_t len)
{
    uint64_t v = 0;

    for (uint32_t i = 0; i < len; i++)
        v |= (uint64_t)bytes[i] << (8 * i);
    return v;
}

static uint32_t cell_addr(const struct chip_desc *d, uint32_t cell)
{
    return d->otp.base + cell * d->otp.cell;
}

static enum err_code otp_fault(const struct inproc *p, enum flash_fault_id f, const char *op, long sr, uint32_t cell,
                               struct err *e)
{
    return err_set(e, &flash_fault[f], op, sr != 0 ? "FLASH_SR" : NULL, sr, "%s, OTP cell %" PRIu32 " at 0x%08" PRIx32,
                   p->chip.desc->name, cell, cell_addr(p->chip.desc, cell));
}

enum err_code inproc_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                              struct err *e)
{
    struct inproc *p = inproc_of(c);
    const uint32_t len = c->desc->otp.cell, cells = c->desc->otp.size / len;
    uint8_t got[CHIP_OTP_MAX];
    enum otp_cell_state how[CHIP_OTP_MAX];
    enum err_code rc;

    if (first > cells || n > cells - first)
        return otp_fault(p, FLASH_OTP_RANGE, "otp read", 0, first, e);
    if ((rc = inproc_ready(p, "otp read", false, e)) != ERR_OK)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t v = 0;
        bool ecc = false;

        if (!port_read_cell(&p->port, cell_addr(c->desc, first + i), len, &v, &ecc))
            return inproc_lost(p, FLASH_READ_FAILED, "otp read", cell_addr(c->desc, first + i), e);
        how[i] = ecc ? OTP_CELL_UNREADABLE : OTP_CELL_READ;
        for (uint32_t k = 0; k < len; k++)
            got[i * len + k] = (uint8_t)(v >> (8 * k));
    }
    memcpy(bytes, got, (size_t)n * len);
    memcpy(state, how, n * sizeof *state);
    return ERR_OK;
}

enum err_code inproc_otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const char *op = "otp program";
    const uint32_t len = c->desc->otp.cell, addr = cell_addr(c->desc, cell);
    const uint64_t want = cell_value(bytes, len), blank = UINT64_MAX >> (64 - 8 * len);
    uint64_t have = 0;
    bool ecc = false;
    uint32_t sr = 0;
    enum err_code rc;

    if (cell >= c->desc->otp.size / len)
        return otp_fault(p, FLASH_OTP_RANGE, op, 0, cell, e);
    if ((rc = inproc_ready(p, op, false, e)) != ERR_OK)
        return rc;
    if (!port_read_cell(&p->port, addr, len, &have, &ecc))
        return inproc_lost(p, FLASH_WRITE_FAILED, op, addr, e);
    if (ecc)
        return otp_fault(p, FLASH_OTP_UNREADABLE, op, 0, cell, e);
    if (have != blank)
        return otp_fault(p, FLASH_OTP_CONFLICT, op, 0, cell, e);
    p->burned = true; /* from here on nobody can promise that nothing was burned */
    switch (port_program(&p->port, addr, len, want, &sr)) {
    case STEP_LOST:
        return inproc_lost(p, FLASH_WRITE_FAILED, op, addr, e);
    case STEP_REFUSED:
        return otp_fault(p, FLASH_OTP_REFUSED, op, (long)sr, cell, e);
    case STEP_OK:
        break;
    }
    if (!port_read_cell(&p->port, addr, len, &have, &ecc))
        return inproc_lost(p, FLASH_WRITE_FAILED, op, addr, e);
    if (ecc || have != want)
        return otp_fault(p, FLASH_OTP_READBACK, op, 0, cell, e);
    return ERR_OK;
}

enum err_code inproc_otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const struct chip_desc *d = c->desc;
    uint32_t zero = 0, between = 0, byte = 0;
    enum err_code rc;

    if ((rc = inproc_ready(p, "otp locks", false, e)) != ERR_OK)
        return rc;
    for (uint32_t i = 0; d->otp.block != 0 && i < d->otp.size / d->otp.block; i++) {
        if (!port_read(&p->port, d->otp.lock_base + i, 1, &byte))
            return inproc_lost(p, FLASH_READ_FAILED, "otp locks", d->otp.lock_base + i, e);
        zero |= (byte == 0 ? 1u : 0u) << i;
        between |= (byte != 0 && byte != 0xFF ? 1u : 0u) << i;
    }
    *locked = zero;
    *torn = between;
    return ERR_OK;
}

enum err_code inproc_otp_lock(struct chip *c, uint32_t block, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const struct chip_desc *d = c->desc;
    const char *op = "otp lock";
    uint32_t byte = 0, sr = 0;
    enum flash_fault_id f;
    enum err_code rc;

    if (d->otp.block == 0)
        return err_set(e, &flash_fault[FLASH_UNSUPPORTED], op, NULL, 0, "%s has no OTP lock bytes", d->name);
    if (block >= d->otp.size / d->otp.block)
        return err_set(e, &flash_fault[FLASH_OTP_RANGE], op, NULL, 0, "%s, OTP block %" PRIu32, d->name, block);
    if ((rc = inproc_ready(p, op, false, e)) != ERR_OK)
        return rc;
    const uint32_t addr = d->otp.lock_base + block;
    if (!port_read(&p->port, addr, 1, &byte))
        return inproc_lost(p, FLASH_READ_FAILED, op, addr, e);
    if (byte == 0)
        return ERR_OK;
    p->burned = true;
    const enum step done = port_program(&p->port, addr, 1, 0, &sr);
    if (done == STEP_LOST || (done == STEP_OK && !port_read(&p->port, addr, 1, &byte)))
        return inproc_lost(p, FLASH_WRITE_FAILED, op, addr, e);
    if (done == STEP_REFUSED)
        f = FLASH_OTP_REFUSED;
    else if (byte != 0)
        f = FLASH_OTP_READBACK;
    else
        return ERR_OK;
    return err_set(e, &flash_fault[f], op, NULL, 0, "%s, OTP block %" PRIu32, d->name, block);
}

/* ---- firmware ---- */

static bool touched(const struct fw_segment *seg, size_t n, uint32_t addr, uint32_t size)
{
    for (size_t i = 0; i < n; i++)
        if (seg[i].len > 0 && seg[i].addr < addr + size && addr < seg[i].addr + seg[i].len)
            return true;
    return false;
}

static enum step erase_touched(struct inproc *p, const struct fw_segment *seg, size_t n, uint32_t *sr)
{
    const struct chip_desc *d = p->chip.desc;
    uint32_t addr = d->flash.base, number = 0;

    for (int r = 0; r < CHIP_SECTORS_MAX && d->flash.run[r].size != 0; r++)
        for (uint32_t i = 0; i < d->flash.run[r].count; i++, number++, addr += d->flash.run[r].size) {
            if (!touched(seg, n, addr, d->flash.run[r].size))
                continue;
            const enum step done = port_erase(&p->port, number, sr);
            if (done != STEP_OK)
                return done;
        }
    return STEP_OK;
}

static enum step program_segment(struct inproc *p, const struct fw_segment *seg, uint32_t *sr)
{
    const unsigned pulse = p->chip.desc->controller == FLASH_STM32L4 ? 8 : 4;

    for (uint32_t i = 0; i < seg->len; i += pulse) {
        const enum step done = port_program(&p->port, seg->addr + i, pulse, cell_value(seg->data + i, pulse), sr);

        if (done != STEP_OK)
            return done;
    }
    return STEP_OK;
}

/* The in-process stand-in for the CRC and the sample: everything is read. */
static enum step verify_segment(struct inproc *p, const struct fw_segment *seg)
{
    for (uint32_t i = 0; i < seg->len; i += 8) {
        uint64_t v = 0;
        bool ecc = false;

        if (!port_read_cell(&p->port, seg->addr + i, 8, &v, &ecc))
            return STEP_LOST;
        if (ecc || v != cell_value(seg->data + i, 8))
            return STEP_REFUSED;
    }
    return STEP_OK;
}

static bool in_flash(const struct chip_desc *d, const struct fw_segment *seg)
{
    const uint32_t off = seg->addr - d->flash.base;

    return off <= d->flash.size && seg->len <= d->flash.size - off && off % 8 == 0 && seg->len % 8 == 0;
}

enum err_code inproc_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const char *op = "flash write";
    uint32_t sr = 0;
    enum err_code rc;

    for (size_t i = 0; i < n; i++)
        if (!in_flash(c->desc, &seg[i]))
            return err_set(e, &flash_fault[FLASH_UNSUPPORTED], op, NULL, 0, "%s, segment at 0x%08" PRIx32, c->desc->name,
                           seg[i].addr);
    if ((rc = inproc_ready(p, op, false, e)) != ERR_OK)
        return rc;
    enum step done = erase_touched(p, seg, n, &sr);
    for (size_t i = 0; i < n && done == STEP_OK; i++)
        done = program_segment(p, &seg[i], &sr);
    for (size_t i = 0; i < n && done == STEP_OK; i++)
        done = verify_segment(p, &seg[i]);
    if (done == STEP_OK)
        return ERR_OK;
    if (done == STEP_LOST)
        return inproc_lost(p, FLASH_WRITE_FAILED, op, c->desc->flash.base, e);
    return err_set(e, &flash_fault[FLASH_FIRMWARE_MISMATCH], op, sr != 0 ? "FLASH_SR" : NULL, (long)sr, "%s", c->desc->name);
}
