/* What a device's own frames have shown: its acknowledged epoch, its nvm_loss; and, over a fleet, how far a rotation is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/fault.h"
#include "db/fleet.h"
#include "db/generation.h"
#include "db/registry_impl.h"

enum { BOOT_FLASH_BITS = 18 }; /* docs/protocol.md, counters: nvm_loss stands above them */

static void from_row(struct sql_row *row, struct device_seen *s)
{
    *s = (struct device_seen){ .epoch = (uint8_t)sql_int(row, 0),
                               .nvm_loss = (uint8_t)sql_int(row, 1),
                               .lost = (uint8_t)sql_int(row, 2) };
    (void)snprintf(s->heard, sizeof s->heard, "%s", sql_text(row, 3));
}

enum err_code registry_seen(struct registry *r, uint64_t serial, struct device_seen *s, struct err *e)
{
    struct sql_row *row;
    char text[17];
    bool found;

    serial_text(serial, text);
    enum err_code rc =
        sql_query(r->sql, &row, e, "SELECT epoch, nvm_loss, lost, heard FROM device_seen WHERE serial = ?", "t", text);
    if (rc != ERR_OK)
        return rc;
    *s = (struct device_seen){ .epoch = 0 };
    if ((rc = sql_next(row, &found, e)) == ERR_OK && found)
        from_row(row, s);
    sql_done(row);
    return rc;
}

static enum err_code put(struct registry *r, const char *serial, const struct device_seen *s, struct err *e)
{
    return sql_run(r->sql, NULL, e,
                   "INSERT INTO device_seen (serial, epoch, nvm_loss, lost, heard) VALUES (?, ?, ?, ?, ?)"
                   " ON CONFLICT (serial) DO UPDATE SET epoch = excluded.epoch, nvm_loss = excluded.nvm_loss,"
                   " lost = excluded.lost, heard = excluded.heard",
                   "tiiit", serial, (int64_t)s->epoch, (int64_t)s->nvm_loss, (int64_t)s->lost, s->heard);
}

/* Late frames come in any order: only what is higher counts. */
enum err_code seen_frame(struct registry *r, const struct frame_row *f, struct err *e)
{
    const uint8_t nvm_loss = (uint8_t)(f->boot >> BOOT_FLASH_BITS & 63);
    char serial[17], epoch[8];
    struct device_seen s;
    enum err_code rc = registry_seen(r, f->serial, &s, e);

    if (rc != ERR_OK)
        return rc;
    const bool rises = f->epoch > s.epoch, loses = nvm_loss > s.nvm_loss;
    if (f->ctr != 0 && !loses)
        return ERR_OK;
    serial_text(f->serial, serial);
    (void)snprintf(epoch, sizeof epoch, "%u", f->epoch);
    registry_now(r, s.heard);
    if (rises)
        s.epoch = f->epoch;
    if (loses)
        s.nvm_loss = nvm_loss;
    if ((rc = put(r, serial, &s, e)) == ERR_OK && rises)
        rc = event_append(r, "device.epoch", (const char *const[]){ "serial", serial, "epoch", epoch, NULL }, e);
    return rc;
}

static enum err_code flash_lost(struct registry *r, uint64_t serial, uint8_t nvm_loss, struct err *e)
{
    char text[17], loss[8];
    struct device_seen s;
    enum err_code rc = registry_seen(r, serial, &s, e);

    if (rc != ERR_OK || nvm_loss <= s.lost)
        return rc;
    serial_text(serial, text);
    (void)snprintf(loss, sizeof loss, "%u", nvm_loss);
    s.lost = nvm_loss;
    if ((rc = put(r, text, &s, e)) != ERR_OK)
        return rc;
    return event_append(r, "device.flash-lost", (const char *const[]){ "serial", text, "nvm_loss", loss, NULL }, e);
}

enum err_code registry_flash_lost(struct registry *r, uint64_t serial, uint8_t nvm_loss, struct err *e)
{
    enum err_code rc = registry_begin(r, e);

    return rc != ERR_OK ? rc : registry_end(r, flash_lost(r, serial, nvm_loss, e), e);
}

/* ---- over a fleet ---- */

enum err_code registry_rotation_progress(struct registry *r, uint16_t fleet, struct rotation_progress *p, struct err *e)
{
    struct sql_row *row;
    struct product product;
    bool more;
    enum err_code rc;

    *p = (struct rotation_progress){ .devices = 0 };
    if ((rc = registry_product_by_fleet(r, fleet, &product, e)) != ERR_OK ||
        (rc = sql_query(r->sql, &row, e,
                        "SELECT coalesce(s.epoch, 0), count(*) FROM device d LEFT JOIN device_seen s ON s.serial = d.serial"
                        " WHERE d.product = ? AND d.state = 'DONE' GROUP BY coalesce(s.epoch, 0)",
                        "t", product.name)) != ERR_OK)
        return rc;
    p->is_known = product.scheme == 3 || product.scheme == 7 || product.scheme == 8;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        const uint8_t epoch = (uint8_t)sql_int(row, 0);
        const uint64_t n = (uint64_t)sql_int(row, 1);
        p->devices += n;
        if (epoch == 0)
            p->silent = n;
        else
            p->at[epoch] = n;
    }
    sql_done(row);
    return rc;
}

enum err_code registry_rotation_behind(struct registry *r, uint16_t fleet, uint8_t epoch, registry_seen_each *each, void *io,
                                       struct err *e)
{
    struct sql_row *row;
    bool more;
    enum err_code rc = sql_query(
        r->sql, &row, e,
        "SELECT coalesce(s.epoch, 0), coalesce(s.nvm_loss, 0), coalesce(s.lost, 0), coalesce(s.heard, ''), d.serial"
        " FROM device d JOIN product p ON p.name = d.product LEFT JOIN device_seen s ON s.serial = d.serial"
        " WHERE p.fleet = ? AND d.state = 'DONE' AND coalesce(s.epoch, 0) < ? ORDER BY d.serial",
        "ii", (int64_t)fleet, (int64_t)epoch);

    if (rc != ERR_OK)
        return rc;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct device_seen s;
        from_row(row, &s);
        if ((rc = each(io, strtoull(sql_text(row, 4), NULL, 16), &s, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}
