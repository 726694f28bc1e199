/* db/sql.h - statements, rows and transactions: the seam under which SQLite could be replaced.
 * Boundary: db/ above; SQLite's C API below, in sql_sqlite.c and nowhere else.
 * Arguments are bound, never pasted: `types` has a letter per argument: i int64_t, t const char *, b const void * and
 * size_t. Threads: one per struct sql. */
#ifndef DB_SQL_H
#define DB_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sql;
struct sql_row;

enum err_code sql_open(struct sql **out, const char *path, bool write, bool create, struct err *e);
void sql_close(struct sql *s); /* rolls back what is open; NULL is fine */

/* Several statements without arguments, as a migration has. */
enum err_code sql_script(struct sql *s, const char *script, struct err *e);

enum err_code sql_begin(struct sql *s, bool write,
                        struct err *e);                 /* write: takes the write lock at once, waiting up to 10 s */
enum err_code sql_commit(struct sql *s, struct err *e); /* failed: rolled back */
void sql_rollback(struct sql *s);

/* Run one statement to its end.  ERR_OK and *changed (may be NULL) rows touched. */
enum err_code sql_run(struct sql *s, long *changed, struct err *e, const char *statement, const char *types, ...);
/* As sql_run, but a broken UNIQUE constraint is no error: *unique is false and nothing was written. */
enum err_code sql_insert(struct sql *s, bool *unique, struct err *e, const char *statement, const char *types, ...);

/* The first column of the first row as a number; *value is untouched when there is no row. */
enum err_code sql_int_of(struct sql *s, int64_t *value, struct err *e, const char *statement, const char *types, ...);

/* Rows one by one: sql_query, then sql_next until *more is false; sql_done at the end in every case (NULL is fine). */
enum err_code sql_query(struct sql *s, struct sql_row **row, struct err *e, const char *statement, const char *types, ...);
enum err_code sql_next(struct sql_row *row, bool *more, struct err *e);
void sql_done(struct sql_row *row);
int64_t sql_int(struct sql_row *row, int col);
const char *sql_text(struct sql_row *row, int col);              /* "" for NULL; valid until sql_next */
const void *sql_blob(struct sql_row *row, int col, size_t *len); /* NULL and 0 for NULL */
/* The text into out[max], cut if it is longer; "" for NULL. */
void sql_text_to(struct sql_row *row, int col, char *out, size_t max);

#endif
