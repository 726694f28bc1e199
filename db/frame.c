#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"
#include "protocol/bytes.h"

#define COLUMNS "serial, session, sid, ctr, frame, received, fleet, scheme, epoch, open_boot"

enum { SESSIONS_TRIED = 16 }; /* docs/protocol.md: newest sessions with that prefix */

static enum err_code digest_of(const uint8_t *frame, size_t len, uint8_t out[32], struct err *e)
{
    static EVP_MD *sha256; /* kept to the process's end: looking it up takes as long as a frame's digest */

    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (EVP_Digest(frame, len, out, NULL, sha256, NULL) != 1)
        return err_set(e, &db_fault[DB_BUG], "SHA-256", NULL, 0, "frame");
    return ERR_OK;
}

/* ---- what names a session, and what a boot ---- */

static bool by_boot(uint8_t scheme)
{
    return scheme == 4 || scheme == 5;
}

static bool is_signed(uint8_t scheme)
{
    return scheme == 3 || scheme == 7 || scheme == 8;
}

void registry_boot_session(uint64_t serial, uint8_t gen, uint32_t boot, uint8_t session[32])
{
    memset(session, 0, 32);
    put32(session, (uint32_t)(serial >> 32));
    put32(session + 4, (uint32_t)serial);
    put32(session + 8, (uint32_t)gen << 24 | (boot & 0xFFFFFF));
}

size_t frame_session(const struct frame_row *f, uint8_t session[32])
{
    if (by_boot(f->scheme))
        registry_boot_session(f->serial, f->gen, f->boot, session);
    else
        memcpy(session, f->session, 32);
    return by_boot(f->scheme) ? BOOT_SESSION : 32;
}

/* ---- rows ---- */

static enum err_code from_row(struct sql_row *row, struct frame_row *f, struct err *e)
{
    size_t session_len, sid_len, frame_len;
    const void *session = sql_blob(row, 1, &session_len);
    const void *sid = sql_blob(row, 2, &sid_len);
    const void *frame = sql_blob(row, 4, &frame_len);
    const uint8_t scheme = (uint8_t)sql_int(row, 7);

    if (session_len != (by_boot(scheme) ? (size_t)BOOT_SESSION : sizeof f->session) ||
        (sid_len != 0 && sid_len != sizeof f->sid) || frame_len == 0 || frame_len > sizeof f->frame)
        return err_set(e, &db_fault[DB_CORRUPT], "frame", NULL, 0, "frame of device %s", sql_text(row, 0));
    *f = (struct frame_row){ .serial = strtoull(sql_text(row, 0), NULL, 16),
                             .fleet = (uint16_t)sql_int(row, 6),
                             .scheme = scheme,
                             .epoch = (uint8_t)sql_int(row, 8),
                             .boot = (uint32_t)sql_int(row, 9),
                             .ctr = (uint64_t)sql_int(row, 3),
                             .frame_len = (uint16_t)frame_len };
    memcpy(f->session, session, session_len);
    if (by_boot(scheme)) {
        f->gen = f->session[8];
        f->boot = get32(f->session + 8) & 0xFFFFFF;
    }
    if (sid_len != 0)
        memcpy(f->sid, sid, sid_len);
    memcpy(f->frame, frame, frame_len);
    sql_text_to(row, 5, f->received, sizeof f->received);
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

/* ---- recording ---- */

static enum err_code alarm(struct registry *r, const struct frame_row *f, const char *kind, const uint8_t digest[32],
                           struct err *e)
{
    char serial[17], fleet[8], hex[65];
    const bool nobody = f->serial == 0;

