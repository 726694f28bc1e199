#include "cli/prepare.h"

#include <stdio.h>

#include "cli/config.h"
#include "db/check.h"
#include "db/mark.h"

enum err_code prepare_registry(struct app *app, struct err *e)
{
    const char *path = app->config->registry;
    const bool was_cut = registry_was_cut(path);
    enum err_code rc = registry_open(&app->registry, path, REGISTRY_WRITE, e);

    return rc == ERR_OK && was_cut ? registry_quick_check(app->registry, e) : rc;
}

enum err_code prepare_mark(struct app *app, const char *reason, bool *accepted, struct err *e)
{
    char path[MARK_PATH_MAX];
    struct mark_view v;
    enum err_code rc;

    registry_mark_path(app->config->registry, path);
    rc = reason != NULL ? registry_mark_accept(app->registry, path, reason, &v, e)
                        : registry_mark_keep(app->registry, path, &v, e);
    if (rc == ERR_OK && v.found == MARK_TORN)
        fprintf(stderr, "fuseline: %s was torn; it was made anew from the registry\n", path);
    if (accepted != NULL)
        *accepted = rc == ERR_OK && v.found == MARK_OLDER;
    return rc;
}

enum err_code prepare(struct app *app, unsigned needs, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (needs != 0)
        rc = config_load(&app->config, app->dir, e);
    if (rc == ERR_OK && (needs & CMD_SLOT) != 0)
        rc = config_slot(app->config, app->opt[OPT_SLOT], &app->slot, e);
    if (rc == ERR_OK && (needs & CMD_READS) != 0 && (needs & CMD_RECORDS) == 0)
        rc = registry_open(&app->registry, app->config->registry, REGISTRY_READ, e);
    if (rc == ERR_OK && (needs & CMD_RECORDS) != 0 && (rc = prepare_registry(app, e)) == ERR_OK)
        rc = prepare_mark(app, NULL, NULL, e);
    return rc;
}
