#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/cmd.h"
#include "cli/fault.h"
#include "cli/lifetime.h"
#include "cli/ui/report.h"
#include "db/check.h"
#include "db/down.h"

enum milestone { ISSUED, KEYED, INTENT, BURNED, PROVED, LOCKED, RECORDED, CLOSED, MILESTONES };

/* In the order of the way.  One event tells that it was burned and that it was verified: the read-back makes it so. */
static const struct {
    const char *name, *event;
} milestones[MILESTONES] = {
    [ISSUED] = { "issued", "device.reserved" }, [KEYED] = { "keyed", "device.keyed" },
    [INTENT] = { "intent", "device.burning" },  [BURNED] = { "burned", "device.verified" },
    [PROVED] = { "proved", "device.proved" },   [LOCKED] = { "locked", "device.locked" },
    [RECORDED] = { "recorded", "device.done" }, [CLOSED] = { "closed", "" },
};

struct way { /* what holds, since when; "" what does not */
    struct device d;
    char at[MILESTONES][REG_TIME];
    struct lifetime life;
    unsigned waiting; /* messages for it, as `down list` shows them */
};

static void forget_from(struct way *w, enum milestone m)
{
    for (; m < MILESTONES; m++)
        w->at[m][0] = '\0';
}

/* The canonical bytes are ours and checked by `reconcile`: here they are only read. */
static enum err_code follow(void *io, const struct event_row *ev, struct err *e)
{
    struct way *w = io;
    json_t *o = json_loads(ev->canonical, 0, NULL);
    const char *event = json_string_value(json_object_get(o, "event")), *at = json_string_value(json_object_get(o, "at"));
    enum milestone m = MILESTONES;

    (void)e;
    if (event != NULL && at != NULL) {
        for (m = 0; m < CLOSED && strcmp(milestones[m].event, event) != 0;)
            m++;
        if (m == CLOSED && strcmp(event, "device.quarantined") != 0 && strcmp(event, "serial.void") != 0)
            m = MILESTONES;
        if (strcmp(event, "device.rework") == 0) /* the same identity: what was proved of it is to be proved again */
            forget_from(w, PROVED);
    }
    if (m != MILESTONES)
        (void)snprintf(w->at[m], sizeof w->at[m], "%s", at);
    json_decref(o);
    return ERR_OK;
}

static enum err_code count_message(void *io, const struct down *d, struct err *e)
{
    unsigned *n = io;

    (void)d;
    (void)e;
    ++*n;
    return ERR_OK;
}

static enum err_code find(const struct app *app, const char *text, struct device *d, struct err *e)
{
    uint8_t bytes[8];
    const long len = hex_decode(text, bytes, sizeof bytes);
    uint64_t serial = 0;

    if (len != 8 && len != 4)
        return err_set(e, &cli_fault[CLI_SERIAL], "parse", NULL, 0, "'%s'", text);
    for (long i = 0; i < len; i++)
        serial = serial << 8 | bytes[i];
    return len == 8 ? registry_device(app->registry, serial, d, e)
                    : registry_device_by_short(app->registry, (uint32_t)serial, d, e);
}

/* ---- showing ---- */

static enum err_code show_json(const struct way *w, struct err *e)
{
    char serial[17], uid[2 * REG_UID + 1];
    json_t *o;

    (void)snprintf(serial, sizeof serial, "%016" PRIx64, w->d.serial);
    hex_encode(w->d.uid, sizeof w->d.uid, uid);
    o = json_pack("{s:s, s:s, s:s, s:s}", "serial", serial, "uid", uid, "product", w->d.product, "state",
                  device_state_name(w->d.state));
    for (enum milestone m = ISSUED; m < MILESTONES && o != NULL; m++) {
        const char *at = w->at[m][0] != '\0' ? w->at[m] : NULL;
        if (json_object_set_new(o, milestones[m].name, at != NULL ? json_string(at) : json_null()) != 0 ||
            (m == BURNED && json_object_set_new(o, "verified", at != NULL ? json_string(at) : json_null()) != 0)) {
            json_decref(o);
            o = NULL;
        }
    }
    if (o != NULL &&
        json_object_set_new(o, "reason", w->d.reason[0] != '\0' ? json_string(w->d.reason) : json_null()) != 0) {
        json_decref(o);
        o = NULL;
    }
    o = lifetime_json(o, &w->life);
    if (o != NULL && json_object_set_new(o, "down_waiting", json_integer(w->waiting)) != 0) {
        json_decref(o);
        o = NULL;
    }
    return report_object(o, e);
}

static void show_text(const struct way *w)
{
    char life[48];

    printf("%016" PRIx64 "  %s", w->d.serial, device_state_name(w->d.state));
    if (w->d.reason[0] != '\0')
        printf(" (%s)", w->d.reason);
    for (enum milestone m = ISSUED; m < CLOSED; m++) {
        if (w->at[m][0] == '\0' || (m == INTENT && w->at[BURNED][0] != '\0'))
            continue;
        printf("  %s %s", m == INTENT ? "burning since" : milestones[m].name, w->at[m]);
        if (m == BURNED)
            printf("  verified %s", w->at[m]);
    }
    if (w->at[CLOSED][0] != '\0')
        printf("  %s %s", w->d.state == DEV_VOID ? "void" : "quarantined", w->at[CLOSED]);
    lifetime_text(&w->life, life, sizeof life);
    printf("%s%s", life[0] != '\0' ? "  " : "", life);
    if (w->waiting != 0)
        printf("  messages waiting: %u", w->waiting);
    putchar('\n');
}

static enum err_code run(struct app *app, struct err *e)
{
    struct way w = { .at = { "" } };
    enum err_code rc = find(app, app->opt[OPT_OPERAND], &w.d, e);

    if (rc == ERR_OK)
        rc = registry_events_of(app->registry, w.d.serial, follow, &w, e);
    if (rc == ERR_OK)
        rc = lifetime_of(app, &w.d, &w.life, e);
    if (rc == ERR_OK)
        rc = registry_down_list(app->registry, w.d.serial, count_message, &w.waiting, e);
    if (rc != ERR_OK)
        return rc;
    if (app->json)
        return show_json(&w, e);
    show_text(&w);
    return ERR_OK;
}

static const struct cmd_opt options[] = {
    { "SERIAL", NULL, OPT_OPERAND, 0, true, "16 hexadecimal digits, or the 8 of the short form", false },
    { 0 },
};

extern const struct cmd cmd_status;
const struct cmd cmd_status = {
    "status",
    "SERIAL",
    "say in one line where a device is on its way",
    "Its state, and since when it is issued, burned, verified, proved, locked and recorded, by the events of the log; of\n"
    "these the ones that hold.  `burning since`: some of its cells may be burned.  A quarantine comes with its reason.\n"
    "Behind it how many messages wait for the device (`down list`), where any do.\n",
    options,
    CMD_READS,
    run,
};