    serial_text(f->serial, serial);
    (void)snprintf(fleet, sizeof fleet, "%u", f->fleet);
    hex_encode(digest, 32, hex);
    return event_append(
        r, kind, (const char *const[]){ nobody ? "fleet" : "serial", nobody ? fleet : serial, "frame_sha256", hex, NULL },
        e);
}

static enum err_code store(struct registry *r, struct frame_row *f, const uint8_t digest[32], bool *unique, struct err *e)
{
    static const char with_boot[] = "INSERT INTO frame (digest, serial, fleet, scheme, session, sid, ctr, epoch, frame,"
                                    " received, open_boot, n)"
                                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(n) + 1, 0) FROM frame))";
    static const char without[] = "INSERT INTO frame (digest, serial, fleet, scheme, session, sid, ctr, epoch, frame,"
                                  " received, n)"
                                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(n) + 1, 0) FROM frame))";
    const bool open = f->ctr == 0, named = open && is_signed(f->scheme);
    char serial[17];
    uint8_t session[32];
    const size_t session_len = frame_session(f, session);

    serial_text(f->serial, serial);
    registry_now(r, f->received);
    return sql_insert(r->sql, unique, e, named ? with_boot : without, named ? "btiibbiibti" : "btiibbiibt", digest,
                      (size_t)32, f->serial != 0 ? serial : NULL,
                      f->fleet != 0 ? (int64_t)f->fleet : (int64_t)(f->serial >> 48), (int64_t)f->scheme, session,
                      session_len, f->sid, open ? sizeof f->sid : (size_t)0, (int64_t)f->ctr, (int64_t)f->epoch, f->frame,
                      (size_t)f->frame_len, f->received, (int64_t)f->boot);
}

/* The clone alarm, and the frame that shows it.  Whoever holds a device's key could fill the disk: it ends at EVIDENCE_MAX.
 */
static enum err_code keep_evidence(struct registry *r, const struct frame_row *f, const uint8_t digest[32], struct err *e)
{
    char serial[17], now[REG_TIME];
    int64_t kept = 0;
    bool unique = false;
    enum err_code rc;

    serial_text(f->serial, serial);
    registry_now(r, now);
    rc = sql_int_of(r->sql, &kept, e, "SELECT count(*) FROM evidence WHERE serial = ?", "t", serial);
    if (rc == ERR_OK && kept < EVIDENCE_MAX)
        rc = sql_insert(r->sql, &unique, e,
                        "INSERT INTO evidence (digest, serial, kind, frame, received) VALUES (?, ?, 'clone', ?, ?)", "btbt",
                        digest, (size_t)32, serial, f->frame, (size_t)f->frame_len, now);
    return rc == ERR_OK && unique ? alarm(r, f, "frame.clone", digest, e) : rc;
}

/* A UNIQUE constraint said no.  Which one? */
static enum err_code clash(struct registry *r, const struct frame_row *f, const uint8_t digest[32], enum frame_record *what,
                           struct err *e)
{
    uint8_t session[32];
    const size_t session_len = frame_session(f, session);
    int64_t taken = 0;
    enum err_code rc = sql_int_of(r->sql, &taken, e, "SELECT count(*) FROM frame WHERE session = ? AND ctr = ?", "bi",
                                  session, session_len, (int64_t)f->ctr);

    if (rc != ERR_OK)
        return rc;
    *what = taken != 0 ? FRAME_REPLAY : FRAME_CLONE;
    return taken != 0 ? alarm(r, f, "frame.replay", digest, e) : keep_evidence(r, f, digest, e);
}

/* Not stored: because it is already, a phone's retry; or for a reason of its own. */
static enum err_code not_new(struct registry *r, struct frame_row *f, const uint8_t digest[32], bool ended,
                             enum frame_record *what, struct err *e)
{
    struct frame_row known;
    bool stored = false;
    enum err_code rc = find(r, digest, &known, &stored, e);

    if (rc == ERR_OK && !stored && !ended)
        return clash(r, f, digest, what, e);
    if (rc == ERR_OK)
        *what = stored ? FRAME_DUPLICATE : FRAME_ENDED;
    if (rc == ERR_OK && stored)
        memcpy(f->received, known.received, sizeof f->received);
    return rc;
}

/* Does a new one change what was seen of its device? */
static bool shows(const struct frame_row *f)
{
    return f->serial != 0 && (f->epoch != 0 || f->boot != 0);
}

