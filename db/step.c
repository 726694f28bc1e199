#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

/* Rows set aside at the intent, one given back by each record up to DONE; 4 KiB is a page of the file and room for an event.
 */
enum { BALLAST_ROWS = 7, BALLAST_BYTES = 8192 };

/* The steps of the transaction.  KEYED and BURNING have calls of their own; every state may be quarantined by its own call.
 */
static const struct {
    enum device_state from, to;
    const char *event;
} steps[] = {
    { DEV_BURNING, DEV_VERIFIED, "device.verified" }, { DEV_VERIFIED, DEV_PROVED, "device.proved" },
    { DEV_PROVED, DEV_LOCKED, "device.locked" },      { DEV_LOCKED, DEV_DONE, "device.done" },
    { DEV_RESERVED, DEV_VOID, "serial.void" },        { DEV_KEYED, DEV_VOID, "serial.void" },
    { DEV_DONE, DEV_VERIFIED, "device.rework" }, /* the same identity, firmware written and proved again */
};

/* The row moves only if it is where the caller believes it to be: two stations can't both take a step. */
static enum err_code move(struct registry *r, const char *serial, enum device_state from, enum device_state to,
                          struct err *e)
{
    char now[REG_TIME];
    long changed = 0;

    registry_now(r, now);
    enum err_code rc =
        sql_run(r->sql, &changed, e, "UPDATE device SET state = ?, updated = ? WHERE serial = ? AND state = ?", "tttt",
                device_state_name(to), now, serial, device_state_name(from));
    if (rc == ERR_OK && changed != 1)
        rc = err_set(e, &db_fault[DB_STATE_CHANGED], "advance", NULL, 0, "device %s is not %s", serial,
                     device_state_name(from));
    return rc;
}

/* In two transactions.  The first takes the pages; the second, which is the intent's own, changes them, and so makes the
 * kept journal file longer than any later record will need it.  A cut in between leaves rows that the next intent takes
 * over. */
static enum err_code ballast_take(struct registry *r, const char *serial, struct err *e)
{
    static const uint8_t filler[BALLAST_BYTES];
    enum err_code rc = registry_begin(r, e);

    if (rc != ERR_OK)
        return rc;
    for (int i = 0; i < BALLAST_ROWS && rc == ERR_OK; i++)
        rc = sql_run(r->sql, NULL, e, "INSERT OR REPLACE INTO ballast (serial, n, filler) VALUES (?, ?, ?)", "tib", serial,
                     (int64_t)i, filler, sizeof filler);
    return registry_end(r, rc, e);
}

static enum err_code ballast_press(struct registry *r, const char *serial, struct err *e)
{
    uint8_t other[BALLAST_BYTES];

    memset(other, 0xFF, sizeof other);
    return sql_run(r->sql, NULL, e, "UPDATE ballast SET filler = ? WHERE serial = ?", "bt", other, sizeof other, serial);
}

enum err_code ballast_give(struct registry *r, const char *serial, bool all, struct err *e)
{
    return sql_run(r->sql, NULL, e,
                   all ? "DELETE FROM ballast WHERE serial = ?"
                       : "DELETE FROM ballast WHERE serial = ?1 AND n = (SELECT max(n) FROM ballast WHERE serial = ?1)",
                   "t", serial);
}

static enum err_code key_insert(struct registry *r, const char *serial, const struct wrapped_key *k, struct err *e)
{
    bool unique;
    enum err_code rc = sql_insert(
        r->sql, &unique, e,
        "INSERT INTO wrapped_key (digest, serial, role, blob, mechanism, profile, kek, kek_kcv, public_x)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "bttbittbb", k->digest, sizeof k->digest, serial, k->role, k->blob, (size_t)k->blob_len, (int64_t)k->mechanism,
        k->profile, k->kek, k->kek_kcv, sizeof k->kek_kcv, k->public_x, sizeof k->public_x);

    if (rc == ERR_OK && !unique)
        rc = err_set(e, &db_fault[DB_KEY_KNOWN], "keyed", NULL, 0, "device %s, key '%s'", serial, k->role);
    return rc;
}

/* Nobody but the chip holds it from here on.  Its place in the file is overwritten with zeros (secure_delete), what the kept
 * journal has of it by the records that follow. */
static enum err_code seed_destroy(struct registry *r, const char *serial, struct err *e)
{
    long gone = 0;
    enum err_code rc =
        sql_run(r->sql, &gone, e, "DELETE FROM wrapped_key WHERE serial = ? AND role = ?", "tt", serial, REG_SIGN_SEED);

    if (rc != ERR_OK || gone == 0)
        return rc;
    return event_append(r, "device.seed-destroyed", (const char *const[]){ "serial", serial, NULL }, e);
}

