#include "db/sql.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/fault.h"

enum { KEPT_MAX = 96 }; /* more than the statements that this room has */

/* A statement as it was asked for, by a literal of this room nearly always: its address finds it again. */
struct prepared {
    const char *text;
    sqlite3_stmt *stmt;
};

struct sql {
    sqlite3 *db;
    struct prepared kept[KEPT_MAX]; /* at rest; to prepare one takes as long as to run it ten times */
    unsigned next;                  /* the one that makes room */
};

struct sql_row {
    struct sql *s;
    struct prepared p;
};

/* SQLite's result codes, folded into what the user can do about them. */
static const struct {
    int code; /* primary result code */
    enum db_fault_id fault;
} folds[] = {
    { SQLITE_FULL, DB_DISK_FULL },     { SQLITE_BUSY, DB_BUSY },      { SQLITE_LOCKED, DB_BUSY },
    { SQLITE_READONLY, DB_READ_ONLY }, { SQLITE_PERM, DB_READ_ONLY }, { SQLITE_CANTOPEN, DB_READ_ONLY },
    { SQLITE_IOERR, DB_IO },           { SQLITE_NOMEM, DB_IO },       { SQLITE_CORRUPT, DB_CORRUPT },
    { SQLITE_NOTADB, DB_NO_REGISTRY },
};

static enum err_code fail(struct sql *s, const char *op, struct err *e)
{
    int code = s->db != NULL ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
    enum db_fault_id fault = DB_BUG;

    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (folds[i].code == (code & 0xff))
            fault = folds[i].fault;
    const char *file = s->db != NULL ? sqlite3_db_filename(s->db, "main") : NULL;
    return err_set(e, &db_fault[fault], op, "sqlite", code, "%s", file != NULL ? file : "registry");
}

enum err_code sql_open(struct sql **out, const char *path, bool write, bool create, struct err *e)
{
    struct sql *s = calloc(1, sizeof *s);
    int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | (create ? SQLITE_OPEN_CREATE : 0) |
                SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
    enum err_code rc;

    *out = NULL;
    if (s == NULL)
        return err_errno(e, &db_fault[DB_IO], "calloc", "%s", path);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* counts nobody reads, at a lock each; refused once it has begun */
    if (!create && access(path, F_OK) != 0) {
        free(s);
        return err_errno(e, &db_fault[DB_MISSING], "open", "%s", path);
    }
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
        rc = fail(s, "open", e);
        sql_close(s);
        return rc;
    }
    if (write &&
        sqlite3_db_readonly(s->db, "main") == 1) { /* SQLite falls back to reading, and would say so at the first write */
        rc = err_set(e, &db_fault[DB_READ_ONLY], "open", NULL, 0, "%s", path);
        sql_close(s);
        return rc;
    }
    sqlite3_busy_timeout(s->db, 10000);
    /* PERSIST is the rollback journal, its file kept: the room that the next commit's journal needs is then there already.
     */
    static const char pragmas[] = "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = EXTRA; PRAGMA foreign_keys = ON;"
                                  "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;";
    if (write && (rc = sql_script(s, pragmas, e)) != ERR_OK) {
        sql_close(s);
        return rc;
    }
    *out = s;
    return ERR_OK;
}

void sql_close(struct sql *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < KEPT_MAX; i++)
        sqlite3_finalize(s->kept[i].stmt);
    (void)sqlite3_close_v2(s->db); /* nothing to do about a failure: all that was acknowledged is on disk */
    free(s);
}

enum err_code sql_script(struct sql *s, const char *script, struct err *e)
{
    return sqlite3_exec(s->db, script, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : fail(s, "exec", e);
}

enum err_code sql_begin(struct sql *s, bool write, struct err *e)
{
    return sql_run(s, NULL, e, write ? "BEGIN IMMEDIATE" : "BEGIN", "");
}

enum err_code sql_commit(struct sql *s, struct err *e)
{
    enum err_code rc = sql_run(s, NULL, e, "COMMIT", "");

    if (rc != ERR_OK)
        sql_rollback(s);
    return rc;
}

void sql_rollback(struct sql *s)
{
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the next open rolls back what this can't */
}

/* A statement in use is not among the kept ones: the same text asked for meanwhile is another statement. */
static sqlite3_stmt *take_kept(struct sql *s, const char *text)
{
    for (int i = 0; i < KEPT_MAX; i++) {
        sqlite3_stmt *stmt = s->kept[i].stmt;
        if (s->kept[i].text == text && strcmp(sqlite3_sql(stmt), text) == 0) {
            s->kept[i] = (struct prepared){ .text = NULL };
            return stmt;
        }
    }
    return NULL;
}

/* Reset: it holds no lock and no row; its arguments are forgotten. */
static void keep(struct sql *s, const struct prepared *p)
{
    unsigned at = s->next;

    (void)sqlite3_reset(p->stmt); /* repeats what its last step said */
    (void)sqlite3_clear_bindings(p->stmt);
    for (unsigned i = 0; i < KEPT_MAX && s->kept[at].stmt != NULL; i++)
        at = (at + 1) % KEPT_MAX;
    sqlite3_finalize(s->kept[at].stmt);
    s->kept[at] = *p;
    s->next = (at + 1) % KEPT_MAX;
}

/* life: SQLITE_STATIC where the arguments live as long as the statement runs, else SQLITE_TRANSIENT: copied. */
static bool bind(sqlite3_stmt *stmt, sqlite3_destructor_type life, const char *types, va_list ap)
{
    int rc = SQLITE_OK;

    for (int i = 1; *types != '\0' && rc == SQLITE_OK; types++, i++) {
        if (*types == 'i') {
            rc = sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
        } else if (*types == 't') {
            rc = sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, life);
        } else {
            const void *blob = va_arg(ap, const void *);
            rc = sqlite3_bind_blob64(stmt, i, blob, va_arg(ap, size_t), life);
        }
    }
    return rc == SQLITE_OK;
}

