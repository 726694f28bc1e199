/* cli/down_list.c - what waits for devices, and taking it back. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/options.h"
#include "cli/ui/report.h"
#include "db/down.h"
#include "verifier/verifier.h"

static json_t *json_of(const struct down *d)
{
    char serial[17];

    (void)snprintf(serial, sizeof serial, "%016" PRIx64, d->serial);
    return json_pack("{s:I, s:s, s:i, s:s, s:i, s:i}", "id", (json_int_t)d->id, "serial", serial, "bytes",
                     d->len - MESSAGE_OVERHEAD, "queued", d->queued, "sent", d->sent, "sessions", d->sessions);
}

/* ---- list ---- */

static enum err_code show(void *io, const struct down *d, struct err *e)
{
    const struct app *app = io;

    if (app->json)
        return report_object(json_of(d), e);
    printf("%6" PRIu64 "  %016" PRIx64 "  %5d  %4u of %-3u  %s\n", d->id, d->serial, d->len - MESSAGE_OVERHEAD, d->sent,
           d->sessions, d->queued);
    return ERR_OK;
}

static enum err_code run_list(struct app *app, struct err *e)
{
    const char *word = app->opt[OPT_OPERAND];
    uint64_t serial = 0;
    struct device d;
    enum err_code rc = word != NULL ? options_serial(word, &serial, e) : ERR_OK;

    if (rc == ERR_OK && word != NULL) /* nothing, because there is no such device, is another answer */
        rc = registry_device(app->registry, serial, &d, e);
    if (rc != ERR_OK)
        return rc;
    if (!app->json)
        puts("    ID  SERIAL            BYTES  SENT         QUEUED");
    return registry_down_list(app->registry, serial, show, app, e);
}

static const struct cmd_opt list_options[] = {
    { "SERIAL", NULL, OPT_OPERAND, 0, false, "only that device's: 16 hexadecimal digits", false },
    { 0 },
};

extern const struct cmd cmd_down_list;
const struct cmd cmd_down_list = {
    "down list",
    "[SERIAL]",
    "list what waits for devices",
    "Oldest first; in how many sessions each was sent, and in how many it may be.  What is done is in `audit list`.\n",
    list_options,
    CMD_READS,
    run_list,
};

/* ---- cancel ---- */

struct search {
    uint64_t id;
    struct down found; /* .id: id */
};

static enum err_code look(void *io, const struct down *d, struct err *e)
{
    struct search *s = io;

    (void)e;
    if (d->id == s->id)
        s->found = *d;
    return ERR_OK;
}

static enum err_code run_cancel(struct app *app, struct err *e)
{
    struct search s = { .id = 0 };
    unsigned long id = 0;
    enum err_code rc = options_number(app, OPT_OPERAND, INT64_MAX, &id, e);

    s.id = id;
    if (rc != ERR_OK || (rc = registry_down_list(app->registry, 0, look, &s, e)) != ERR_OK ||
        (rc = registry_down_done(app->registry, id, "cancelled", e)) != ERR_OK)
        return rc;
    if (app->json)
        return report_object(json_of(&s.found), e);
    printf("message %lu is taken back: it was sent in %u sessions\n", id, s.found.sent);
    return ERR_OK;
}

static const struct cmd_opt cancel_options[] = {
    { "ID", NULL, OPT_OPERAND, 0, true, "as `down list` shows it", false },
    { 0 },
};

extern const struct cmd cmd_down_cancel;
const struct cmd cmd_down_cancel = {
    "down cancel",
    "ID",
    "take back what waits for a device",
    "It is not sent again.  What was sent can't be called back: the answer says in how many sessions it was.\n",
    cancel_options,
    CMD_RECORDS,
    run_cancel,
};
