#include "cli/prepare.h"

#include "cli/config.h"
#include "db/registry.h"

enum err_code prepare(struct app *app, unsigned needs, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (needs != 0)
        rc = config_load(&app->config, app->dir, e);
    if (rc == ERR_OK && (needs & CMD_SLOT) != 0)
        rc = config_slot(app->config, app->opt[OPT_SLOT], &app->slot, e);
    if (rc == ERR_OK && (needs & (CMD_READS | CMD_RECORDS)) != 0)
        rc = registry_open(&app->registry, app->config->registry,
                           (needs & CMD_RECORDS) != 0 ? REGISTRY_WRITE : REGISTRY_READ, e);
    return rc;
}
