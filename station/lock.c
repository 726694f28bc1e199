#include <stdio.h>

#include "db/device_key.h"
#include "station/task.h"

/* The image's blocks; run-time cells lie behind them (protocol/otp_cells.h) and must stay open. */
uint32_t lock_blocks(const struct chip_desc *d)
{
    if (d->otp.lock_base == 0)
        return 0;
    return (1u << ((OTP_IMAGE_LEN + d->otp.block - 1) / d->otp.block)) - 1;
}

/* The last look is our own, whatever was answered to the orders. */
static enum err_code lock_otp(struct chip *c, struct err *e)
{
    const uint32_t blocks = lock_blocks(c->desc);
    uint32_t locked = 0;
    enum err_code rc = ERR_OK;

    for (uint32_t i = 0; i < 32 && rc == ERR_OK; i++)
        if ((blocks >> i & 1) != 0)
            rc = chip_otp_lock(c, i, e);
    if (rc == ERR_OK && (rc = chip_otp_locks(c, &locked, e)) == ERR_OK && (locked & blocks) != blocks)
        rc = err_set(e, &station_fault[STATION_LOCK_MISSING], "lock", NULL, 0, "OTP blocks %08x, not %08x", (unsigned)locked,
                     (unsigned)blocks);
    return rc;
}

/* Level 0 is never asked for: going down would erase the firmware. chip_rdp_set looks at what a debugger then sees: the UID
 * answers at level 1, OTP and flash do not; at level 2 nothing does.  A part that is silent there has said over the console
 * that it is at level 2 (challenge.c). */
static enum err_code lock_chip(struct task *t, struct err *e)
{
    struct chip *c = t->s->chip;
    enum err_code rc;

    if (t->found == FOUND_SILENT)
        return ERR_OK;
    if (t->found != FOUND_CLOSED && ((rc = chip_wipe_ram(c, e)) != ERR_OK || (rc = lock_otp(c, e)) != ERR_OK))
        return rc;
    return t->s->product->lock > 0 ? chip_rdp_set(c, t->s->product->lock, e) : ERR_OK;
}

/* The same for readout protection: rule 7 of docs/architecture.md.  At level 2 there is nobody to ask. */
static enum err_code is_closed(struct task *t, struct err *e)
{
    struct chip *c = t->s->chip;
    uint8_t cell[CHIP_CELL_MAX], uid[CHIP_UID_LEN];
    enum otp_cell_state state;

    if (t->found == FOUND_SILENT || t->s->product->lock != 1)
        return ERR_OK;
    if (chip_otp_read(c, 0, 1, cell, &state, e) != ERR_RIGHTS)
        return err_set(e, &station_fault[STATION_LOCK_MISSING], "lock", NULL, 0, "OTP can still be read");
    return chip_mem_read(c, c->desc->uid_addr, uid, sizeof uid, e);
}

enum err_code lock_step(struct task *t, struct err *e)
{
    char detail[32];
    enum err_code rc = lock_chip(t, e);

    if (rc == ERR_OK)
        rc = is_closed(t, e);
    (void)snprintf(detail, sizeof detail, "rdp %u%s", t->s->product->lock,
                   t->found == FOUND_SILENT ? ", by its silence" : "");
    return rc == ERR_OK ? task_advance(t, DEV_PROVED, DEV_LOCKED, detail, e) : rc;
}

/* What the chip told when it was asked, or what was injected, is the device's key from now on. */
static enum err_code pin_and_finish(struct task *t, struct err *e)
{
    enum device_key_state state;
    uint8_t x[P256_LEN];
    enum err_code rc = registry_device_key(t->s->registry, t->device.serial, x, &state, e);

    if (rc == ERR_OK && state == DEVICE_KEY_NONE)
        rc = err_set(e, &station_fault[STATION_KEY_ROWS], "record", NULL, 0, "device %016llx has no key of its own",
                     (unsigned long long)t->device.serial);
    if (rc == ERR_OK && (rc = registry_done_pinned(t->s->registry, t->device.serial, x, NULL, e)) == ERR_OK)
        t->device.state = t->r->state = DEV_DONE;
    return rc;
}

enum err_code record_step(struct task *t, struct err *e)
{
    if (slots_device_signs(t->s->product) && t->device.state == DEV_LOCKED)
        return pin_and_finish(t, e);
    return task_advance(t, DEV_LOCKED, DEV_DONE, NULL, e);
}
