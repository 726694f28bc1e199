#include "db/down.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/fault.h"
#include "db/registry_impl.h"

#define COLUMNS "id, serial, payload, queued, sessions, sent"

/* ---- counters ---- */

/* Does the copy that an officer accepted know this session, or a later boot of the device?  What was sent in it since that
 * copy was made is forgotten, and its counters with it. */
static enum err_code is_forgotten(struct registry *r, const uint8_t *session, size_t len, bool *forgotten, struct err *e)
{
    uint8_t last[32];
    int64_t known = 0;

    memcpy(last, session, sizeof last);
    if (len == BOOT_SESSION)
        memset(last + 8, 0xFF, BOOT_SESSION - 8);
    enum err_code rc = sql_int_of(r->sql, &known, e,
                                  "SELECT count(*) FROM (SELECT n FROM frame WHERE session >= ? AND session <= ?"
                                  " AND n <= (SELECT max(n) FROM down_floor) LIMIT 1) AS old",
                                  "bb", session, len, last, len);
    *forgotten = known != 0;
    return rc;
}

static enum err_code used_up(const struct frame_row *f, const char *why, struct err *e)
{
    return err_set(e, &db_fault[DB_DOWN_USED_UP], "down", NULL, 0, "device %016llx: %s", (unsigned long long)f->serial, why);
}

static enum err_code next(struct registry *r, const struct frame_row *f, uint8_t *ctr, struct err *e)
{
    uint8_t session[32];
    const size_t len = frame_session(f, session);
    char now[REG_TIME];
    int64_t n = 1;
    bool forgotten = false;
    enum err_code rc;

    if ((rc = is_forgotten(r, session, len, &forgotten, e)) != ERR_OK)
        return rc;
    if (forgotten)
        return used_up(f, "a session of before an older registry was accepted", e);
    if ((rc = sql_int_of(r->sql, &n, e, "SELECT coalesce(max(ctr), 0) + 1 FROM down WHERE session = ?", "b", session,
                         len)) != ERR_OK)
        return rc;
    if (n > UINT8_MAX)
        return used_up(f, "its 255 counters are used", e);
    registry_now(r, now);
    *ctr = (uint8_t)n;
    return sql_run(r->sql, NULL, e, "INSERT INTO down (session, ctr, taken) VALUES (?, ?, ?)", "bit", session, len, n, now);
}

enum err_code registry_down_next(struct registry *r, const struct frame_row *f, uint8_t *ctr, struct err *e)
{
    uint8_t taken = 0;
    enum err_code rc = registry_begin(r, e);

    if (rc == ERR_OK && (rc = registry_end(r, next(r, f, &taken, e), e)) == ERR_OK)
        *ctr = taken;
    return rc;
}

/* ---- what waits ---- */

/* Its id is the number of its event: never given twice. */
static enum err_code queue(struct registry *r, uint64_t serial, const uint8_t *payload, size_t len, unsigned sessions,
                           uint64_t *id, struct err *e)
{
    struct device d;
    char text[17], now[REG_TIME];
    int64_t waiting = 0, n = 0;
    enum err_code rc;

    serial_text(serial, text);
    registry_now(r, now);
    if ((rc = registry_device(r, serial, &d, e)) != ERR_OK ||
        (rc = sql_int_of(r->sql, &waiting, e, "SELECT count(*) FROM down_waiting WHERE serial = ?", "t", text)) != ERR_OK)
        return rc;
    if (waiting >= DOWN_WAITING_MAX)
        return err_set(e, &db_fault[DB_DOWN_FULL], "down", NULL, 0, "device %s: %d wait", text, DOWN_WAITING_MAX);
    if ((rc = sql_int_of(r->sql, &n, e, "SELECT coalesce(max(n) + 1, 0) FROM event", "")) != ERR_OK ||
        (rc = sql_run(r->sql, NULL, e,
                      "INSERT INTO down_waiting (id, serial, payload, queued, sessions) VALUES (?, ?, ?, ?, ?)", "itbti", n,
                      text, payload, len, now, (int64_t)sessions)) != ERR_OK)
        return rc;
    *id = (uint64_t)n;
    return event_append(r, "down.queued", (const char *const[]){ "serial", text, NULL }, e);
}

