#include "db/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "db/fault.h"
#include "db/mark_file.h"
#include "db/registry_impl.h"

const char *mark_found_name(enum mark_found f)
{
    static const char *const names[MARK_KINDS] = {
        [MARK_GOOD] = "good", [MARK_NONE] = "none", [MARK_TORN] = "torn", [MARK_OLDER] = "older"
    };
    return names[f];
}

void registry_mark_path(const char *registry, char out[MARK_PATH_MAX])
{
    const size_t len = strlen(registry);
    const bool db = len > 3 && strcmp(registry + len - 3, ".db") == 0;

    (void)snprintf(out, MARK_PATH_MAX, "%.*s.mark", (int)(db ? len - 3 : len), registry);
}

/* ---- what the registry holds ---- */

static enum err_code leaf_at(struct registry *r, const char *which, int64_t n, struct mark_log *log, struct err *e)
{
    struct sql_row *row = NULL;
    bool more = false;
    size_t len;
    enum err_code rc = sql_query(r->sql, &row, e, which, "i", n);

    *log = (struct mark_log){ .events = 0 };
    if (rc == ERR_OK && (rc = sql_next(row, &more, e)) == ERR_OK && more) {
        const void *hash = sql_blob(row, 1, &len);
        if (len != sizeof log->leaf) {
            rc = err_set(e, &db_fault[DB_CORRUPT], "event", NULL, 0, "event %lld", (long long)sql_int(row, 0));
        } else {
            log->events = (uint64_t)sql_int(row, 0) + 1;
            memcpy(log->leaf, hash, len);
        }
    }
    sql_done(row);
    return rc;
}

static enum err_code log_now(struct registry *r, struct mark_log *log, struct err *e)
{
    return leaf_at(r, "SELECT n, leaf_hash FROM event WHERE n >= ? ORDER BY n DESC LIMIT 1", 0, log, e);
}

/* Of a fleet, the last serial given out, or forbidden since an older copy was accepted. */
typedef enum err_code last_each(void *io, uint16_t fleet, uint32_t last, struct err *e);
static enum err_code each_last(struct registry *r, last_each *each, void *io, struct err *e)
{
    struct sql_row *row = NULL;
    bool more = true;
    enum err_code rc = sql_query(
        r->sql, &row, e,
        "SELECT fleet, max(last) FROM (SELECT p.fleet AS fleet, (SELECT coalesce(max(d.short), 0) FROM device d WHERE d.product"
        " = p.name) AS last FROM product p UNION ALL SELECT fleet, last FROM serial_floor) AS known GROUP BY fleet"
        " HAVING max(last) > 0",
        "");

    while (rc == ERR_OK && (rc = sql_next(row, &more, e)) == ERR_OK && more)
        rc = each(io, (uint16_t)sql_int(row, 0), (uint32_t)sql_int(row, 1), e);
    sql_done(row);
    return rc;
}

/* ---- comparing ---- */

static enum err_code look(struct registry *r, int fd, struct mark_view *v, struct err *e)
{
    struct mark_log mark, now, there;
    enum mark_read got = fd < 0 ? MARK_EMPTY : mark_file_read(fd, &mark); /* first: the registry only grows meanwhile */
    enum err_code rc = log_now(r, &now, e);

    if (rc != ERR_OK)
        return rc;
    *v = (struct mark_view){ .found = MARK_GOOD, .known = got == MARK_READ ? mark.events : 0, .held = now.events };
    if (got == MARK_UNREADABLE)
        v->found = MARK_TORN;
    else if (got == MARK_EMPTY)
        v->found = now.events == 0 ? MARK_GOOD : MARK_NONE;
    if (got != MARK_READ)
        return ERR_OK;
    rc = leaf_at(r, "SELECT n, leaf_hash FROM event WHERE n = ?", (int64_t)(mark.events - 1), &there, e);
    if (rc == ERR_OK && (there.events != mark.events || memcmp(there.leaf, mark.leaf, sizeof mark.leaf) != 0))
        v->found = MARK_OLDER;
    return rc;
}

static enum err_code open_file(const char *path, int flags, int *fd, struct err *e)
{
    *fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd >= 0 || (errno == ENOENT && (flags & O_CREAT) == 0))
        return ERR_OK;
    const enum db_fault_id id = errno == ENOSPC || errno == EDQUOT                    ? DB_DISK_FULL
                                : errno == EACCES || errno == EROFS || errno == EPERM ? DB_READ_ONLY
                                                                                      : DB_IO;
    return err_errno(e, &db_fault[id], "open", "%s", path);
}

enum err_code registry_mark_look(struct registry *r, const char *path, struct mark_view *v, struct err *e)
{
    int fd;
    enum err_code rc = open_file(path, O_RDONLY, &fd, e);

    *v = (struct mark_view){ .found = MARK_NONE };
    if (rc == ERR_OK)
        rc = look(r, fd, v, e);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* ---- keeping ---- */

static enum err_code raise(void *io, uint16_t fleet, uint32_t last, struct err *e)
{
    struct mark *m = io;

    (void)e;
    m->broken = m->broken || !mark_file_raise(m->fd, fleet, last);
    return ERR_OK;
}

/* Whatever a cut or a full disk kept from it.  Fleets first: a mark that knows an event knows its serial. */
static enum err_code catch_up(struct registry *r, bool anew, struct err *e)
{
    struct mark *m = &r->mark;
    struct mark_log now;
    enum err_code rc = log_now(r, &now, e);