static enum err_code keyed(struct registry *r, const char *serial, const struct wrapped_key *key, size_t n, struct err *e)
{
    char digest[65] = "";
    enum err_code rc = move(r, serial, DEV_RESERVED, DEV_KEYED, e);

    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = key_insert(r, serial, &key[i], e);
    if (rc != ERR_OK)
        return rc;
    if (n > 0)
        hex_encode(key[0].digest, sizeof key[0].digest, digest);
    rc = event_append(r, "device.keyed", (const char *const[]){ "serial", serial, "key_sha256", digest, NULL }, e);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        if (strcmp(key[i].role, REG_SIGN_SEED) == 0)
            rc = device_key_injected(r, serial, key[i].public_x, e);
    return rc;
}

enum err_code registry_keyed(struct registry *r, uint64_t serial, const struct wrapped_key *key, size_t n, struct err *e)
{
    char text[17];
    enum err_code rc = registry_begin(r, e);

    serial_text(serial, text);
    return rc != ERR_OK ? rc : registry_end(r, keyed(r, text, key, n, e), e);
}

static enum err_code intent(struct registry *r, const char *serial, const uint8_t *image, const uint8_t *sha256,
                            struct err *e)
{
    char digest[65];
    enum err_code rc;

    hex_encode(sha256, 32, digest);
    if ((rc = move(r, serial, DEV_KEYED, DEV_BURNING, e)) != ERR_OK ||
        (rc = sql_run(r->sql, NULL, e, "UPDATE device SET image = ?, image_sha256 = ? WHERE serial = ?", "bbt", image,
                      (size_t)REG_IMAGE, sha256, (size_t)32, serial)) != ERR_OK ||
        (rc = ballast_press(r, serial, e)) != ERR_OK)
        return rc;
    return event_append(r, "device.burning", (const char *const[]){ "serial", serial, "image_sha256", digest, NULL }, e);
}

enum err_code registry_intent(struct registry *r, uint64_t serial, const uint8_t image[REG_IMAGE],
                              const uint8_t image_sha256[32], struct err *e)
{
    char text[17];
    enum err_code rc;

    serial_text(serial, text);
    if ((rc = ballast_take(r, text, e)) != ERR_OK || (rc = registry_begin(r, e)) != ERR_OK)
        return rc;
    return registry_end(r, intent(r, text, image, image_sha256, e), e);
}

static const char *step_event(enum device_state from, enum device_state to)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].from == from && steps[i].to == to)
            return steps[i].event;
    return NULL;
}

/* VERIFIED: the seed is in the chip, and nothing burns it again from there.  VOID: it never will be. */
static bool needs_no_seed(enum device_state s)
{
    return s == DEV_VERIFIED || s == DEV_VOID;
}

enum err_code step_advance(struct registry *r, const char *serial, enum device_state from, enum device_state to,
                           const char *detail, struct err *e)
{
    const char *event = step_event(from, to);
    enum err_code rc;

    if (event == NULL)
        return err_set(e, &db_fault[DB_STATE_CHANGED], "advance", NULL, 0, "device %s: %s to %s is no step", serial,
                       device_state_name(from), device_state_name(to));
    if ((rc = ballast_give(r, serial, to == DEV_DONE, e)) != ERR_OK || (rc = move(r, serial, from, to, e)) != ERR_OK)
        return rc;
    rc =
        event_append(r, event, (const char *const[]){ "serial", serial, detail != NULL ? "detail" : NULL, detail, NULL }, e);
    return rc == ERR_OK && needs_no_seed(to) ? seed_destroy(r, serial, e) : rc;
}

enum err_code registry_advance(struct registry *r, uint64_t serial, enum device_state from, enum device_state to,
                               const char *detail, struct err *e)
{
    char text[17];
    enum err_code rc = registry_begin(r, e);

    serial_text(serial, text);
    return rc != ERR_OK ? rc : registry_end(r, step_advance(r, text, from, to, detail, e), e);
}

enum err_code step_quarantine(struct registry *r, const char *serial, enum device_state from, const char *reason,
                              struct err *e)
{
    enum err_code rc;

    if ((rc = ballast_give(r, serial, true, e)) != ERR_OK || (rc = move(r, serial, from, DEV_QUARANTINED, e)) != ERR_OK ||
        (rc = sql_run(r->sql, NULL, e, "UPDATE device SET reason = ? WHERE serial = ?", "tt", reason, serial)) != ERR_OK)
        return rc;
    rc = event_append(r, "device.quarantined", (const char *const[]){ "serial", serial, "reason", reason, NULL }, e);
    return rc == ERR_OK ? seed_destroy(r, serial, e) : rc;
}

enum err_code registry_quarantine(struct registry *r, uint64_t serial, enum device_state from, const char *reason,
                                  struct err *e)
{
    char text[17];
    enum err_code rc = registry_begin(r, e);

    serial_text(serial, text);
    return rc != ERR_OK ? rc : registry_end(r, step_quarantine(r, text, from, reason, e), e);
}
