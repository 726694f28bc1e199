#include "db/device_key.h"

#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

static const char PINNED[] = "PINNED";

static enum err_code own_key(struct registry *r, const char *serial, uint8_t x[32], enum device_key_state *state,
                             struct err *e)
{
    struct sql_row *row;
    bool found;
    size_t len;
    enum err_code rc =
        sql_query(r->sql, &row, e, "SELECT x, state FROM device_key WHERE serial = ? AND state <> 'REFUSED'", "t", serial);

    if (rc != ERR_OK)
        return rc;
    memset(x, 0, 32);
    *state = DEVICE_KEY_NONE;
    if ((rc = sql_next(row, &found, e)) == ERR_OK && found) {
        const void *blob = sql_blob(row, 0, &len);
        *state = strcmp(sql_text(row, 1), PINNED) == 0 ? DEVICE_KEY_PINNED : DEVICE_KEY_MADE;
        if (len == 32)
            memcpy(x, blob, len);
        else
            rc = err_set(e, &db_fault[DB_CORRUPT], "device key", NULL, 0, "device %s", serial);
    }
    sql_done(row);
    return rc;
}

enum err_code registry_device_key(struct registry *r, uint64_t serial, uint8_t x[32], enum device_key_state *state,
                                  struct err *e)
{
    char text[17];

    serial_text(serial, text);
    return own_key(r, text, x, state, e);
}

static enum err_code insert(struct registry *r, const char *serial, const uint8_t x[32], const char *state, bool *unique,
                            struct err *e)
{
    char now[REG_TIME];

    registry_now(r, now);
    return sql_insert(r->sql, unique, e, "INSERT INTO device_key (x, serial, state, created) VALUES (?, ?, ?, ?)", "bttt", x,
                      (size_t)32, serial, state, now);
}

static enum err_code key_known(const char *serial, const uint8_t x[32], struct err *e)
{
    char hex[65];

    hex_encode(x, 32, hex);
    return err_set(e, &db_fault[DB_KEY_KNOWN], "pin", NULL, 0, "device %s, key %s", serial, hex);
}

static enum err_code other_key(const char *serial, const uint8_t x[32], const uint8_t own[32], struct err *e)
{
    char hex[65], own_hex[65];

    hex_encode(x, 32, hex);
    hex_encode(own, 32, own_hex);
    return err_set(e, &db_fault[DB_KEY_PINNED], "pin", NULL, 0, "device %s, key %s; its own is %s", serial, hex, own_hex);
}

/* ---- made on the chip ---- */

static enum err_code chip_made(struct registry *r, const char *serial, const uint8_t *x, const uint8_t *image, struct err *e)
{
    enum device_key_state state;
    uint8_t own[32];
    char hex[65];
    long changed = 0;
    bool unique;
    enum err_code rc;

    if ((rc = sql_run(r->sql, &changed, e, "UPDATE device SET image = ? WHERE serial = ? AND state = 'BURNING'", "bt", image,
                      (size_t)REG_IMAGE, serial)) != ERR_OK)
        return rc;
    if (changed != 1)
        return err_set(e, &db_fault[DB_STATE_CHANGED], "chip key", NULL, 0, "device %s is not %s", serial,
                       device_state_name(DEV_BURNING));
    if ((rc = own_key(r, serial, own, &state, e)) != ERR_OK)
        return rc;
    if (state != DEVICE_KEY_NONE)
        return memcmp(own, x, sizeof own) == 0 ? ERR_OK : other_key(serial, x, own, e);
    if ((rc = ballast_give(r, serial, false, e)) != ERR_OK || (rc = insert(r, serial, x, "MADE", &unique, e)) != ERR_OK)
        return rc;
    if (!unique)
        return key_known(serial, x, e);
    hex_encode(x, 32, hex);
    return event_append(r, "device.chip-made", (const char *const[]){ "serial", serial, "x", hex, NULL }, e);
}

enum err_code registry_chip_made(struct registry *r, uint64_t serial, const uint8_t x[32], const uint8_t image[REG_IMAGE],
                                 struct err *e)
{
    char text[17];
    enum err_code rc = registry_begin(r, e);

    serial_text(serial, text);
    return rc != ERR_OK ? rc : registry_end(r, chip_made(r, text, x, image, e), e);
}

/* ---- injected ---- */

enum err_code device_key_injected(struct registry *r, const char *serial, const uint8_t x[32], struct err *e)
{
    char hex[65];
    bool unique;
    enum err_code rc = insert(r, serial, x, "MADE", &unique, e);

