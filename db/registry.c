#include "db/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"
#include "protocol/bytes.h"

/* Numbered migrations, applied in order; never edited once released.  The .inc files are the .sql files, a number per byte.
 */
static const char schema_0001[] = {
#include "db/schema/0001-sqlite.sql.inc"
    0
};
static const char schema_0002[] = {
#include "db/schema/0002-sqlite.sql.inc"
    0
};
static const char schema_0003[] = {
#include "db/schema/0003-sqlite.sql.inc"
    0
};
static const char schema_0004[] = {
#include "db/schema/0004-sqlite.sql.inc"
    0
};
static const char schema_0005[] = {
#include "db/schema/0005-sqlite.sql.inc"
    0
};
static const char schema_0006[] = {
#include "db/schema/0006-sqlite.sql.inc"
    0
};
static const char *const migrations[] = { schema_0001, schema_0002, schema_0003, schema_0004, schema_0005, schema_0006 };
enum { SCHEMA = sizeof migrations / sizeof *migrations };

enum { READONLY_ROLLBACK = 776 }; /* SQLITE_READONLY_ROLLBACK: who only reads can't take back what a writer left */

static uint64_t wall_ms(void *io)
{
    struct timespec t;

    (void)io;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* -1: a database, but not ours; 0: empty; else the number of migrations it has had. */
static enum err_code schema_version(struct registry *r, int64_t *version, struct err *e)
{
    struct sql_row *row = NULL;
    bool more;
    enum err_code rc = sql_query(r->sql, &row, e,
                                 "SELECT (SELECT count(*) FROM sqlite_master),"
                                 " (SELECT count(*) FROM sqlite_master WHERE name = 'fuseline_schema')",
                                 "");

    if (rc == ERR_OK)
        rc = sql_next(row, &more, e);
    if (rc == ERR_OK)
        *version = sql_int(row, 0) == 0 ? 0 : sql_int(row, 1) == 0 ? -1 : 1;
    sql_done(row);
    if (rc != ERR_OK || *version <= 0)
        return rc;
    row = NULL;
    if ((rc = sql_query(r->sql, &row, e, "SELECT max(version) FROM fuseline_schema", "")) == ERR_OK &&
        (rc = sql_next(row, &more, e)) == ERR_OK)
        *version = sql_int(row, 0);
    sql_done(row);
    return rc;
}

static enum err_code migrate(struct registry *r, int64_t from, struct err *e)
{
    char now[REG_TIME];
    enum err_code rc;

    registry_now(r, now);
    if (from == 0 &&
        (rc = sql_script(r->sql,
                         "CREATE TABLE fuseline_schema (version INTEGER NOT NULL PRIMARY KEY, applied TEXT NOT NULL) STRICT",
                         e)) != ERR_OK)
        return rc;
    for (int64_t v = from; v < SCHEMA; v++) {
        if ((rc = sql_script(r->sql, migrations[v], e)) != ERR_OK)
            return rc;
        if ((rc = sql_run(r->sql, NULL, e, "INSERT INTO fuseline_schema (version, applied) VALUES (?, ?)", "it", v + 1,
                          now)) != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code check_schema(struct registry *r, const char *path, enum registry_mode mode, struct err *e)
{
    int64_t version = 0;
    enum err_code rc = sql_begin(r->sql, mode != REGISTRY_READ, e); /* two stations that start at once migrate once */

    if (rc != ERR_OK)
        return rc;
    if ((rc = schema_version(r, &version, e)) == ERR_OK) {
        if (version < 0 || (version == 0 && mode != REGISTRY_CREATE))
            rc = err_set(e, &db_fault[DB_NO_REGISTRY], "open", NULL, 0, "%s", path);
        else if (version > SCHEMA)
            rc = err_set(e, &db_fault[DB_NEWER], "open", NULL, 0, "%s: schema %ld, this fuseline knows %d", path,
                         (long)version, SCHEMA);
        else if (version < SCHEMA && mode == REGISTRY_READ)
            rc = err_set(e, &db_fault[DB_OUTDATED], "open", NULL, 0, "%s: schema %ld, this fuseline knows %d", path,
                         (long)version, SCHEMA);
        else if (version < SCHEMA)
            rc = migrate(r, version, e);
    }
    return registry_end(r, rc, e);
}

enum err_code registry_open(struct registry **out, const char *path, enum registry_mode mode, struct err *e)
{
    struct registry *r = calloc(1, sizeof *r);
    enum err_code rc;

    *out = NULL;
    if (r == NULL)
        return err_errno(e, &db_fault[DB_IO], "calloc", "%s", path);
    r->now_ms = wall_ms;
    if ((rc = sql_open(&r->sql, path, mode != REGISTRY_READ, mode == REGISTRY_CREATE, e)) != ERR_OK ||
        (rc = check_schema(r, path, mode, e)) != ERR_OK) {
        registry_close(r);
        if (rc != ERR_OK && e->source != NULL && e->native == READONLY_ROLLBACK)
            return err_set(e, &db_fault[DB_CUT], "open", NULL, 0, "%s", path);
        return rc;
    }
    *out = r;
    return ERR_OK;
}

void registry_close(struct registry *r)
{
    if (r == NULL)
        return;
    mark_close(r);
    sql_close(r->sql);
    free(r);
}

enum err_code registry_batch_begin(struct registry *r, struct err *e)
{
    enum err_code rc = sql_begin(r->sql, true, e);

    r->batch = rc == ERR_OK;
    return rc;
}

enum err_code registry_batch_commit(struct registry *r, struct err *e)
{
    r->batch = false;
    return mark_commit(r, e);
}

void registry_batch_drop(struct registry *r)
{
    r->batch = false;
    mark_ended(r);
    sql_rollback(r->sql);
}

bool registry_batch_is_open(const struct registry *r)
{
    return r->batch;
}

void registry_clock(struct registry *r, uint64_t (*now_ms)(void *io), void *io)
{
    r->now_ms = now_ms != NULL ? now_ms : wall_ms;
    r->now_io = io;
}

void registry_ago(struct registry *r, unsigned ago_s, char out[REG_TIME])
{
    const uint64_t now = r->now_ms(r->now_io), ago = (uint64_t)ago_s * 1000, ms = now > ago ? now - ago : 0;
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;

    gmtime_r(&seconds, &t);
    size_t n = strftime(out, REG_TIME, "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(out + n, REG_TIME - n, ".%03uZ", (unsigned)(ms % 1000));
}

void registry_now(struct registry *r, char out[REG_TIME])
{
    registry_ago(r, 0, out);
}

enum err_code registry_begin(struct registry *r, struct err *e)
{
    return r->batch ? sql_run(r->sql, NULL, e, "SAVEPOINT call", "") : sql_begin(r->sql, true, e);
}

enum err_code registry_end(struct registry *r, enum err_code rc, struct err *e)
{
    struct err second; /* the first failure is the one to tell */

    if (r->batch && rc == ERR_OK)
        return sql_run(r->sql, NULL, e, "RELEASE call", "");
    if (r->batch) {
        (void)sql_script(r->sql, "ROLLBACK TO call; RELEASE call", &second);
        return rc;
    }
    if (rc == ERR_OK)
        return mark_commit(r, e);
    mark_ended(r);
    sql_rollback(r->sql);
    return rc;
}

void serial_text(uint64_t serial, char out[17])
{
    uint8_t bytes[8];

    put32(bytes, (uint32_t)(serial >> 32));
    put32(bytes + 4, (uint32_t)serial);
    hex_encode(bytes, sizeof bytes, out);
}
