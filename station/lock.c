#include <stdio.h>

#include "station/task.h"

/* The image's blocks; run-time cells lie behind them (protocol/otp_cells.h) and must stay open. */
uint32_t lock_blocks(const struct chip_desc *d)
{
    if (d->otp.lock_base == 0)
        return 0;
    return (1u << ((OTP_IMAGE_LEN + d->otp.block - 1) / d->otp.block)) - 1;
}

static enum err_code lock_otp(struct chip *c, struct err *e)
{
    const uint32_t blocks = lock_blocks(c->desc);
    enum err_code rc = ERR_OK;

    for (uint32_t i = 0; i < 32 && rc == ERR_OK; i++)
        if ((blocks >> i & 1) != 0)
            rc = chip_otp_lock(c, i, e);
    return rc;
}

/* Level 0 is never asked for: going down would erase the firmware. chip_rdp_set looks at what a debugger then sees: the UID
 * answers at level 1, OTP and flash do not; at level 2 nothing does. */
static enum err_code lock_chip(struct task *t, struct err *e)
{
    struct chip *c = t->s->chip;
    enum err_code rc;

    if (t->found != FOUND_CLOSED && ((rc = chip_wipe_ram(c, e)) != ERR_OK || (rc = lock_otp(c, e)) != ERR_OK))
        return rc;
    return t->s->product->lock > 0 ? chip_rdp_set(c, t->s->product->lock, e) : ERR_OK;
}

enum err_code lock_step(struct task *t, struct err *e)
{
    char detail[16];
    enum err_code rc = lock_chip(t, e);

    (void)snprintf(detail, sizeof detail, "rdp %u", t->s->product->lock);
    return rc == ERR_OK ? task_advance(t, DEV_PROVED, DEV_LOCKED, detail, e) : rc;
}

enum err_code record_step(struct task *t, struct err *e)
{
    return task_advance(t, DEV_LOCKED, DEV_DONE, NULL, e);
}