enum err_code registry_down_queue(struct registry *r, uint64_t serial, const uint8_t *payload, size_t len, unsigned sessions,
                                  uint64_t *id, struct err *e)
{
    uint64_t given = 0;
    enum err_code rc;

    if (len == 0 || len > DOWN_PAYLOAD_MAX || sessions == 0 || sessions > DOWN_SESSIONS_MAX)
        return err_set(e, &db_fault[DB_BUG], "down", NULL, 0, "payload of %zu bytes, %u sessions", len, sessions);
    if ((rc = registry_begin(r, e)) == ERR_OK &&
        (rc = registry_end(r, queue(r, serial, payload, len, sessions, &given, e), e)) == ERR_OK)
        *id = given;
    return rc;
}

static enum err_code from_row(struct sql_row *row, struct down *d, struct err *e)
{
    size_t len;
    const void *payload = sql_blob(row, 2, &len);

    *d = (struct down){ .id = (uint64_t)sql_int(row, 0),
                        .serial = strtoull(sql_text(row, 1), NULL, 16),
                        .len = (uint16_t)len,
                        .sessions = (uint8_t)sql_int(row, 4),
                        .sent = (uint8_t)sql_int(row, 5) };
    if (len == 0 || len > sizeof d->payload)
        return err_set(e, &db_fault[DB_CORRUPT], "down", NULL, 0, "message %llu", (unsigned long long)d->id);
    memcpy(d->payload, payload, len);
    (void)snprintf(d->queued, sizeof d->queued, "%s", sql_text(row, 3));
    return ERR_OK;
}

enum err_code registry_down_any(struct registry *r, bool *any, struct err *e)
{
    int64_t n = 0;
    enum err_code rc = sql_int_of(r->sql, &n, e, "SELECT count(*) FROM (SELECT id FROM down_waiting LIMIT 1) AS one", "");

    *any = n != 0;
    return rc;
}

/* Sessions that follow each other, so that no late frame of an older one brings it into the same session twice. */
enum err_code registry_down_peek(struct registry *r, const struct frame_row *f, struct down *d, bool *found, struct err *e)
{
    uint8_t session[32];
    const size_t len = frame_session(f, session);
    struct sql_row *row;
    char serial[17];

    *found = false;
    serial_text(f->serial, serial);
    enum err_code rc = sql_query(r->sql, &row, e,
                                 "SELECT " COLUMNS " FROM down_waiting AS w WHERE serial = ? AND (session IS NULL OR"
                                 " (SELECT n FROM frame WHERE session = ? ORDER BY ctr LIMIT 1) >"
                                 " (SELECT n FROM frame WHERE session = w.session ORDER BY ctr LIMIT 1))"
                                 " ORDER BY id LIMIT 1",
                                 "tb", serial, session, len);
    if (rc != ERR_OK)
        return rc;
    if ((rc = sql_next(row, found, e)) == ERR_OK && *found)
        rc = from_row(row, d, e);
    sql_done(row);
    return rc;
}

static enum err_code done(struct registry *r, uint64_t id, const char *reason, struct err *e)
{
    struct sql_row *row;
    char serial[17] = "", number[24];
    bool found;

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)id);
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT serial FROM down_waiting WHERE id = ?", "i", (int64_t)id);
    if (rc != ERR_OK)
        return rc;
    if ((rc = sql_next(row, &found, e)) == ERR_OK)
        (void)snprintf(serial, sizeof serial, "%s", sql_text(row, 0));
    sql_done(row);
    if (rc == ERR_OK && !found)
        rc = err_set(e, &db_fault[DB_DOWN_UNKNOWN], "down", NULL, 0, "message %s", number);
    if (rc != ERR_OK || (rc = sql_run(r->sql, NULL, e, "DELETE FROM down_waiting WHERE id = ?", "i", (int64_t)id)) != ERR_OK)
        return rc;
    return event_append(
        r, "down.done",
        (const char *const[]){ "serial", serial, "queued", number, "reason", reason != NULL ? reason : "", NULL }, e);
}

