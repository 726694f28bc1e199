#include "protocol/counter.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/crc32.h"
#include "protocol/otp_cells.h"

enum { OFF_BOOT = 0, OFF_GEN = 4, OFF_SALT = 5, OFF_EPOCH = 21, OFF_V = 22, OFF_FILL = 23, OFF_CRC = 28, FILL_LEN = 5 };

/* ---- the record ---- */

void counter_encode(const struct counter_record *r, uint8_t out[COUNTER_RECORD_LEN])
{
    boot4(r->boot, out + OFF_BOOT);
    out[OFF_GEN] = r->gen;
    memcpy(out + OFF_SALT, r->salt, sizeof r->salt);
    out[OFF_EPOCH] = r->epoch;
    out[OFF_V] = r->v;
    memset(out + OFF_FILL, 0xFF, FILL_LEN);
    put32(out + OFF_CRC, crc32_ieee(0, out, OFF_CRC));
}

bool counter_decode(const uint8_t in[COUNTER_RECORD_LEN], struct counter_record *r)
{
    if (get32(in + OFF_CRC) != crc32_ieee(0, in, OFF_CRC) || in[OFF_BOOT] != 0 || !bytes_all(in + OFF_FILL, FILL_LEN, 0xFF))
        return false;
    r->boot = get32(in + OFF_BOOT);
    r->gen = in[OFF_GEN];
    memcpy(r->salt, in + OFF_SALT, sizeof r->salt);
    r->epoch = in[OFF_EPOCH];
    r->v = in[OFF_V];
    return true;
}

uint32_t boot_number(uint8_t nvm_loss, uint32_t flash_boot)
{
    return (uint32_t)nvm_loss << FLASH_BOOT_BITS | flash_boot;
}

uint8_t boot_nvm_loss(uint32_t boot)
{
    return (uint8_t)(boot >> FLASH_BOOT_BITS);
}

uint32_t boot_flash(uint32_t boot)
{
    return boot & FLASH_BOOT_MAX;
}

void boot3(uint32_t boot, uint8_t out[3])
{
    out[0] = (uint8_t)(boot >> 16);
    put16(out + 1, (uint16_t)boot);
}

void boot4(uint32_t boot, uint8_t out[4])
{
    put32(out, boot & 0xFFFFFF);
}

/* ---- reading the pages ---- */

enum slot_state { SLOT_BLANK, SLOT_INVALID, SLOT_VALID };

static enum slot_state look(const struct counter_flash *f, unsigned page, unsigned slot, struct counter_record *r)
{
    uint8_t bytes[COUNTER_RECORD_LEN];
    if (!f->read(f->io, page, slot, bytes))
        return SLOT_INVALID;
    if (bytes_all(bytes, sizeof bytes, 0xFF))
        return SLOT_BLANK;
    return counter_decode(bytes, r) ? SLOT_VALID : SLOT_INVALID;
}

struct page_scan {
    unsigned used;   /* slots up to and with the last non-blank one */
    unsigned filled; /* non-blank slots behind the newest valid one (behind none: all non-blank) */
    bool valid;      /* it has a valid record: */
    struct counter_record newest;
};

static void scan_page(const struct counter_flash *f, unsigned page, struct page_scan *s)
{
    struct counter_record r;
    memset(s, 0, sizeof *s);
    for (unsigned slot = 0; slot < f->slots; slot++) {
        enum slot_state state = look(f, page, slot, &r);
        if (state == SLOT_BLANK)
            continue;
        s->used = slot + 1;
        s->filled++;
        if (state == SLOT_VALID && (!s->valid || r.boot >= s->newest.boot)) {
            s->newest = r;
            s->valid = true;
            s->filled = 0;
        }
    }
}

/* Index of the page with the newest valid record; -1: none. */
static int newest_page(const struct page_scan s[COUNTER_PAGES])
{
    if (!s[0].valid && !s[1].valid)
        return -1;
    return !s[0].valid || (s[1].valid && s[1].newest.boot > s[0].newest.boot);
}

bool counter_newest(const struct counter_flash *f, struct counter_record *out)
{
    struct page_scan s[COUNTER_PAGES];
    for (unsigned i = 0; i < COUNTER_PAGES; i++)
        scan_page(f, i, &s[i]);
    int page = newest_page(s);
    if (page >= 0)
        *out = s[page].newest;
    return page >= 0;
}

/* ---- taking the next number ---- */

/* Start a new life under the loss cell `cell`: flash_boot begins again. */
static bool lose(struct counter_plan *plan, unsigned cell)
{
    if (cell >= CELLS_NVM_LOSS)
        return false;
    plan->loss_cell = (uint16_t)(CELL_NVM_LOSS + cell);
    plan->record.boot = boot_number((uint8_t)(cell + 1), 1);
    return true;
}

bool counter_next_cell(struct counter_plan *plan)
{
    return lose(plan, plan->loss_cell - CELL_NVM_LOSS + 1u);
}

/* Where the record goes: behind what is there, else the other page, erased unless it is blank. */
static void place(const struct counter_flash *f, const struct page_scan s[COUNTER_PAGES], unsigned page,
                  struct counter_plan *plan)
{
    if (s[page].used == f->slots) {
        page ^= 1;
        plan->erase = s[page].valid || s[page].used == f->slots;
    }
    plan->page = (uint8_t)page;
    plan->slot = plan->erase ? 0 : (uint16_t)s[page].used;
}

bool counter_plan(const struct counter_flash *f, const struct counter_otp *otp, const struct counter_record *initial,
                  struct counter_plan *plan)
{
    struct page_scan s[COUNTER_PAGES];
    for (unsigned i = 0; i < COUNTER_PAGES; i++)
        scan_page(f, i, &s[i]);

    int newest = newest_page(s);
    unsigned page = newest < 0 ? 0 : (unsigned)newest, other = page ^ 1;
    memset(plan, 0, sizeof *plan);
    plan->loss_cell = NO_CELL;
    plan->lost = newest < 0 && otp->initialised;
    plan->record = newest < 0 ? *initial : s[page].newest;
    if (newest < 0)
        plan->record.boot = boot_number(otp->nvm_loss, 0);
    place(f, s, page, plan);
    if (plan->lost)
        return lose(plan, otp->nvm_loss);

    /* each spent slot behind the newest record may have been a number that was used: count it.  What stands in the other
     * page is behind it only once this page is full. */
    uint32_t spent = s[page].filled + (plan->page == other ? s[other].filled : 0);
    uint8_t loss = boot_nvm_loss(plan->record.boot);
    if (loss < otp->nvm_loss) { /* the cell was burned, then the power was cut: this life has no record yet */
        plan->record.boot = boot_number(otp->nvm_loss, 1 + spent);
        return true;
    }
    if (loss > otp->nvm_loss) /* a cell that reads as blank again: its life can't be told from a used one */
        return lose(plan, loss);
    if (boot_flash(plan->record.boot) + 1 + spent > FLASH_BOOT_MAX)
        return lose(plan, otp->nvm_loss);
    plan->record.boot += 1 + spent;
    return true;
}
