#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/line.h"
#include "cli/options.h"
#include "cli/reconcile_keys.h"
#include "cli/slot.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/check.h"
#include "db/mark.h"

struct work {
    struct app *app;
    struct check_count count;
    uint64_t differences, keys;
};

static enum err_code tell(struct work *w, const uint64_t *serial, const char *kind, const char *is, const char *should,
                          const char *action, struct err *e)
{
    char text[17] = "-";

    w->differences++;
    if (serial != NULL)
        (void)snprintf(text, sizeof text, "%016" PRIx64, *serial);
    if (w->app->json)
        return report_object(json_pack("{s:s?, s:s, s:o, s:o, s:s}", "serial", serial != NULL ? text : NULL, "kind", kind,
                                       "is", report_string(is), "should", report_string(should), "action", action),
                             e);
    printf("%-16s  %-14s  is %s, should be %s\n", text, kind, is, should);
    printf("%16s  %-14s  %s\n", "", "", action);
    return ERR_OK;
}

/* ---- the registry, in itself and against its mark ---- */

static enum err_code tell_difference(void *io, const struct difference *d, struct err *e)
{
    return tell(io, d->has_serial ? &d->serial : NULL, difference_name(d->kind), d->is, d->should,
                difference_action(d->kind), e);
}

static enum err_code check_mark(struct work *w, struct err *e)
{
    char path[MARK_PATH_MAX], is[48], should[48];
    struct mark_view v;
    enum err_code rc;

    registry_mark_path(w->app->config->registry, path);
    if ((rc = registry_mark_look(w->app->registry, path, &v, e)) != ERR_OK || v.found == MARK_GOOD)
        return rc;
    (void)snprintf(is, sizeof is, v.found == MARK_OLDER ? "%" PRIu64 " events" : "no mark to compare with", v.held);
    (void)snprintf(should, sizeof should, v.found == MARK_OLDER ? "the mark's %" PRIu64 : "a mark", v.known);
    return tell(w, NULL, v.found == MARK_OLDER ? "registry-older" : "mark", is, should,
                v.found == MARK_OLDER ? "restore the newest copy of the registry" : "make it with `fuseline recover`", e);
}

/* ---- the keys, against the token ---- */

static enum err_code tell_key(void *io, uint64_t serial, const char *kind, const char *is, const char *should,
                              const char *action, struct err *e)
{
    return tell(io, &serial, kind, is, should, action, e);
}

static enum err_code check_keys(struct work *w, struct err *e)
{
    unsigned long limit = 0;
    const bool some = w->app->opt[OPT_KEYS] != NULL;
    struct hsm *line = NULL;
    enum err_code rc = some ? options_number(w->app, OPT_KEYS, UINT32_MAX, &limit, e) : ERR_OK;

    if (rc != ERR_OK || (some && limit == 0))
        return rc;
    if ((rc = token_open(w->app, ROLE_LINE, true, &line, e)) == ERR_OK) {
        const struct reconcile_keys k = { .registry = w->app->registry,
                                          .line = line,
                                          .devices = w->count.devices,
                                          .limit = limit,
                                          .progress = !w->app->json && isatty(STDERR_FILENO) == 1,
                                          .tell = tell_key,
                                          .io = w };
        rc = reconcile_keys(&k, &w->keys, e);
    }
    hsm_close(line);
    return rc;
}

/* ---- a board, against its row ---- */

