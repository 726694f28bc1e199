#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

#define COLUMNS                                                                                                          \
    "name, chip, scheme, suite, fleet, model, policy, sid_len, ctr_len, lock_level, serial_first, serial_last, created," \
    " epoch, master, ra_x, backup_ra_x, injected"

enum { SERIALS_DEFAULT = 1000000 }; /* of a product that names no range */

static bool take_ra(struct sql_row *row, int col, uint8_t x[32])
{
    size_t len;
    const void *blob = sql_blob(row, col, &len);

    if (len == 32)
        memcpy(x, blob, len);
    return len == 32;
}

static void from_row(struct sql_row *row, struct product *p)
{
    *p = (struct product){ .scheme = (uint8_t)sql_int(row, 2),
                           .suite = (uint8_t)sql_int(row, 3),
                           .fleet = (uint16_t)sql_int(row, 4),
                           .model = (uint16_t)sql_int(row, 5),
                           .policy = (uint16_t)sql_int(row, 6),
                           .sid_len = (uint8_t)sql_int(row, 7),
                           .ctr_len = (uint8_t)sql_int(row, 8),
                           .lock = (uint8_t)sql_int(row, 9),
                           .serial_first = (uint32_t)sql_int(row, 10),
                           .serial_last = (uint32_t)sql_int(row, 11),
                           .epoch = (uint8_t)sql_int(row, 13),
                           .injected = sql_int(row, 17) != 0 };
    (void)snprintf(p->name, sizeof p->name, "%s", sql_text(row, 0));
    (void)snprintf(p->chip, sizeof p->chip, "%s", sql_text(row, 1));
    (void)snprintf(p->created, sizeof p->created, "%s", sql_text(row, 12));
    (void)snprintf(p->master, sizeof p->master, "%s", sql_text(row, 14));
    p->has_ra = take_ra(row, 15, p->ra_x);
    p->has_backup_ra = take_ra(row, 16, p->backup_ra_x);
}

/* The one row of a query, or DB_PRODUCT_UNKNOWN. */
static enum err_code only_row(struct sql_row *row, const char *name, struct product *p, struct err *e)
{
    bool more;
    enum err_code rc = sql_next(row, &more, e);

    if (rc == ERR_OK && !more)
        rc = err_set(e, &db_fault[DB_PRODUCT_UNKNOWN], "product", NULL, 0, "product '%s'", name);
    if (rc == ERR_OK)
        from_row(row, p);
    sql_done(row);
    return rc;
}

enum err_code registry_product_get(struct registry *r, const char *name, struct product *p, struct err *e)
{
    struct sql_row *row;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM product WHERE name = ?", "t", name);

    return rc != ERR_OK ? rc : only_row(row, name, p, e);
}

enum err_code registry_product_by_fleet(struct registry *r, uint16_t fleet, struct product *p, struct err *e)
{
    struct sql_row *row;
    char name[24];
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM product WHERE fleet = ?", "i", (int64_t)fleet);

    (void)snprintf(name, sizeof name, "of fleet %u", fleet);
    return rc != ERR_OK ? rc : only_row(row, name, p, e);
}

enum err_code registry_products(struct registry *r, registry_product_each *each, void *io, struct err *e)
{
    struct sql_row *row;
    bool more;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM product ORDER BY name", "");