static enum err_code take(struct registry *r, const struct frame_row *f, struct down *d, bool *found, struct err *e)
{
    uint8_t session[32];
    const size_t len = frame_session(f, session);
    enum err_code rc = registry_down_peek(r, f, d, found, e);

    if (rc != ERR_OK || !*found || (rc = next(r, f, &d->ctr, e)) != ERR_OK)
        return rc;
    if (++d->sent >= d->sessions)
        return done(r, d->id, "sent", e);
    return sql_run(r->sql, NULL, e, "UPDATE down_waiting SET session = ?, sent = ?, unsure = 0 WHERE id = ?", "bii", session,
                   len, (int64_t)d->sent, (int64_t)d->id);
}

enum err_code registry_down_take(struct registry *r, const struct frame_row *f, struct down *d, bool *found, struct err *e)
{
    struct down taken;
    bool any = false;
    enum err_code rc = registry_begin(r, e);

    *found = false;
    if (rc != ERR_OK || (rc = registry_end(r, take(r, f, &taken, &any, e), e)) != ERR_OK)
        return rc;
    *found = any;
    if (any)
        *d = taken;
    return ERR_OK;
}

/* ---- its end ---- */

enum err_code registry_down_done(struct registry *r, uint64_t id, const char *reason, struct err *e)
{
    enum err_code rc = registry_begin(r, e);

    return rc != ERR_OK ? rc : registry_end(r, done(r, id, reason, e), e);
}

/* One that was sent in the session of f, and not lost as far as is known; -1: none.  sure: long enough ago. */
static enum err_code sent_in(struct registry *r, const struct frame_row *f, bool sure, int64_t *id, struct err *e)
{
    uint8_t session[32];
    const size_t len = frame_session(f, session);
    char serial[17], before[REG_TIME];

    *id = -1;
    serial_text(f->serial, serial);
    registry_ago(r, sure ? DOWN_SURE_S : 0, before);
    return sql_int_of(r->sql, id, e,
                      "SELECT id FROM down_waiting WHERE serial = ? AND session = ? AND unsure = 0 AND (? = 0 OR"
                      " (SELECT max(taken) FROM down WHERE session = ?) <= ?) ORDER BY id LIMIT 1",
                      "tbibt", serial, session, len, (int64_t)sure, session, len, before);
}

/* Asked again within the transaction: another worker may have been there. */
static enum err_code hear(struct registry *r, const struct frame_row *f, bool again, struct err *e)
{
    int64_t id;
    enum err_code rc = sent_in(r, f, !again, &id, e);

    if (rc != ERR_OK || id < 0)
        return rc;
    return again ? sql_run(r->sql, NULL, e, "UPDATE down_waiting SET unsure = 1 WHERE id = ?", "i", id)
                 : done(r, (uint64_t)id, "heard", e);
}

/* Looked at first, without the write lock: nearly always there is nothing. */
enum err_code registry_down_heard(struct registry *r, const struct frame_row *f, bool again, struct err *e)
{
    int64_t id;
    enum err_code rc;

    while ((rc = sent_in(r, f, !again, &id, e)) == ERR_OK && id >= 0)
        if ((rc = registry_begin(r, e)) != ERR_OK || (rc = registry_end(r, hear(r, f, again, e), e)) != ERR_OK)
            return rc;
    return rc;
}

enum err_code registry_down_list(struct registry *r, uint64_t serial, registry_down_each *each, void *io, struct err *e)
{
    struct sql_row *row;
    char text[17];
    bool more;

    serial_text(serial, text);
    const char *of = serial != 0 ? text : "";
    enum err_code rc = sql_query(
        r->sql, &row, e, "SELECT " COLUMNS " FROM down_waiting WHERE ? = '' OR serial = ? ORDER BY id", "tt", of, of);
    if (rc != ERR_OK)
        return rc;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct down d;
        if ((rc = from_row(row, &d, e)) != ERR_OK || (rc = each(io, &d, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}
