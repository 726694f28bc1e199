#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/line.h"
#include "cli/options.h"
#include "cli/prepare.h"
#include "cli/slot.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/check.h"

struct work {
    struct app *app;
    struct line line;
    bool burn, is_open; /* the line: a login writes to its token, so only where it is needed */
    unsigned long interrupted, finished, planned, failed;
    enum err_code worst;
};

/* ---- the registry ---- */

static enum err_code open_registry(struct app *app, struct err *e)
{
    const char *reason = app->opt[OPT_ACCEPT];
    bool accepted = false;
    enum err_code rc = reason != NULL ? options_reason(reason, "--accept-registry", e) : ERR_OK;

    if (rc == ERR_OK)
        rc = prepare(app, CMD_CONFIG, e);
    if (rc == ERR_OK)
        rc = prepare_registry(app, e);
    if (rc == ERR_OK)
        rc = prepare_mark(app, reason, &accepted, e);
    if (rc == ERR_OK && reason != NULL && !accepted)
        rc = err_set(e, &cli_fault[CLI_NOTHING_ACCEPTED], "mark", NULL, 0, "%s", app->config->registry);
    return rc;
}

static enum err_code first_difference(void *io, const struct difference *d, struct err *e)
{
    (void)io;
    if (d->has_serial)
        return err_set(e, &cli_fault[CLI_DIFFERS], "check", NULL, 0, "device %016" PRIx64 ": %s: is %s, should be %s",
                       d->serial, difference_name(d->kind), d->is, d->should);
    return err_set(e, &cli_fault[CLI_DIFFERS], "check", NULL, 0, "%s: is %s, should be %s", difference_name(d->kind), d->is,
                   d->should);
}

/* ---- who was cut off ---- */

static const char *next_of(enum device_state s)
{
    static const char *const next[DEV_STATES] = {
        [DEV_RESERVED] = "nothing was burned; the same chip gets this serial again",
        [DEV_KEYED] = "nothing was burned; the same chip gets this serial and key again",
        [DEV_BURNING] = "its cells may be burned: compared with the image meant for it, finished or quarantined",
        [DEV_VERIFIED] = "its image is burned: firmware, proof, lock and record are to come",
        [DEV_PROVED] = "its key is proved: lock and record are to come",
        [DEV_LOCKED] = "it is locked: the record is to come",
    };
    return next[s];
}

static enum err_code list_one(void *io, const struct device *d, struct err *e)
{
    struct work *w = io;
    char uid[2 * REG_UID + 1], serial[17];

    if (next_of(d->state) == NULL)
        return ERR_OK;
    w->interrupted++;
    hex_encode(d->uid, sizeof d->uid, uid);
    (void)snprintf(serial, sizeof serial, "%016" PRIx64, d->serial);
    if (w->app->json)
        return report_object(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "serial", serial, "uid", uid, "product", d->product,
                                       "state", device_state_name(d->state), "since", d->updated, "next", next_of(d->state)),
                             e);
    printf("%s  %s  %-9s since %s  %s\n", serial, uid, device_state_name(d->state), d->updated, next_of(d->state));
    return ERR_OK;
}

static enum err_code look_after_records(struct work *w, struct err *e)
{
    struct check_count count;
    enum err_code rc = hsm_softhsm_mend(w->app->config->dir, e);

    if (rc == ERR_OK)
        rc = registry_check(w->app->registry, first_difference, NULL, &count, e);

    return rc == ERR_OK ? registry_devices(w->app->registry, NULL, DEV_STATES, list_one, w, e) : rc;
}

/* ---- the boards in the slots ---- */

struct board {
    const struct slot *slot;
    struct device d;
    bool has_uid, has_row;
    uint8_t uid[CHIP_UID_LEN];
    const char *outcome; /* stable */
    struct provision_result result;
};

static enum err_code show_board(const struct work *w, const struct board *b, enum err_code rc, const struct err *why,
                                struct err *e)
{
    char uid[2 * CHIP_UID_LEN + 1] = "", serial[17] = "";
    const bool known = b->has_row;
    const char *state = known ? device_state_name(b->result.has_device ? b->result.state : b->d.state) : NULL;

