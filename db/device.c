#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

#define COLUMNS "serial, uid, product, state, station, day, image, image_sha256, reason, created, updated"

static const char *const names[DEV_STATES] = {
    [DEV_RESERVED] = "RESERVED", [DEV_KEYED] = "KEYED",   [DEV_BURNING] = "BURNING", [DEV_VERIFIED] = "VERIFIED",
    [DEV_PROVED] = "PROVED",     [DEV_LOCKED] = "LOCKED", [DEV_DONE] = "DONE",       [DEV_QUARANTINED] = "QUARANTINED",
    [DEV_VOID] = "VOID",
};

const char *device_state_name(enum device_state s)
{
    return names[s];
}

static void text_of_uid(const uint8_t uid[REG_UID], char out[2 * REG_UID + 1])
{
    hex_encode(uid, REG_UID, out);
}

static enum err_code corrupt(const char *serial, struct err *e)
{
    return err_set(e, &db_fault[DB_CORRUPT], "device", NULL, 0, "device %s", serial);
}

static enum err_code from_row(struct sql_row *row, struct device *d, struct err *e)
{
    struct device out = { .station = (uint16_t)sql_int(row, 4), .day = (uint16_t)sql_int(row, 5), .state = DEV_STATES };
    size_t image_len, digest_len;
    const void *image = sql_blob(row, 6, &image_len);
    const void *digest = sql_blob(row, 7, &digest_len);
    const char *serial = sql_text(row, 0);
    char *end;

    out.serial = strtoull(serial, &end, 16);
    for (int s = 0; s < DEV_STATES; s++)
        if (strcmp(names[s], sql_text(row, 3)) == 0)
            out.state = (enum device_state)s;
    if (*end != '\0' || out.state == DEV_STATES || hex_decode(sql_text(row, 1), out.uid, REG_UID) != REG_UID)
        return corrupt(serial, e);
    if ((image_len != 0 && image_len != REG_IMAGE) || (image_len != 0 && digest_len != sizeof out.image_sha256))
        return corrupt(serial, e);
    out.has_image = image_len != 0;
    if (out.has_image) {
        memcpy(out.image, image, REG_IMAGE);
        memcpy(out.image_sha256, digest, sizeof out.image_sha256);
    }
    sql_text_to(row, 2, out.product, sizeof out.product);
    sql_text_to(row, 8, out.reason, sizeof out.reason);
    sql_text_to(row, 9, out.created, sizeof out.created);
    sql_text_to(row, 10, out.updated, sizeof out.updated);
    *d = out;
    return ERR_OK;
}

/* The one row of a query; *found says whether there is one. */
static enum err_code only_row(struct sql_row *row, struct device *d, bool *found, struct err *e)
{
    enum err_code rc = sql_next(row, found, e);

    if (rc == ERR_OK && *found)
        rc = from_row(row, d, e);
    sql_done(row);
    return rc;
}

static enum err_code find_by_text(struct registry *r, const char *statement, const char *key, struct device *d, bool *found,
                                  struct err *e)
{
    struct sql_row *row;
    enum err_code rc = sql_query(r->sql, &row, e, statement, "t", key);

    return rc != ERR_OK ? rc : only_row(row, d, found, e);
}

static enum err_code must(enum err_code rc, bool found, const char *what, const char *key, struct err *e)
{
    return rc == ERR_OK && !found ? err_set(e, &db_fault[DB_DEVICE_UNKNOWN], "device", NULL, 0, "%s %s", what, key) : rc;
}

enum err_code registry_device(struct registry *r, uint64_t serial, struct device *d, struct err *e)
{
    char text[17];
    bool found = false;

    serial_text(serial, text);
    enum err_code rc = find_by_text(r, "SELECT " COLUMNS " FROM device WHERE serial = ?", text, d, &found, e);
    return must(rc, found, "serial", text, e);
}

enum err_code registry_device_by_uid(struct registry *r, const uint8_t uid[REG_UID], struct device *d, struct err *e)
{
    char text[2 * REG_UID + 1];
    bool found = false;

    text_of_uid(uid, text);
    enum err_code rc = find_by_text(r, "SELECT " COLUMNS " FROM device WHERE uid = ?", text, d, &found, e);
    return must(rc, found, "uid", text, e);
}

enum err_code registry_device_by_short(struct registry *r, uint32_t serial4, struct device *d, struct err *e)
{
    struct sql_row *row;
    char text[9];
    bool found = false;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM device WHERE short = ?", "i", (int64_t)serial4);

    (void)snprintf(text, sizeof text, "%08x", (unsigned)serial4);
    if (rc == ERR_OK)
        rc = only_row(row, d, &found, e);
    return must(rc, found, "short serial", text, e);
}

