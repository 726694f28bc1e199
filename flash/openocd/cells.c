#include <string.h>

#include "flash/openocd/session.h"

enum { CELL_MAX = 8 };

static uint32_t get_le(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

/* Read words of OTP; *failed: an uncorrectable ECC error was met, the words mean nothing. */
static enum err_code read_otp_words(struct openocd *o, uint32_t addr, uint32_t *words, size_t n, bool *failed, struct err *e)
{
    const struct ask ask = { "otp read", o->slot.call_ms, FLASH_READ_FAILED };
    uint32_t v[1 + CHIP_OTP_MAX / 4];
    enum err_code rc = session_ask(o, &ask, v, 1 + n, e, "fl_otp_read %u %zu", addr, n);

    if (rc == ERR_OK) {
        *failed = v[0] != 0;
        memcpy(words, v + 1, n * sizeof *words);
    }
    explicit_bzero(v, sizeof v);
    return rc;
}

static void put_bytes(uint8_t *out, const uint32_t *words, uint32_t skip, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        out[i] = (uint8_t)(words[(skip + i) / 4] >> 8 * ((skip + i) % 4));
}

/* Some cell of first..first+n-1 is torn: find out which.  A cell that shares a word with others takes them along. */
static enum err_code read_one_by_one(struct openocd *o, uint32_t first, uint32_t n, uint8_t *bytes,
                                     enum otp_cell_state *state, struct err *e)
{
    const uint32_t cell = o->chip.desc->otp.cell, base = o->chip.desc->otp.base;
    enum err_code rc = ERR_OK;

    for (uint32_t i = 0; i < n && rc == ERR_OK; i++) {
        uint32_t words[CELL_MAX / 4] = { 0 }, at = (first + i) * cell;
        bool failed = false;
        rc = read_otp_words(o, base + (at & ~3u), words, cell > 4 ? cell / 4 : 1, &failed, e);
        if (rc == ERR_OK) {
            put_bytes(bytes + i * cell, words, at % 4, cell);
            state[i] = failed ? OTP_CELL_UNREADABLE : OTP_CELL_READ;
        }
        explicit_bzero(words, sizeof words);
    }
    return rc;
}

static bool cells_in_area(const struct chip_desc *d, uint32_t first, uint32_t n)
{
    uint32_t cells = d->otp.size / d->otp.cell;

    return n > 0 && first < cells && n <= cells - first && d->otp.size <= CHIP_OTP_MAX && d->otp.cell <= CELL_MAX;
}

static enum err_code out_of_range(struct openocd *o, const char *op, uint32_t at, struct err *e)
{
    return err_set(e, &flash_fault[FLASH_OTP_RANGE], op, NULL, 0, "slot '%s': cell or block %u", o->slot.name, at);
}

enum err_code openocd_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                               struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const uint32_t cell = c->desc->otp.cell;
    uint32_t words[CHIP_OTP_MAX / 4];
    uint8_t got[CHIP_OTP_MAX];
    enum otp_cell_state got_state[CHIP_OTP_MAX];
    bool failed = false;
    enum err_code rc;

    if ((rc = session_ready(o, "otp read", e)) != ERR_OK)
        return rc;
    if (!cells_in_area(c->desc, first, n))
        return out_of_range(o, "otp read", first, e);

    uint32_t from = first * cell, skip = from % 4, len = n * cell;
    rc = read_otp_words(o, c->desc->otp.base + from - skip, words, (skip + len + 3) / 4, &failed, e);
    if (rc == ERR_OK && !failed) {
        put_bytes(got, words, skip, len);
        for (uint32_t i = 0; i < n; i++)
            got_state[i] = OTP_CELL_READ;
    } else if (rc == ERR_OK) {
        rc = read_one_by_one(o, first, n, got, got_state, e);
    }
    if (rc == ERR_OK) {
        memcpy(bytes, got, len);
        memcpy(state, got_state, n * sizeof *state);
    }
    explicit_bzero(words, sizeof words);
    explicit_bzero(got, sizeof got);
    return rc;
}

enum err_code openocd_otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct chip_desc *d = c->desc;
    const struct ask ask = { "otp locks", o->slot.call_ms, FLASH_READ_FAILED };
    uint32_t words[8] = { 0 };
    enum err_code rc = session_ready(o, ask.op, e);

    if (rc != ERR_OK)
        return rc;
    if (d->otp.lock_base == 0) {
        *locked = *torn = 0;
        return ERR_OK;
    }
    uint32_t blocks = d->otp.size / d->otp.block, zero = 0, between = 0; /* <= 32, the contract's */
    if ((rc = openocd_read_words(o, &ask, d->otp.lock_base, words, (blocks + 3) / 4, e)) != ERR_OK)
        return rc;
    for (uint32_t b = 0; b < blocks; b++) {
        const uint32_t byte = words[b / 4] >> 8 * (b % 4) & 0xFF;
        zero |= (byte == 0 ? 1u : 0u) << b;
        between |= (byte != 0 && byte != 0xFF ? 1u : 0u) << b;
    }
    *locked = zero;
    *torn = between;
    return ERR_OK;
}

