#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

#define COLUMNS "serial, session, sid, ctr, frame, received"

enum { SESSIONS_TRIED = 16 }; /* docs/protocol.md: newest sessions with that prefix */

static enum err_code digest_of(const uint8_t *frame, size_t len, uint8_t out[32], struct err *e)
{
    if (EVP_Digest(frame, len, out, NULL, EVP_sha256(), NULL) != 1)
        return err_set(e, &db_fault[DB_BUG], "SHA-256", NULL, 0, "frame");
    return ERR_OK;
}

static enum err_code from_row(struct sql_row *row, struct frame_row *f, struct err *e)
{
    size_t session_len, sid_len, frame_len;
    const void *session = sql_blob(row, 1, &session_len);
    const void *sid = sql_blob(row, 2, &sid_len);
    const void *frame = sql_blob(row, 4, &frame_len);

    if (session_len != sizeof f->session || (sid_len != 0 && sid_len != sizeof f->sid) || frame_len == 0 ||
        frame_len > sizeof f->frame)
        return err_set(e, &db_fault[DB_CORRUPT], "frame", NULL, 0, "frame of device %s", sql_text(row, 0));
    *f = (struct frame_row){ .serial = strtoull(sql_text(row, 0), NULL, 16),
                             .ctr = (uint64_t)sql_int(row, 3),
                             .frame_len = (uint16_t)frame_len };
    memcpy(f->session, session, session_len);
    if (sid_len != 0)
        memcpy(f->sid, sid, sid_len);
    memcpy(f->frame, frame, frame_len);
    (void)snprintf(f->received, sizeof f->received, "%s", sql_text(row, 5));
    return ERR_OK;
}

static enum err_code find(struct registry *r, const uint8_t digest[32], struct frame_row *f, bool *found, struct err *e)
{
    struct sql_row *row;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM frame WHERE digest = ?", "b", digest, (size_t)32);

    if (rc != ERR_OK)
        return rc;
    if ((rc = sql_next(row, found, e)) == ERR_OK && *found)
        rc = from_row(row, f, e);
    sql_done(row);
    return rc;
}

enum err_code registry_frame_find(struct registry *r, const uint8_t *frame, size_t len, struct frame_row *f, bool *found,
                                  struct err *e)
{
    uint8_t digest[32];
    enum err_code rc = digest_of(frame, len, digest, e);

    return rc != ERR_OK ? rc : find(r, digest, f, found, e);
}

static enum err_code alarm_replay(struct registry *r, const struct frame_row *f, const uint8_t digest[32], struct err *e)
{
    char serial[17], hex[65];

    serial_text(f->serial, serial);
    hex_encode(digest, 32, hex);
    return event_append(r, "frame.replay", (const char *const[]){ "serial", serial, "frame_sha256", hex, NULL }, e);
}

static enum err_code record(struct registry *r, const struct frame_row *f, const uint8_t digest[32], enum frame_record *what,
                            struct err *e)
{
    struct frame_row known;
    bool unique;
    bool open = f->ctr == 0;
    char serial[17], now[REG_TIME];
    enum err_code rc = find(r, digest, &known, &unique, e);

    if (rc != ERR_OK)
        return rc;
    if (unique) { /* it is stored: a phone's retry */
        *what = FRAME_DUPLICATE;
        return ERR_OK;
    }
    serial_text(f->serial, serial);
    registry_now(r, now);
    rc = sql_insert(r->sql, &unique, e,
                    "INSERT INTO frame (digest, serial, session, sid, ctr, frame, received, n)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(n) + 1, 0) FROM frame))",
                    "btbbibt", digest, (size_t)32, serial, f->session, sizeof f->session, f->sid,
                    open ? sizeof f->sid : (size_t)0, (int64_t)f->ctr, f->frame, (size_t)f->frame_len, now);
    if (rc == ERR_OK)
        *what = unique ? FRAME_NEW : FRAME_REPLAY;
    return rc == ERR_OK && !unique ? alarm_replay(r, f, digest, e) : rc;
}

enum err_code registry_frame_record(struct registry *r, const struct frame_row *f, enum frame_record *what, struct err *e)
{
    uint8_t digest[32];
    enum err_code rc;

    if ((rc = digest_of(f->frame, f->frame_len, digest, e)) != ERR_OK || (rc = registry_begin(r, e)) != ERR_OK)
        return rc;
    return registry_end(r, record(r, f, digest, what, e), e);
}

enum err_code registry_sessions(struct registry *r, const uint8_t *sid, size_t sid_len, registry_frame_each *each, void *io,
                                struct err *e)
{
    struct sql_row *row;
    uint8_t low[8] = { 0 }, high[8];
    bool more;
    enum err_code rc;

    memset(high, 0xff, sizeof high);
    memcpy(low, sid, sid_len);
    memcpy(high, sid, sid_len);
    rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM frame WHERE sid >= ? AND sid <= ? ORDER BY n DESC LIMIT ?",
                   "bbi", low, sizeof low, high, sizeof high, (int64_t)SESSIONS_TRIED);
    if (rc != ERR_OK)
        return rc;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct frame_row f;
        if ((rc = from_row(row, &f, e)) != ERR_OK || (rc = each(io, &f, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}