enum err_code registry_devices(struct registry *r, const char *product, enum device_state state, registry_device_each *each,
                               void *io, struct err *e)
{
    struct sql_row *row;
    bool more;
    const char *of_state = state == DEV_STATES ? "" : names[state];
    const char *of_product = product == NULL ? "" : product;
    enum err_code rc =
        sql_query(r->sql, &row, e,
                  "SELECT " COLUMNS " FROM device WHERE (? = '' OR product = ?) AND (? = '' OR state = ?) ORDER BY serial",
                  "tttt", of_product, of_product, of_state, of_state);

    if (rc != ERR_OK)
        return rc;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct device d;
        if ((rc = from_row(row, &d, e)) != ERR_OK || (rc = each(io, &d, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}

static enum err_code key_from_row(struct sql_row *row, struct wrapped_key *k, struct err *e)
{
    static const struct {
        int col;
        size_t at, len;
    } fixed[] = {
        { 5, offsetof(struct wrapped_key, kek_kcv), sizeof k->kek_kcv },
        { 6, offsetof(struct wrapped_key, digest), sizeof k->digest },
        { 7, offsetof(struct wrapped_key, public_x), sizeof k->public_x },
    };
    size_t len;
    const void *blob = sql_blob(row, 1, &len);

    *k = (struct wrapped_key){ .blob_len = (uint16_t)len, .mechanism = (uint32_t)sql_int(row, 2) };
    if (len > sizeof k->blob)
        return corrupt(sql_text(row, 8), e);
    memcpy(k->blob, blob, len);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const void *value = sql_blob(row, fixed[i].col, &len);
        if (len != fixed[i].len)
            return corrupt(sql_text(row, 8), e);
        memcpy((uint8_t *)k + fixed[i].at, value, len);
    }
    sql_text_to(row, 0, k->role, sizeof k->role);
    sql_text_to(row, 3, k->profile, sizeof k->profile);
    sql_text_to(row, 4, k->kek, sizeof k->kek);
    return ERR_OK;
}

enum err_code registry_keys(struct registry *r, uint64_t serial, struct wrapped_key key[REG_KEYS_MAX], size_t *n,
                            struct err *e)
{
    struct sql_row *row;
    char text[17];
    bool more;

    serial_text(serial, text);
    enum err_code rc = sql_query(r->sql, &row, e,
                                 "SELECT role, blob, mechanism, profile, kek, kek_kcv, digest, public_x, serial"
                                 " FROM wrapped_key WHERE serial = ? ORDER BY role DESC",
                                 "t", text);
    if (rc != ERR_OK)
        return rc;
    for (*n = 0; (rc = sql_next(row, &more, e)) == ERR_OK && more; ++*n)
        if (*n == REG_KEYS_MAX || (rc = key_from_row(row, &key[*n], e)) != ERR_OK) {
            rc = rc != ERR_OK ? rc : corrupt(text, e);
            break;
        }
    sql_done(row);
    return rc;
}

/* ---- reservation ---- */

enum err_code registry_next_serial(struct registry *r, const struct product *p, uint64_t *serial, struct err *e)
{
    struct sql_row *row;
    bool more;
    int64_t low = 0;
    enum err_code rc = sql_query(r->sql, &row, e,
                                 "SELECT max(last) + 1 FROM (SELECT max(short) AS last FROM device WHERE product = ?"
                                 " UNION ALL SELECT last FROM serial_floor WHERE fleet = ? UNION ALL SELECT ?) AS known",
                                 "tii", p->name, (int64_t)p->fleet, (int64_t)p->serial_first - 1);

    if (rc != ERR_OK)
        return rc;
    if ((rc = sql_next(row, &more, e)) == ERR_OK)
        low = sql_int(row, 0);
    sql_done(row);
    if (rc == ERR_OK && low > (int64_t)p->serial_last)
        rc = err_set(e, &db_fault[DB_SERIALS_USED_UP], "reserve", NULL, 0, "product '%s': last serial %08x", p->name,
                     (unsigned)p->serial_last);
    *serial = (uint64_t)p->fleet << 48 | (uint64_t)p->model << 32 | (uint64_t)low;
    return rc;
}

static enum err_code insert(struct registry *r, const struct product *p, struct device *d, struct err *e)
{
    char serial[17], uid[2 * REG_UID + 1];
    enum err_code rc = registry_next_serial(r, p, &d->serial, e);

    if (rc != ERR_OK)
        return rc;
    serial_text(d->serial, serial);
    text_of_uid(d->uid, uid);
    registry_now(r, d->created);
    memcpy(d->updated, d->created, sizeof d->updated);
    rc = sql_run(
        r->sql, NULL, e,
        "INSERT INTO device (serial, short, uid, product, state, station, day, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tittt"
        "iitt",
        serial, (int64_t)(uint32_t)d->serial, uid, d->product, names[DEV_RESERVED], (int64_t)d->station, (int64_t)d->day,
        d->created, d->updated);
    if (rc != ERR_OK)
        return rc;
    mark_serial(r, p->fleet, (uint32_t)d->serial);
    return event_append(r, "device.reserved",
                        (const char *const[]){ "serial", serial, "uid", uid, "product", d->product, NULL }, e);
}

static enum err_code reserve(struct registry *r, struct device *d, bool *fresh, struct err *e)
{
    struct product p;
    struct device known;
    char uid[2 * REG_UID + 1];
    bool found = false;
    enum err_code rc;

    text_of_uid(d->uid, uid);
    if ((rc = registry_product_get(r, d->product, &p, e)) != ERR_OK ||
        (rc = find_by_text(r, "SELECT " COLUMNS " FROM device WHERE uid = ?", uid, &known, &found, e)) != ERR_OK)
        return rc;
    *fresh = !found;
    if (!found)
        return insert(r, &p, d, e);
    if (strcmp(known.product, d->product) != 0)
        return err_set(e, &db_fault[DB_UID_OTHER_PRODUCT], "reserve", NULL, 0, "uid %s is device %016llx of product '%s'",
                       uid, (unsigned long long)known.serial, known.product);
    *d = known;
    return ERR_OK;
}

enum err_code registry_reserve(struct registry *r, const char *product, const uint8_t uid[REG_UID], uint16_t station,
                               uint16_t day, struct device *d, bool *fresh, struct err *e)
{
    struct device made = { .state = DEV_RESERVED, .station = station, .day = day };
    enum err_code rc = registry_begin(r, e);

    if (rc != ERR_OK)
        return rc;
    memcpy(made.uid, uid, REG_UID);
    (void)snprintf(made.product, sizeof made.product, "%s", product);
    if ((rc = registry_end(r, reserve(r, &made, fresh, e), e)) == ERR_OK)
        *d = made;
    return rc;
}