    if (b->has_uid)
        hex_encode(b->uid, sizeof b->uid, uid);
    if (known)
        (void)snprintf(serial, sizeof serial, "%016" PRIx64, b->d.serial);
    if (w->app->json)
        return report_object(json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:i, s:o}", "slot", b->slot->name, "uid",
                                       b->has_uid ? uid : NULL, "serial", known ? serial : NULL, "state", state, "outcome",
                                       b->outcome, "exit", err_exit_status(rc), "error",
                                       rc != ERR_OK ? report_json(why) : json_null()),
                             e);
    printf("slot %s: %s  %s  %s\n", b->slot->name, known ? serial : "-", state != NULL ? state : "-", b->outcome);
    (void)fflush(stdout);
    if (rc != ERR_OK)
        report_text(stderr, why);
    return ERR_OK;
}

static bool was_begun(const struct device *d)
{
    return d->state >= DEV_BURNING && d->state <= DEV_LOCKED;
}

static enum err_code open_line(struct work *w, struct err *e)
{
    enum err_code rc;

    if (w->is_open)
        return ERR_OK;
    line_close(&w->line);
    rc = line_open(&w->line, w->app, true, e);
    w->is_open = rc == ERR_OK;
    return rc;
}

/* A blank or unknown board is never begun here: that is `provision`, on purpose. */
static enum err_code take_up(struct work *w, struct chip *chip, struct board *b, struct err *e)
{
    enum err_code rc = registry_device_by_uid(w->app->registry, b->uid, &b->d, e);

    b->has_row = rc == ERR_OK;
    if (rc == ERR_NOINPUT || (b->has_row && !was_begun(&b->d))) {
        b->outcome = !b->has_row               ? "unknown board: left alone"
                     : b->d.state <= DEV_KEYED ? "stays as it is"
                                               : "nothing to do";
        return ERR_OK;
    }
    if (rc != ERR_OK)
        return rc;
    if (w->burn && (rc = open_line(w, e)) != ERR_OK)
        return rc;
    rc = line_provision(&w->line, b->slot, chip, b->d.product, w->burn, &b->result, e);
    b->outcome = rc != ERR_OK ? "not finished" : w->burn ? "finished" : "to be finished with --burn";
    if (b->result.has_device && b->result.state == DEV_QUARANTINED)
        b->outcome = "quarantined";
    *(rc != ERR_OK ? &w->failed : w->burn ? &w->finished : &w->planned) += 1;
    return rc;
}

/* A part at RDP level 2 answers over its console alone: whoever is there says which device it is.  *e is why no chip
 * answered, and stays so if nobody does. */
struct silent {
    struct work *w;
    struct chip *chip;
    struct board *b;
    enum err_code rc;
    struct err why; /* of rc */
    bool is_there;
};

static enum err_code ask_as(void *io, const struct product *p, struct err *e)
{
    struct silent *s = io;
    struct board *b = s->b;

    (void)e;
    if (p->lock != 2 || s->is_there)
        return ERR_OK;
    s->rc = line_provision(&s->w->line, b->slot, s->chip, p->name, true, &b->result, &s->why);
    s->is_there = b->result.has_device;
    if (!s->is_there)
        return ERR_OK;
    b->has_row = true;
    b->d.serial = b->result.serial;
    b->outcome = s->rc != ERR_OK ? "not finished" : strcmp(b->result.code, "done") == 0 ? "finished" : "nothing to do";
    if (s->rc != ERR_OK)
        s->w->failed++;
    else if (b->outcome[0] == 'f')
        s->w->finished++;
    return ERR_OK;
}

static enum err_code ask_silent(struct work *w, struct chip *chip, struct board *b, struct err *e)
{
    struct silent s = { .w = w, .chip = chip, .b = b };
    const struct err silence = *e;
    enum err_code rc;

    if (!w->burn || b->slot->console == NULL)
        return silence.code;
    if ((rc = open_line(w, e)) != ERR_OK || (rc = registry_products(w->app->registry, ask_as, &s, e)) != ERR_OK)
        return rc;
    *e = s.is_there ? s.why : silence;
    return s.is_there ? s.rc : silence.code;
}

static enum err_code recover_slot(struct work *w, const struct slot *slot, bool must, struct err *e)
{
    struct board b = { .slot = slot, .outcome = "no board" };
    struct chip *chip = NULL;
    struct chip_identity id;
    struct err why = { 0 };
    enum err_code rc = slot_open(&chip, w->app->config, slot, &why);