/* Written first and asked about later: nearly all frames are new. */
static enum err_code record(struct registry *r, struct frame_row *f, const uint8_t digest[32], enum frame_record *what,
                            struct err *e)
{
    bool unique = false, ended = false;
    enum err_code rc = f->scheme == 5 ? generation_heard(r, f->serial, f->gen, &ended, e) : ERR_OK;

    if (rc == ERR_OK && !ended)
        rc = store(r, f, digest, &unique, e);
    if (rc != ERR_OK || !unique)
        return rc != ERR_OK ? rc : not_new(r, f, digest, ended, what, e);
    *what = FRAME_NEW;
    return shows(f) ? seen_frame(r, f, e) : ERR_OK;
}

/* In a batch, a frame that brings its row and nothing else needs no savepoint, which copies each page that changes: one
 * INSERT is whole or not at all.  Nearly all frames do. */
static enum err_code record_row(struct registry *r, struct frame_row *f, const uint8_t digest[32], bool *done, struct err *e)
{
    const bool row_alone = f->scheme != 5 && !shows(f);

    *done = false;
    return r->batch && row_alone ? store(r, f, digest, done, e) : ERR_OK;
}

enum err_code registry_frame_record(struct registry *r, struct frame_row *f, enum frame_record *what, struct err *e)
{
    uint8_t digest[32];
    bool done;
    enum err_code rc;

    if ((rc = digest_of(f->frame, f->frame_len, digest, e)) != ERR_OK || (rc = record_row(r, f, digest, &done, e)) != ERR_OK)
        return rc;
    *what = FRAME_NEW;
    if (done || (rc = registry_begin(r, e)) != ERR_OK)
        return rc;
    return registry_end(r, record(r, f, digest, what, e), e);
}

enum err_code registry_fleet_sessions(struct registry *r, uint16_t fleet, const uint8_t *sid, size_t sid_len,
                                      registry_frame_each *each, void *io, struct err *e)
{
    struct sql_row *row;
    uint8_t low[8] = { 0 }, high[8];
    bool more;
    enum err_code rc;

    memset(high, 0xff, sizeof high);
    memcpy(low, sid, sid_len);
    memcpy(high, sid, sid_len);
    rc = sql_query(r->sql, &row, e,
                   "SELECT " COLUMNS
                   " FROM frame WHERE ctr = 0 AND sid >= ? AND sid <= ? AND (? = 0 OR fleet = ?) ORDER BY n DESC LIMIT ?",
                   "bbiii", low, sizeof low, high, sizeof high, (int64_t)fleet, (int64_t)fleet, (int64_t)SESSIONS_TRIED);
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

enum err_code registry_sessions(struct registry *r, const uint8_t *sid, size_t sid_len, registry_frame_each *each, void *io,
                                struct err *e)
{
    return registry_fleet_sessions(r, 0, sid, sid_len, each, io, e);
}

enum err_code registry_session_first(struct registry *r, const struct frame_row *f, struct frame_row *first, bool *found,
                                     struct err *e)
{
    uint8_t session[32];
    const size_t len = frame_session(f, session);
    struct sql_row *row;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM frame WHERE session = ? ORDER BY ctr LIMIT 1",
                                 "b", session, len);

    if (rc != ERR_OK)
        return rc;
    if ((rc = sql_next(row, found, e)) == ERR_OK && *found)
        rc = from_row(row, first, e);
    sql_done(row);
    return rc;
}

enum err_code registry_evidence(struct registry *r, uint64_t serial, registry_evidence_each *each, void *io, struct err *e)
{
    struct sql_row *row;
    char text[17];
    bool more;

    serial_text(serial, text);
    enum err_code rc = sql_query(
        r->sql, &row, e, "SELECT kind, frame, received FROM evidence WHERE serial = ? ORDER BY received, digest", "t", text);
    if (rc != ERR_OK)
        return rc;
    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct evidence v = { .kind = sql_text(row, 0) };
        v.frame = sql_blob(row, 1, &v.frame_len);
        sql_text_to(row, 2, v.received, sizeof v.received);
        if ((rc = each(io, &v, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}