/* The station's plan looks at all of it: identity, OTP, and of a finished board firmware and locks. */
static enum err_code check_board(struct work *w, struct line *l, struct chip *chip, struct err *e)
{
    struct chip_identity id;
    struct device d;
    struct provision_result r;
    struct err why = { 0 };
    enum err_code rc = chip_probe(chip, &id, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = registry_device_by_uid(w->app->registry, id.uid, &d, e)) == ERR_NOINPUT)
        return tell(w, NULL, "board-unknown", "a board that no row knows", "a board of this registry",
                    "see what it holds with `fuseline otp show`", e);
    if (rc != ERR_OK)
        return rc;
    rc = line_provision(l, w->app->slot, chip, d.product, false, &r, &why);
    if (rc == ERR_OK && strcmp(r.code, "already-done") == 0)
        return ERR_OK;
    if (rc == ERR_OK)
        return tell(w, &d.serial, d.state == DEV_DONE ? "board-unfit" : "board-unfinished", device_state_name(d.state),
                    d.state == DEV_DONE ? "the line's firmware and locks" : "DONE",
                    d.state == DEV_DONE ? "repeat `fuseline provision --burn` with this board"
                                        : "finish it with `fuseline recover --burn`",
                    e);
    if (rc == ERR_DAMAGED || rc == ERR_CONFLICT)
        return tell(w, &d.serial, why.fault->name, why.fault->cause, device_state_name(d.state), why.fault->action, e);
    *e = why; /* it could not be looked at */
    return rc;
}

static enum err_code check_slot(struct work *w, struct err *e)
{
    struct line l;
    enum err_code rc;

    if (w->app->opt[OPT_SLOT] == NULL)
        return ERR_OK;
    if ((rc = line_open(&l, w->app, false, e)) == ERR_OK &&
        (rc = slot_open(&w->app->chip, w->app->config, w->app->slot, e)) == ERR_OK)
        rc = check_board(w, &l, w->app->chip, e);
    line_close(&l);
    return rc;
}

/* ---- the command ---- */

static enum err_code sum_up(const struct work *w, struct err *e)
{
    if (w->app->json)
        return report_object(json_pack("{s:I, s:I, s:I, s:I, s:I}", "devices", (json_int_t)w->count.devices, "events",
                                       (json_int_t)w->count.events, "frames", (json_int_t)w->count.frames, "keys",
                                       (json_int_t)w->keys, "differences", (json_int_t)w->differences),
                             e);
    (void)fflush(stdout);
    fprintf(stderr,
            "fuseline: %" PRIu64 " devices, %" PRIu64 " events, %" PRIu64 " frames, %" PRIu64 " keys: %" PRIu64
            " differences\n",
            w->count.devices, w->count.events, w->count.frames, w->keys, w->differences);
    return ERR_OK;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct work w = { .app = app };
    enum err_code rc = ERR_OK;

    if (app->opt[OPT_SLOT] != NULL)
        rc = config_slot(app->config, app->opt[OPT_SLOT], &app->slot, e);
    if (rc == ERR_OK)
        rc = registry_check(app->registry, tell_difference, &w, &w.count, e);
    if (rc == ERR_OK && (rc = check_mark(&w, e)) == ERR_OK && (rc = check_keys(&w, e)) == ERR_OK)
        rc = check_slot(&w, e);
    if (rc == ERR_OK)
        rc = sum_up(&w, e);
    if (rc != ERR_OK || w.differences == 0)
        return rc;
    *e = (struct err){ .code = ERR_NO }; /* told one by one */
    return ERR_NO;
}

static const struct cmd_opt options[] = {
    { "slot", "NAME", OPT_SLOT, 0, false, "compare the board in this slot too", false },
    { "keys", "N", OPT_KEYS, 0, false, "unwrap the keys of N devices, spread over all; 0: open no token (default: all)",
      false },
    PIN_SOURCE_OPT("line"),
    { 0 },
};

extern const struct cmd cmd_reconcile;
const struct cmd cmd_reconcile = {
    "reconcile",
    "[--slot NAME] [--keys N] [--pin-source SOURCE]",
    "compare rows, events, keys, images, frames and a board; change nothing",
    "Every difference is listed by serial, with what is, what should be, and one thing to do.  The log is read again from\n"
    "its first event: hashes, numbers, and the rows that it tells of.  Each wrapped key is unwrapped by the line's token and\n"
    "must give the public key on record.  Exits 1 if anything differs.  While it reads, no station can record.\n",
    options,
    CMD_READS,
    run,
};
