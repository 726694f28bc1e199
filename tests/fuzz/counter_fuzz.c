/* Any flash content: the plan stays inside the pages, and its number is above every one that the records hold. */
#include <string.h>

#include "protocol/counter.h"
#include "protocol/crc32.h"
#include "protocol/otp_cells.h"
#include "tests/fuzz/fuzz.h"

enum { SLOTS_HERE = 4 };

static uint8_t page[COUNTER_PAGES][SLOTS_HERE][COUNTER_RECORD_LEN];

static bool read_slot(void *io, unsigned p, unsigned slot, uint8_t out[COUNTER_RECORD_LEN])
{
    (void)io;
    require(p < COUNTER_PAGES && slot < SLOTS_HERE);
    memcpy(out, page[p][slot], COUNTER_RECORD_LEN);
    return out[0] != 0xEE; /* stands for an ECC error */
}

/* Input: nvm_loss, initialised, then per slot a kind (blank, garbage, valid) and 4 bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    struct counter_record initial = { 0 }, newest;
    struct counter_plan plan;
    if (len < 2 + COUNTER_PAGES * SLOTS_HERE * 5)
        return 0;
    const struct counter_flash f = { SLOTS_HERE, read_slot, NULL };
    const struct counter_otp otp = { in[0] & 63, in[1] & 1 };
    in += 2;
    for (unsigned i = 0; i < COUNTER_PAGES * SLOTS_HERE; i++, in += 5) {
        uint8_t *slot = page[i / SLOTS_HERE][i % SLOTS_HERE];
        struct counter_record r = { .boot = (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3], .gen = in[4] };
        memset(slot, in[0] % 3 ? in[1] : 0xFF, COUNTER_RECORD_LEN);
        if (in[0] % 3 == 2)
            counter_encode(&r, slot);
    }
    bool any = counter_newest(&f, &newest);
    if (!counter_plan(&f, &otp, &initial, &plan))
        return 0;
    require(plan.page < COUNTER_PAGES && plan.slot < SLOTS_HERE && plan.record.boot <= 0xFFFFFF);
    require(boot_flash(plan.record.boot) > 0);
    require(!any || plan.record.boot > newest.boot);
    require(boot_nvm_loss(plan.record.boot) >= otp.nvm_loss);
    require(plan.loss_cell == NO_CELL || (plan.loss_cell >= CELL_NVM_LOSS + otp.nvm_loss && plan.loss_cell < CELLS));
    require(plan.lost == (!any && otp.initialised));
    for (unsigned i = 0; !plan.erase && i < COUNTER_RECORD_LEN; i++)
        require(page[plan.page][plan.slot][i] == 0xFF);
    return 0;
}