    if (rc == ERR_OK && !unique)
        rc = key_known(serial, x, e);
    hex_encode(x, 32, hex);
    return rc != ERR_OK ? rc
                        : event_append(r, "device.injected", (const char *const[]){ "serial", serial, "x", hex, NULL }, e);
}

/* ---- pinned ---- */

static enum err_code pin(struct registry *r, const char *serial, const uint8_t x[32], const char *by, struct err *e)
{
    enum device_key_state state;
    uint8_t own[32];
    char hex[65];
    bool unique = true;
    enum err_code rc = own_key(r, serial, own, &state, e);

    if (rc != ERR_OK)
        return rc;
    if (state != DEVICE_KEY_NONE && memcmp(own, x, sizeof own) != 0)
        return other_key(serial, x, own, e);
    if (state == DEVICE_KEY_PINNED)
        return ERR_OK;
    rc = state == DEVICE_KEY_MADE
             ? sql_run(r->sql, NULL, e, "UPDATE device_key SET state = 'PINNED' WHERE x = ?", "b", x, (size_t)32)
             : insert(r, serial, x, PINNED, &unique, e);
    if (rc == ERR_OK && !unique)
        rc = key_known(serial, x, e);
    if (rc != ERR_OK)
        return rc;
    hex_encode(x, 32, hex);
    return event_append(r, "device.pinned", (const char *const[]){ "serial", serial, "x", hex, "by", by, NULL }, e);
}

enum err_code registry_pin(struct registry *r, uint64_t serial, const uint8_t x[32], const char *by, struct err *e)
{
    struct device d;
    char text[17];
    enum err_code rc = registry_begin(r, e);

    if (rc != ERR_OK)
        return rc;
    serial_text(serial, text);
    if ((rc = registry_device(r, serial, &d, e)) == ERR_OK)
        rc = pin(r, text, x, by, e);
    return registry_end(r, rc, e);
}

/* The pin first: the room that the intent set aside is given back by the last record, whole. */
enum err_code registry_done_pinned(struct registry *r, uint64_t serial, const uint8_t x[32], const char *detail,
                                   struct err *e)
{
    char text[17];
    enum err_code rc = registry_begin(r, e);

    if (rc != ERR_OK)
        return rc;
    serial_text(serial, text);
    if ((rc = step_advance(r, text, DEV_LOCKED, DEV_DONE, detail, e)) == ERR_OK)
        rc = pin(r, text, x, "line", e);
    return registry_end(r, rc, e);
}

/* ---- in conflict ---- */

static enum err_code refuse(struct registry *r, const char *serial, const uint8_t x[32], bool *told, struct err *e)
{
    int64_t kept = 0;
    enum err_code rc =
        sql_int_of(r->sql, &kept, e, "SELECT count(*) FROM device_key WHERE serial = ? AND state = 'REFUSED'", "t", serial);

    if (rc == ERR_OK && kept < PIN_CONFLICTS_MAX)
        rc = insert(r, serial, x, "REFUSED", told, e);
    return rc;
}

static enum err_code pin_conflict(struct registry *r, uint64_t serial, const uint8_t x[32], struct err *e)
{
    enum device_key_state state;
    struct device d;
    uint8_t own[32];
    char text[17], hex[65], own_hex[65];
    bool told = false;
    enum err_code rc;

    serial_text(serial, text);
    if ((rc = registry_device(r, serial, &d, e)) != ERR_OK || (rc = own_key(r, text, own, &state, e)) != ERR_OK)
        return rc;
    if (state == DEVICE_KEY_NONE || memcmp(own, x, sizeof own) == 0)
        return err_set(e, &db_fault[DB_STATE_CHANGED], "pin conflict", NULL, 0, "device %s: no other key is pinned", text);
    if ((rc = refuse(r, text, x, &told, e)) != ERR_OK)
        return rc;
    const bool moves = d.state != DEV_QUARANTINED && d.state != DEV_VOID;
    hex_encode(x, 32, hex);
    hex_encode(own, 32, own_hex);
    if (told || moves)
        rc = event_append(r, "device.key-conflict",
                          (const char *const[]){ "serial", text, "x", hex, "pinned_x", own_hex, NULL }, e);
    return rc == ERR_OK && moves ? step_quarantine(r, text, d.state, "key-conflict", e) : rc;
}

enum err_code registry_pin_conflict(struct registry *r, uint64_t serial, const uint8_t x[32], struct err *e)
{
    enum err_code rc = registry_begin(r, e);

    return rc != ERR_OK ? rc : registry_end(r, pin_conflict(r, serial, x, e), e);
}