/* The units of one programming pulse, as the controller wants them: L4 two words, F4 one half-word. */
static enum err_code program_and_read_back(struct openocd *o, uint32_t addr, const uint8_t *bytes, uint32_t cell,
                                           uint32_t *v, struct err *e)
{
    const struct ask ask = { "otp program", o->slot.call_ms, FLASH_WRITE_FAILED };

    /* From the moment the order leaves, nobody can promise any more that nothing was burned. */
    bool before = o->burned;
    o->burned = true;
    enum err_code rc;
    if (cell == 8)
        rc = session_ask(o, &ask, v, 4, e, "fl_otp_program %u 32 %u %u", addr, get_le(bytes, 4), get_le(bytes + 4, 4));
    else
        rc = session_ask(o, &ask, v, 3, e, "fl_otp_program %u %u %u", addr, cell * 8, get_le(bytes, cell));
    if (rc == ERR_OK && v[0] < 2)
        o->burned = before;
    return rc;
}

static enum err_code judge_program(struct openocd *o, uint32_t cell_no, const uint8_t *bytes, uint32_t cell,
                                   const uint32_t *v, struct err *e)
{
    uint32_t unit = cell < 4 ? cell : 4;
    bool same = true;

    if (v[0] == 0)
        return session_fault(o, FLASH_OTP_CONFLICT, "otp program", e, "cell %u", cell_no);
    if (v[0] == 1 || v[0] == 2) {
        session_end(o);
        return session_fault(o, FLASH_WRITE_FAILED, "otp program", e, "cell %u", cell_no);
    }
    if (v[0] != 3) {
        session_end(o);
        return session_fault(o, FLASH_OPENOCD_GARBAGE, "otp program", e, "cell %u", cell_no);
    }
    if (v[1] != 0)
        return session_fault(o, FLASH_OTP_REFUSED, "otp program", e, "cell %u, FLASH_SR error bits 0x%x", cell_no, v[1]);
    for (uint32_t i = 0; i < cell / unit; i++)
        same = same && v[2 + i] == get_le(bytes + i * unit, unit);
    if (!same)
        return session_fault(o, FLASH_OTP_READBACK, "otp program", e, "cell %u", cell_no);
    return ERR_OK;
}

enum err_code openocd_otp_program(struct chip *c, uint32_t cell_no, const uint8_t *bytes, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const uint32_t cell = c->desc->otp.cell;
    uint32_t v[2 + CELL_MAX / 4] = { 0 };
    enum err_code rc;

    if ((rc = session_ready(o, "otp program", e)) != ERR_OK)
        return rc;
    if (!cells_in_area(c->desc, cell_no, 1))
        return out_of_range(o, "otp program", cell_no, e);
    rc = program_and_read_back(o, c->desc->otp.base + cell_no * cell, bytes, cell, v, e);
    if (rc == ERR_OK)
        rc = judge_program(o, cell_no, bytes, cell, v, e);
    explicit_bzero(v, sizeof v);
    return rc;
}

enum err_code openocd_otp_lock(struct chip *c, uint32_t block, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct chip_desc *d = c->desc;
    const struct ask ask = { "otp lock", o->slot.call_ms, FLASH_WRITE_FAILED };
    uint32_t v[2];
    enum err_code rc;

    if ((rc = session_ready(o, ask.op, e)) != ERR_OK)
        return rc;
    if (d->otp.lock_base == 0)
        return session_fault(o, FLASH_UNSUPPORTED, ask.op, e, "%s has no OTP lock bytes", d->name);
    if (block >= d->otp.size / d->otp.block)
        return out_of_range(o, ask.op, block, e);
    o->burned = true;
    if ((rc = session_ask(o, &ask, v, 2, e, "fl_otp_lock %u", d->otp.lock_base + block)) != ERR_OK)
        return rc;
    if (v[0] != 0)
        return session_fault(o, FLASH_OTP_REFUSED, ask.op, e, "lock byte %u, FLASH_SR error bits 0x%x", block, v[0]);
    if (v[1] != 0)
        return session_fault(o, FLASH_OTP_READBACK, ask.op, e, "lock byte %u", block);
    return ERR_OK;
}
