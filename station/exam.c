/* The entrance exam: everything that can be known to be wrong is found before a serial is taken or a key is drawn. */
#include <string.h>

#include "db/fault.h"
#include "flash/elf.h"
#include "protocol/mailbox.h"
#include "station/task.h"

enum err_code probe_step(struct task *t, struct err *e)
{
    enum err_code rc = chip_probe(t->s->chip, &t->r->identity, e);

    t->r->has_identity = rc == ERR_OK;
    return rc == ERR_OK ? rc : find_silent(t, e);
}

/* ---- product and slot ---- */

static enum err_code check_product(struct task *t, struct err *e)
{
    const struct product *p = t->s->product;
    const struct chip_desc *d = t->s->chip->desc;

    if (strcmp(p->chip, d->name) != 0)
        return err_set(e, &station_fault[STATION_OTHER_CHIP], "exam", NULL, 0, "product '%s' is for %s, the slot has %s",
                       p->name, p->chip, d->name);
    if (!scheme_spoken(p->scheme, p->suite))
        return err_set(e, &station_fault[STATION_SCHEME], "exam", NULL, 0, "product '%s', scheme %u, suite %u", p->name,
                       p->scheme, p->suite);
    if (p->lock == 2 && t->s->console == NULL)
        return err_set(e, &station_fault[STATION_LOCK_NEEDS_CONSOLE], "exam", NULL, 0, "product '%s'", p->name);
    const enum err_code rc = image_sources(t, e);
    return rc == ERR_OK ? console_take(t, e) : rc;
}

/* ---- firmware ---- */

static bool inside(uint32_t addr, uint32_t len, uint32_t base, uint32_t size)
{
    return addr >= base && len <= size && addr - base <= size - len;
}

static bool mailbox_ok(const struct chip_desc *d, uint32_t addr)
{
    const uint32_t work = d->openocd.work_area; /* the programmer's loader overwrites it */

    if (addr % 4 != 0)
        return false;
    return inside(addr, MAILBOX_LEN, d->ram.base + work, d->ram.size - work) ||
           inside(addr, MAILBOX_LEN, d->ram2.base, d->ram2.size);
}

static enum err_code check_firmware(struct task *t, struct err *e)
{
    const struct chip_desc *d = t->s->chip->desc;
    const struct fw_segment *seg;
    const size_t n = fw_image_segments(t->s->firmware, &seg);
    struct err none;

    if (fw_image_symbol(t->s->firmware, MAILBOX_SYMBOL, &t->mailbox, &none) != ERR_OK)
        return err_set(e, &station_fault[STATION_NO_MAILBOX], "exam", NULL, 0, "no symbol %s", MAILBOX_SYMBOL);
    if (!mailbox_ok(d, t->mailbox))
        return err_set(e, &station_fault[STATION_NO_MAILBOX], "exam", NULL, 0, "%s at 0x%08x", MAILBOX_SYMBOL,
                       (unsigned)t->mailbox);
    for (size_t i = 0; i < n; i++)
        if (!inside(seg[i].addr, seg[i].len, d->flash.base, t->r->identity.flash_bytes))
            return err_set(e, &station_fault[STATION_FIRMWARE_TOO_BIG], "exam", NULL, 0, "0x%08x + %u, %u KiB of flash",
                           (unsigned)seg[i].addr, (unsigned)seg[i].len, (unsigned)(t->r->identity.flash_bytes / 1024));
    return ERR_OK;
}

/* ---- chip and journal ---- */

static enum err_code look_up(struct task *t, struct err *e)
{
    struct device d;
    enum err_code rc = registry_device_by_uid(t->s->registry, t->r->identity.uid, &d, e);

    if (rc == ERR_NOINPUT)
        return ERR_OK; /* never seen */
    if (rc != ERR_OK)
        return rc;
    if (strcmp(d.product, t->s->product->name) != 0)
        return err_set(e, &db_fault[DB_UID_OTHER_PRODUCT], "exam", NULL, 0, "device %016llx of product '%s'",
                       (unsigned long long)d.serial, d.product);
    task_has(t, &d);
    return ERR_OK;
}

/* A board that was finished once: is it still as it left the line? */
static enum err_code check_finished(struct task *t, struct err *e)
{
    const uint32_t blocks = lock_blocks(t->s->chip->desc);
    uint32_t locked = 0;
    bool same = false;
    enum err_code rc;

    if ((rc = chip_otp_locks(t->s->chip, &locked, e)) != ERR_OK || (rc = firmware_is_there(t, &same, e)) != ERR_OK)
        return rc;
    if (!same || (locked & blocks) != blocks || t->r->identity.rdp < t->s->product->lock)
        t->found = FOUND_WHOLE_UNFIT;
    return ERR_OK;
}

static enum err_code look_at_chip(struct task *t, struct err *e)
{
    enum err_code rc;

    if (t->r->identity.rdp != 0) {
        t->found = FOUND_CLOSED;
        return ERR_OK;
    }
    if ((rc = find_otp(t, &t->found, &t->r->otp_to_burn, e)) != ERR_OK)
        return rc;
    return t->found == FOUND_WHOLE && t->device.state == DEV_DONE ? check_finished(t, e) : ERR_OK;
}

/* Of a silent part its answer told all that can be known. */
static enum err_code examine(struct task *t, struct err *e)
{
    enum err_code rc = check_product(t, e);

    if (rc != ERR_OK || t->found == FOUND_SILENT)
        return rc;
    if ((rc = check_firmware(t, e)) != ERR_OK || (rc = firmware_fit(t, e)) != ERR_OK || (rc = look_up(t, e)) != ERR_OK)
        return rc;
    return look_at_chip(t, e);
}

static unsigned journal_of(const struct task *t)
{
    return t->r->has_device ? (unsigned)t->device.state : (unsigned)JOURNAL_NONE;
}

static bool is_end(const struct recovery_row *way)
{
    return way->action == RECOVER_REFUSE || way->action == RECOVER_QUARANTINE;
}

/* One wrong word on the wire must not make scrap of a sound board: *e is the verdict of the first look. */
static enum err_code look_again(struct task *t, struct err *e)
{
    const struct err was = *e;
    const unsigned rdp = t->r->identity.rdp;
    enum otp_found found = FOUND_CLOSED;
    uint32_t cells;

    if (t->found == FOUND_SILENT) /* it has no second way to answer */
        return ERR_OK;
    if (probe_again(t, e) != ERR_OK || t->r->identity.rdp != rdp || (rdp == 0 && find_otp(t, &found, &cells, e) != ERR_OK) ||
        !is_end(recovery_find(found, journal_of(t))))
        return unsteady(t, &was, e);
    *e = was;
    return ERR_OK;
}

enum err_code exam_step(struct task *t, struct err *e)
{
    uint64_t next; /* only that there is one: the reservation draws it */
    enum err_code rc = examine(t, e);

    if (rc != ERR_OK)
        return rc;
    t->way = recovery_find(t->found, journal_of(t));
    if (!is_end(t->way))
        return t->r->has_device ? ERR_OK : registry_next_serial(t->s->registry, t->s->product, &next, e);
    rc = err_set(e, &station_fault[t->way->fault], "exam", NULL, 0, "%s, journal: %s", t->s->chip->desc->name,
                 t->r->has_device ? device_state_name(t->device.state) : "no such chip");
    return look_again(t, e) == ERR_OK ? task_quarantine(t, e) : e->code;
}