    if (rc == ERR_OK)
        rc = chip_probe(chip, &id, &why);
    b.has_uid = rc == ERR_OK;
    if (b.has_uid) {
        memcpy(b.uid, id.uid, sizeof b.uid);
        b.outcome = "not finished";
        rc = take_up(w, chip, &b, &why);
    } else if (chip != NULL) {
        rc = ask_silent(w, chip, &b, &why);
    }
    if (!must && rc == ERR_UNAVAILABLE && !b.has_row)
        rc = ERR_OK; /* an empty slot */
    chip_close(chip);
    if (rc != ERR_OK)
        w->worst = err_worse(w->worst, rc);
    return show_board(w, &b, rc, &why, e);
}

static bool is_named(const char *list, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = list; *at != '\0'; at += strspn(at, ",")) {
        const size_t word = strcspn(at, ",");
        if (word == len && strncmp(at, name, len) == 0)
            return true;
        at += word;
    }
    return false;
}

/* Every word of the list is a slot. */
static enum err_code check_names(const struct app *app, const char *list, struct err *e)
{
    char name[SLOT_NAME_MAX + 2];
    const struct slot *s;
    enum err_code rc = ERR_OK;

    for (const char *at = list; *at != '\0' && rc == ERR_OK; at += strspn(at, ",")) {
        const size_t word = strcspn(at, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(word < sizeof name ? word : sizeof name - 1), at);
        rc = config_slot(app->config, name, &s, e);
        at += word;
    }
    return rc;
}

static enum err_code recover_slots(struct work *w, struct err *e)
{
    const struct config *c = w->app->config;
    const char *list = w->app->opt[OPT_SLOT];
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < c->n_slots && rc == ERR_OK; i++)
        if (list == NULL || is_named(list, c->slot[i].name))
            rc = recover_slot(w, &c->slot[i], list != NULL, e);
    return rc;
}

/* ---- the command ---- */

static enum err_code sum_up(const struct work *w, struct err *e)
{
    if (w->app->json)
        return report_object(json_pack("{s:I, s:I, s:I, s:I}", "interrupted", (json_int_t)w->interrupted, "finished",
                                       (json_int_t)w->finished, "to_finish", (json_int_t)w->planned, "failed",
                                       (json_int_t)w->failed),
                             e);
    (void)fflush(stdout);
    fprintf(stderr, "fuseline: %lu interrupted, %lu finished, %lu to finish, %lu failed\n", w->interrupted, w->finished,
            w->planned, w->failed);
    return ERR_OK;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct work w = { .app = app, .burn = app->opt[OPT_BURN] != NULL };
    enum err_code rc = open_registry(app, e);

    if (rc == ERR_OK && app->opt[OPT_SLOT] != NULL)
        rc = check_names(app, app->opt[OPT_SLOT], e);
    if (rc == ERR_OK)
        rc = look_after_records(&w, e);
    if (rc == ERR_OK)
        rc = line_open(&w.line, app, false, e); /* enough for a plan */
    if (rc == ERR_OK)
        rc = recover_slots(&w, e);
    line_close(&w.line);
    if (rc == ERR_OK)
        rc = sum_up(&w, e);
    if (rc != ERR_OK || w.worst == ERR_OK)
        return rc;
    *e = (struct err){ .code = w.worst }; /* told board by board */
    return w.worst;
}

static const struct cmd_opt options[] = {
    { "slot", "NAMES", OPT_SLOT, 0, false, "these slots only, with commas between (default: all that answer)", false },
    { "burn", NULL, OPT_BURN, 0, false, "finish the boards; without it only what would be done is said", false },
    { "accept-registry", "REASON", OPT_ACCEPT, 0, false, "an officer's word: use this older copy of the registry", false },
    PIN_SOURCE_OPT("line"),
    { 0 },
};

extern const struct cmd cmd_recover;
const struct cmd cmd_recover = {
    "recover",
    "[--slot NAMES] [--burn] [--accept-registry REASON] [--pin-source SOURCE]",
    "end what was cut off: tokens, registry, and every begun board in a slot",
    "First what needs no board: half a record is taken back, an emptied token restored, the registry checked as by\n"
    "`reconcile`.  Then every device on its way is listed, and each begun one whose board is in a slot is finished or\n"
    "quarantined, as `provision` would.  A board without an intent is left alone.  Asks nothing; a second run changes\n"
    "nothing.\n",
    options,
    0,
    run,
};
