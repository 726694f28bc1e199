#include "firmware-stub/boot_number.h"

#include <string.h>

#include "firmware-stub/cells.h"
#include "firmware-stub/chip.h"
#include "protocol/counter.h"

enum { TRIES = 8 };

/* Slots that did not take a record in this call.  A torn erase leaves some that read blank and can't be programmed: shown to
 * counter_plan as unreadable, so that it goes past them. */
struct bad_slots {
    unsigned n;
    struct {
        uint8_t page;
        uint16_t slot;
    } at[TRIES];
};

static uint32_t address(unsigned page, unsigned slot)
{
    return chip_records[page] + slot * COUNTER_RECORD_LEN;
}

static bool read_slot(void *io, unsigned page, unsigned slot, uint8_t out[COUNTER_RECORD_LEN])
{
    const struct bad_slots *bad = io;
    for (unsigned i = 0; i < bad->n; i++)
        if (bad->at[i].page == page && bad->at[i].slot == slot)
            return false;
    return chip_read(address(page, slot), out, COUNTER_RECORD_LEN);
}

static void forget_page(struct bad_slots *bad, unsigned page)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < bad->n; i++)
        if (bad->at[i].page != page)
            bad->at[kept++] = bad->at[i];
    bad->n = kept;
}

/* Burn the plan's loss cell, or the next that burns. */
static enum device_code burn_loss(struct counter_plan *plan)
{
    bool burned = plan->loss_cell == NO_CELL;
    while (!burned) { /* at most CELLS_NVM_LOSS times */
        burned = cell_burn(plan->loss_cell);
        if (!burned && !counter_next_cell(plan))
            return DEVICE_OTP_WRITE;
    }
    return DEVICE_OK;
}

/* Erase if asked, write the record, read it back. */
static bool write_record(const struct counter_plan *plan, struct bad_slots *bad)
{
    uint8_t want[COUNTER_RECORD_LEN], got[COUNTER_RECORD_LEN];
    uint32_t at = address(plan->page, plan->slot);
    if (plan->erase) {
        if (!chip_erase(chip_records[plan->page]))
            return false;
        forget_page(bad, plan->page);
    }
    counter_encode(&plan->record, want);
    (void)chip_program(at, want, sizeof want);
    if (chip_read(at, got, sizeof got) && memcmp(got, want, sizeof want) == 0)
        return true;
    bad->at[bad->n].page = plan->page;
    bad->at[bad->n++].slot = plan->slot;
    return false;
}

/* The first record of a new life: neither page holds anything to keep, so it is erased whatever it looks like, and if the
 * one does not take the record, the other may.  Planning anew would burn another cell each time. */
static bool write_after_loss(struct counter_plan *plan, struct bad_slots *bad)
{
    for (unsigned i = 0; i < COUNTER_PAGES; i++, plan->page ^= 1) {
        plan->erase = true;
        plan->slot = 0;
        if (write_record(plan, bad))
            return true;
    }
    return false;
}

/* gen, salt, epoch and v of a device without a record: its generation 0, and the epoch of its image. */
static const struct counter_record initial;

static uint16_t floor_mark; /* v, epoch */

static uint16_t mark(const struct counter_record *r)
{
    return (uint16_t)(r->v << 8 | r->epoch);
}

void boot_number_floor(uint8_t v, uint8_t epoch)
{
    floor_mark = (uint16_t)(v << 8 | epoch);
}

static void apply(const struct counter_record *change, struct counter_record *r, bool lost)
{
    uint32_t boot = r->boot;
    if (change != NULL && !lost) {
        *r = *change;
        r->boot = boot;
    }
    if (mark(r) < floor_mark) {
        r->v = (uint8_t)(floor_mark >> 8);
        r->epoch = (uint8_t)floor_mark;
    }
}

enum device_code boot_number_take(const struct counter_record *change, struct counter_record *taken)
{
    struct bad_slots bad = { 0 };
    const struct counter_flash flash = { chip_record_slots, read_slot, &bad };
    struct counter_plan plan;

    for (unsigned i = 0; i < TRIES; i++) {
        const struct counter_otp otp = { boot_number_nvm_loss(), cell_burned(NULL, CELL_NVM_INITIALISED) };
        if (!counter_plan(&flash, &otp, &initial, &plan))
            return DEVICE_BOOT_FULL;
        apply(change, &plan.record, plan.lost);
        enum device_code code = burn_loss(&plan);
        if (code != DEVICE_OK)
            return code;
        if (plan.lost && !write_after_loss(&plan, &bad))
            return DEVICE_BOOT_WRITE;
        if (!plan.lost && !write_record(&plan, &bad))
            continue;
        if (!otp.initialised && !cell_burn(CELL_NVM_INITIALISED))
            return DEVICE_OTP_WRITE;
        *taken = plan.record;
        return DEVICE_OK;
    }
    return DEVICE_BOOT_WRITE;
}

void boot_number_record(struct counter_record *now)
{
    struct bad_slots bad = { 0 };
    const struct counter_flash flash = { chip_record_slots, read_slot, &bad };
    *now = initial;
    (void)counter_newest(&flash, now);
}

uint8_t boot_number_nvm_loss(void)
{
    return otp_nvm_loss(cell_burned, NULL);
}