    if (rc != ERR_OK)
        return rc;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct product p;
        from_row(row, &p);
        if ((rc = each(io, &p, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}

/* What the caller left open: the next fleet id, the next free range of serials. */
static enum err_code choose(struct registry *r, struct product *p, struct err *e)
{
    int64_t fleet = 0, first = 0;
    enum err_code rc;

    if ((rc = sql_int_of(r->sql, &fleet, e, "SELECT coalesce(max(fleet), 0) + 1 FROM product", "")) != ERR_OK ||
        (rc = sql_int_of(r->sql, &first, e, "SELECT coalesce(max(serial_last), 0) + 1 FROM product", "")) != ERR_OK)
        return rc;
    if (p->fleet == 0 && fleet > UINT16_MAX)
        return err_set(e, &db_fault[DB_PRODUCT_EXISTS], "product add", NULL, 0, "no fleet id is left above %d", UINT16_MAX);
    if (p->fleet == 0)
        p->fleet = (uint16_t)fleet;
    if (p->serial_first != 0)
        return ERR_OK;
    if (first > UINT32_MAX)
        return err_set(e, &db_fault[DB_SERIALS_NO_ROOM], "product add", NULL, 0, "a product's range ends at %08x",
                       UINT32_MAX);
    p->serial_first = (uint32_t)first;
    p->serial_last = UINT32_MAX - p->serial_first < SERIALS_DEFAULT ? UINT32_MAX : p->serial_first + SERIALS_DEFAULT - 1;
    return ERR_OK;
}

static enum err_code range_free(struct registry *r, const struct product *p, struct err *e)
{
    struct sql_row *row;
    bool taken;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT name FROM product WHERE serial_first <= ? AND serial_last >= ?",
                                 "ii", (int64_t)p->serial_last, (int64_t)p->serial_first);

    if (rc != ERR_OK)
        return rc;
    if ((rc = sql_next(row, &taken, e)) == ERR_OK && taken)
        rc = err_set(e, &db_fault[DB_SERIALS_TAKEN], "product add", NULL, 0, "%08x..%08x is used by product '%s'",
                     (unsigned)p->serial_first, (unsigned)p->serial_last, sql_text(row, 0));
    sql_done(row);
    return rc;
}

/* The rotation authorities' keys are anchored in the log: who may announce a fleet's keys is settled here. */
static enum err_code append(struct registry *r, const struct product *p, struct err *e)
{
    char fleet[8], range[24], ra[65], backup[65];
    const char *details[15] = { "product", p->name, "chip", p->chip, "fleet", fleet, "serials", range };
    size_t n = 8;

    (void)snprintf(fleet, sizeof fleet, "%u", p->fleet);
    (void)snprintf(range, sizeof range, "%08x-%08x", (unsigned)p->serial_first, (unsigned)p->serial_last);
    if (p->has_ra) {
        hex_encode(p->ra_x, sizeof p->ra_x, ra);
        details[n++] = "ra_x";
        details[n++] = ra;
    }
    if (p->has_backup_ra) {
        hex_encode(p->backup_ra_x, sizeof p->backup_ra_x, backup);
        details[n++] = "backup_ra_x";
        details[n++] = backup;
    }
    if (p->injected) {
        details[n++] = "key";
        details[n++] = "injected";
    }
    return event_append(r, "product.added", details, e);
}

static enum err_code insert(struct registry *r, struct product *p, struct err *e)
{
    bool unique;
    enum err_code rc;

    if ((rc = choose(r, p, e)) != ERR_OK || (rc = range_free(r, p, e)) != ERR_OK)
        return rc;
    registry_now(r, p->created);
    rc = sql_insert(r->sql, &unique, e,
                    "INSERT INTO product (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    "ttiiiiiiiiiititbbi", p->name, p->chip, (int64_t)p->scheme, (int64_t)p->suite, (int64_t)p->fleet,
                    (int64_t)p->model, (int64_t)p->policy, (int64_t)p->sid_len, (int64_t)p->ctr_len, (int64_t)p->lock,
                    (int64_t)p->serial_first, (int64_t)p->serial_last, p->created, (int64_t)p->epoch, p->master,
                    p->has_ra ? p->ra_x : NULL, sizeof p->ra_x, p->has_backup_ra ? p->backup_ra_x : NULL,
                    sizeof p->backup_ra_x, (int64_t)p->injected);
    if (rc == ERR_OK && !unique)
        rc = err_set(e, &db_fault[DB_PRODUCT_EXISTS], "product add", NULL, 0, "product '%s', fleet %u", p->name, p->fleet);
    return rc != ERR_OK ? rc : append(r, p, e);
}

enum err_code registry_product_add(struct registry *r, struct product *p, struct err *e)
{
    struct product made = *p;
    enum err_code rc = registry_begin(r, e);

    if (rc == ERR_OK && (rc = registry_end(r, insert(r, &made, e), e)) == ERR_OK)
        *p = made;
    return rc;
}