    if (rc == ERR_OK)
        rc = each_last(r, raise, m, e);
    if (rc == ERR_OK && !m->broken && now.events > 0)
        m->broken = !mark_file_log(m->fd, &now, anew);
    return rc;
}

static enum err_code older(const struct mark_view *v, const char *path, struct err *e)
{
    if (v->held < v->known)
        return err_set(e, &db_fault[DB_OLDER], "mark", NULL, 0, "%s knows %llu events, the registry has %llu", path,
                       (unsigned long long)v->known, (unsigned long long)v->held);
    return err_set(e, &db_fault[DB_OLDER], "mark", NULL, 0, "%s: the registry's event %llu is another one", path,
                   (unsigned long long)(v->known - 1));
}

static enum err_code make_anew(struct registry *r, const struct mark_view *v, struct err *e)
{
    enum err_code rc =
        registry_event(r, "registry.marked", (const char *const[]){ "found", mark_found_name(v->found), NULL }, e);

    if (rc == ERR_OK && !mark_file_clear(r->mark.fd))
        r->mark.broken = true;
    return rc;
}

static enum err_code begin_keeping(struct registry *r, const char *path, struct mark_view *v, struct err *e)
{
    int fd;
    enum err_code rc = open_file(path, O_RDWR | O_CREAT, &fd, e);

    if (rc == ERR_OK && (rc = look(r, fd, v, e)) != ERR_OK)
        (void)close(fd);
    if (rc == ERR_OK)
        r->mark = (struct mark){ .fd = fd, .is_kept = false };
    return rc;
}

static enum err_code keep(struct registry *r, const struct mark_view *v, bool anew, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (v->found == MARK_NONE || v->found == MARK_TORN)
        rc = make_anew(r, v, e);
    if (rc == ERR_OK)
        rc = catch_up(r, anew, e);
    r->mark.is_kept = true;
    return rc;
}

enum err_code registry_mark_keep(struct registry *r, const char *path, struct mark_view *v, struct err *e)
{
    enum err_code rc = begin_keeping(r, path, v, e);

    if (rc == ERR_OK && v->found == MARK_OLDER)
        rc = older(v, path, e);
    return rc == ERR_OK ? keep(r, v, false, e) : rc;
}

/* ---- an officer's word ---- */

static enum err_code forbid(void *io, uint16_t fleet, uint32_t last, struct err *e)
{
    struct registry *r = io;

    return sql_run(r->sql, NULL, e,
                   "INSERT INTO serial_floor (fleet, last) VALUES (?, ?)"
                   " ON CONFLICT (fleet) DO UPDATE SET last = excluded.last WHERE excluded.last > serial_floor.last",
                   "ii", (int64_t)fleet, (int64_t)last);
}

static enum err_code accept(struct registry *r, const struct mark_view *v, const char *reason, struct err *e)
{
    char known[24];
    uint32_t last;
    enum err_code rc = ERR_OK;

    for (uint32_t fleet = 1; fleet <= UINT16_MAX && rc == ERR_OK; fleet++) {
        const enum mark_read got = mark_file_last(r->mark.fd, (uint16_t)fleet, &last);
        if (got == MARK_PAST_END)
            break;
        if (got == MARK_UNREADABLE)
            rc = err_set(e, &db_fault[DB_MARK_TORN], "mark", NULL, 0, "fleet %u", (unsigned)fleet);
        else if (got == MARK_READ)
            rc = forbid(r, (uint16_t)fleet, last, e);
    }
    if (rc == ERR_OK) /* db/down.h: their counters go on where nobody knows */
        rc = sql_run(
            r->sql, NULL, e,
            "INSERT INTO down_floor (n) SELECT coalesce(max(n), -1) FROM frame WHERE true ON CONFLICT (n) DO NOTHING", "");
    (void)snprintf(known, sizeof known, "%llu", (unsigned long long)v->known);
    return rc != ERR_OK ? rc
                        : event_append(r, "registry.accepted",
                                       (const char *const[]){ "events_known", known, "reason", reason, NULL }, e);
}

enum err_code registry_mark_accept(struct registry *r, const char *path, const char *reason, struct mark_view *v,
                                   struct err *e)
{
    enum err_code rc = begin_keeping(r, path, v, e);
    const bool is_older = rc == ERR_OK && v->found == MARK_OLDER;

    if (is_older && (rc = registry_begin(r, e)) == ERR_OK)
        rc = registry_end(r, accept(r, v, reason, e), e);
    return rc == ERR_OK ? keep(r, v, is_older, e) : rc;
}

/* ---- with every commit ---- */

void mark_event(struct registry *r)
{
    r->mark.changed = true;
}

void mark_serial(struct registry *r, uint16_t fleet, uint32_t last)
{
    struct mark *m = &r->mark;

    m->many = m->many || (m->fleet != 0 && m->fleet != fleet);
    m->fleet = fleet;
    m->last = last;
}

void mark_ended(struct registry *r)
{
    r->mark.changed = r->mark.many = false;
    r->mark.fleet = 0;
}

enum err_code mark_commit(struct registry *r, struct err *e)
{
    struct mark *m = &r->mark;
    struct mark_log now = { .events = 0 };
    struct err none; /* a mark that can't be written stays behind, which is no failure of the record */
    const bool write = m->is_kept && m->changed && !m->broken && log_now(r, &now, &none) == ERR_OK;
    enum err_code rc = sql_commit(r->sql, e);

    if (rc == ERR_OK && write) {
        if (m->many)
            m->broken = each_last(r, raise, m, &none) != ERR_OK || m->broken;
        else if (m->fleet != 0)
            (void)raise(m, m->fleet, m->last, &none);
        m->broken = m->broken || !mark_file_log(m->fd, &now, false);
    }
    mark_ended(r);
    return rc;
}

void mark_close(struct registry *r)
{
    if (r->mark.fd > 0)
        (void)close(r->mark.fd);
}
