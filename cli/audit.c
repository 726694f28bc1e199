#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/options.h"
#include "cli/ui/report.h"
#include "db/registry.h"

static enum err_code show_json(const struct event_row *ev, struct err *e)
{
    char hash[2 * sizeof ev->leaf_hash + 1];

    hex_encode(ev->leaf_hash, sizeof ev->leaf_hash, hash);
    return report_object(json_pack("{s:I, s:s, s:s}", "n", (json_int_t)ev->n, "canonical", ev->canonical, "leaf_hash", hash),
                         e);
}

/* The canonical bytes are JSON: time and name first, then the rest as it stands. */
static void show_text(const struct event_row *ev)
{
    json_t *o = json_loads(ev->canonical, 0, NULL);
    const char *at = json_string_value(json_object_get(o, "at")), *event = json_string_value(json_object_get(o, "event"));
    const char *key;
    json_t *value;

    printf("%6" PRIu64 "  %s  %-18s", ev->n, at != NULL ? at : "?", event != NULL ? event : "?");
    json_object_foreach(o, key, value)
    {
        if (strcmp(key, "at") != 0 && strcmp(key, "event") != 0 && json_is_string(value))
            printf(" %s=%s", key, json_string_value(value));
    }
    putchar('\n');
    json_decref(o);
}

static enum err_code show(void *io, const struct event_row *ev, struct err *e)
{
    const struct app *app = io;

    if (app->json)
        return show_json(ev, e);
    show_text(ev);
    return ERR_OK;
}

static enum err_code run(struct app *app, struct err *e)
{
    unsigned long first = 0;
    enum err_code rc = ERR_OK;

    if (app->opt[OPT_FROM] != NULL)
        rc = options_number(app, OPT_FROM, INT64_MAX, &first, e);
    if (rc == ERR_OK && !app->json)
        puts("     N  TIME                      EVENT");
    return rc == ERR_OK ? registry_events(app->registry, first, show, app, e) : rc;
}

static const struct cmd_opt options[] = {
    { "from", "N", OPT_FROM, 0, false, "the first event to list (default 0)", false },
    { 0 },
};

extern const struct cmd cmd_audit_list;
const struct cmd cmd_audit_list = {
    "audit list",
    "[--from N]",
    "list the events of the log, in order",
    "With --json each event's canonical bytes, and the leaf hash SHA-256(00 | bytes) of RFC 6962.\n",
    options,
    CMD_READS,
    run,
};