static enum err_code prepare(struct sql *s, struct prepared *p, sqlite3_destructor_type life, const char *statement,
                             const char *types, va_list ap, struct err *e)
{
    *p = (struct prepared){ statement, take_kept(s, statement) };
    if ((p->stmt == NULL &&
         sqlite3_prepare_v3(s->db, statement, -1, SQLITE_PREPARE_PERSISTENT, &p->stmt, NULL) != SQLITE_OK) ||
        !bind(p->stmt, life, types, ap)) {
        enum err_code rc = fail(s, statement, e);
        sqlite3_finalize(p->stmt);
        p->stmt = NULL;
        return rc;
    }
    return ERR_OK;
}

static enum err_code run(struct sql *s, long *changed, bool *unique, struct err *e, const char *statement, const char *types,
                         va_list ap)
{
    struct prepared p;
    enum err_code rc = prepare(s, &p, SQLITE_STATIC, statement, types, ap, e);

    if (rc != ERR_OK)
        return rc;
    int step = sqlite3_step(p.stmt);
    if (unique != NULL)
        *unique = true;
    if (unique != NULL && (step == SQLITE_CONSTRAINT_UNIQUE || step == SQLITE_CONSTRAINT_PRIMARYKEY))
        *unique = false;
    else if (step != SQLITE_DONE && step != SQLITE_ROW)
        rc = fail(s, statement, e);
    if (rc == ERR_OK && changed != NULL)
        *changed = sqlite3_changes(s->db);
    keep(s, &p);
    return rc;
}

enum err_code sql_run(struct sql *s, long *changed, struct err *e, const char *statement, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    enum err_code rc = run(s, changed, NULL, e, statement, types, ap);
    va_end(ap);
    return rc;
}

enum err_code sql_insert(struct sql *s, bool *unique, struct err *e, const char *statement, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    enum err_code rc = run(s, NULL, unique, e, statement, types, ap);
    va_end(ap);
    return rc;
}

enum err_code sql_int_of(struct sql *s, int64_t *value, struct err *e, const char *statement, const char *types, ...)
{
    struct prepared p;
    va_list ap;

    va_start(ap, types);
    enum err_code rc = prepare(s, &p, SQLITE_STATIC, statement, types, ap, e);
    va_end(ap);
    if (rc != ERR_OK)
        return rc;
    const int step = sqlite3_step(p.stmt);
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(p.stmt, 0);
    else if (step != SQLITE_DONE)
        rc = fail(s, statement, e);
    keep(s, &p);
    return rc;
}

enum err_code sql_query(struct sql *s, struct sql_row **row, struct err *e, const char *statement, const char *types, ...)
{
    va_list ap;

    *row = calloc(1, sizeof **row);
    if (*row == NULL)
        return err_errno(e, &db_fault[DB_IO], "calloc", "query");
    (*row)->s = s;
    va_start(ap, types);
    enum err_code rc = prepare(s, &(*row)->p, SQLITE_TRANSIENT, statement, types, ap, e);
    va_end(ap);
    if (rc != ERR_OK) {
        free(*row);
        *row = NULL;
    }
    return rc;
}

enum err_code sql_next(struct sql_row *row, bool *more, struct err *e)
{
    int step = sqlite3_step(row->p.stmt);

    *more = step == SQLITE_ROW;
    if (step == SQLITE_ROW || step == SQLITE_DONE)
        return ERR_OK;
    return fail(row->s, "step", e);
}

void sql_done(struct sql_row *row)
{
    if (row == NULL)
        return;
    keep(row->s, &row->p);
    free(row);
}

int64_t sql_int(struct sql_row *row, int col)
{
    return sqlite3_column_int64(row->p.stmt, col);
}

const char *sql_text(struct sql_row *row, int col)
{
    const unsigned char *text = sqlite3_column_text(row->p.stmt, col);

    return text != NULL ? (const char *)text : "";
}

void sql_text_to(struct sql_row *row, int col, char *out, size_t max)
{
    const char *text = sql_text(row, col);
    const size_t len = strnlen(text, max - 1);

    memcpy(out, text, len);
    out[len] = '\0';
}

const void *sql_blob(struct sql_row *row, int col, size_t *len)
{
    const void *blob = sqlite3_column_blob(row->p.stmt, col);

    *len = (size_t)sqlite3_column_bytes(row->p.stmt, col);
    return blob;
}
