/* cli/prepare.h - what a command needs before it runs: configuration, slot, registry.  Undone by main. */
#ifndef CLI_PREPARE_H
#define CLI_PREPARE_H

#include "cli/cmd.h"

/* Fill app->config, app->slot and app->registry by `needs` (cli/cmd.h).  On failure main undoes what was done.
 * A registry that is opened for writing is looked after first: SQLite rolls back what the last writer left, and then the
 * file is checked; an older copy is refused (db/mark.h). */
enum err_code prepare(struct app *app, unsigned needs, struct err *e) __attribute__((warn_unused_result));

/* The mark of app->registry, just made or opened for writing, from now on; with a reason, an older copy is accepted, and
 * *accepted (may be NULL) tells whether it was one. */
enum err_code prepare_mark(struct app *app, const char *reason, bool *accepted, struct err *e)
    __attribute__((warn_unused_result));

/* Open app->registry for writing, and look after it; without its mark. */
enum err_code prepare_registry(struct app *app, struct err *e) __attribute__((warn_unused_result));

#endif
