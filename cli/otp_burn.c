#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/slot.h"
#include "cli/ui/report.h"
#include "flash/fault.h"
#include "flash/otp.h"

struct work { /* one plan or burn */
    struct app *app;
    struct input in;
    uint8_t image[CHIP_OTP_MAX];
    struct otp_span span;
    struct otp_plan plan;
    struct chip_identity id;
    uint64_t begin_ns;
    bool drawn; /* a progress line is on the terminal */
};

static const char *const action_word[] = {
    [OTP_IGNORE] = "ignore",     [OTP_SKIP] = "skip",  [OTP_WRITE] = "write",
    [OTP_CONFLICT] = "conflict", [OTP_SPENT] = "torn", [OTP_NO_WRITE] = "locked",
};

static enum err_code parse_job(struct work *w, struct err *e)
{
    const struct chip_desc *d = w->app->slot->chip;
    unsigned long at;
    enum err_code rc = options_number(w->app, OPT_AT, d->otp.size - 1, &at, e);

    if (rc == ERR_OK)
        rc = input_read(w->app, &w->in, e);
    if (rc != ERR_OK)
        return rc;
    if (at % d->otp.cell != 0 || w->in.len % d->otp.cell != 0 || w->in.len > d->otp.size - at)
        return err_set(e, &flash_fault[FLASH_OTP_RANGE], "otp plan", NULL, 0,
                       "slot '%s': %zu bytes at %lu, where %" PRIu32 " bytes are in cells of %" PRIu32, w->app->slot->name,
                       w->in.len, at, d->otp.size, d->otp.cell);
    memcpy(w->image + at, w->in.bytes, w->in.len);
    w->span = (struct otp_span){ (uint16_t)at, (uint16_t)w->in.len };
    return ERR_OK;
}

static void progress(void *io, uint32_t done, uint32_t total)
{
    struct work *w = io;

    if (isatty(STDERR_FILENO) && clock_mono_ns() - w->begin_ns > 1000000000u) {
        fprintf(stderr, "\rburned %" PRIu32 " of %" PRIu32 " cells", done, total);
        w->drawn = true;
    }
}

/* The first cell behind `cell` in the span whose action is another. */
static uint32_t run_end(const struct work *w, uint32_t cell)
{
    uint32_t size = w->app->slot->chip->otp.cell, end = (w->span.offset + (uint32_t)w->span.len) / size, next = cell + 1;

    while (next < end && w->plan.action[next] == w->plan.action[cell])
        next++;
    return next;
}

static void show_text(const struct work *w)
{
    const struct otp_plan *p = &w->plan;
    uint32_t size = w->app->slot->chip->otp.cell, end = (w->span.offset + (uint32_t)w->span.len) / size;

    for (uint32_t cell = w->span.offset / size, next; cell < end; cell = next) {
        next = run_end(w, cell);
        printf("0x%03" PRIx32 "..0x%03" PRIx32 "  %-10s  %" PRIu32 " cells\n", cell * size, next * size - 1,
               action_word[p->action[cell]], next - cell);
    }
    printf("plan: %" PRIu32 " to write, %" PRIu32 " already there, %" PRIu32 " in conflict, %" PRIu32 " torn, %" PRIu32
           " locked\n",
           p->n_write, p->n_skip, p->n_conflict, p->n_spent, p->n_locked);
}

static json_t *json_runs(const struct work *w)
{
    uint32_t size = w->app->slot->chip->otp.cell, end = (w->span.offset + (uint32_t)w->span.len) / size;
    json_t *runs = json_array();

    for (uint32_t cell = w->span.offset / size, next; cell < end; cell = next) {
        next = run_end(w, cell);
        if (json_array_append_new(runs, json_pack("{s:i, s:i, s:s}", "offset", (int)(cell * size), "cells",
                                                  (int)(next - cell), "action", action_word[w->plan.action[cell]])) != 0) {
            json_decref(runs);
            return NULL;
        }
    }
    return runs;
}

static enum err_code show_json(const struct work *w, const char *verdict, struct err *e)
{
    const struct otp_plan *p = &w->plan;
    char uid[2 * CHIP_UID_LEN + 1];

    hex_encode(w->id.uid, sizeof w->id.uid, uid);
    return report_object(json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "slot",
                                   w->app->slot->name, "chip", w->app->slot->chip->name, "uid", uid, "verdict", verdict,
                                   "offset", w->span.offset, "bytes", w->span.len, "cell", (int)w->app->slot->chip->otp.cell,
                                   "write", (int)p->n_write, "skip", (int)p->n_skip, "conflict", (int)p->n_conflict, "torn",
                                   (int)p->n_spent, "locked", (int)p->n_locked, "runs", json_runs(w)),
                         e);
}

static bool planned(const struct otp_plan *p)
{
    return p->n_skip + p->n_write + p->n_conflict + p->n_spent + p->n_locked > 0;
}

static const char *verdict(const struct work *w, enum err_code rc, bool burn)
{
    if (w->plan.n_conflict + w->plan.n_spent + w->plan.n_locked > 0)
        return "refused";
    if (rc != ERR_OK)
        return "failed";
    if (w->plan.n_write == 0)
        return "already";
    return burn ? "burned" : "plan";
}

static enum err_code plan_or_burn(struct work *w, bool burn, struct err *e)
{
    struct otp_job job = { .image = w->image, .span = &w->span, .n = 1 };
    enum err_code rc = slot_probe(w->app, &w->id, e);

    if (rc == ERR_OK)
        rc = slot_need_open_part(w->app, &w->id, "otp plan", e);
    if (rc != ERR_OK)
        return rc;
    w->begin_ns = clock_mono_ns();
    if (burn)
        return otp_burn(w->app->chip, &job, w->id.uid, &w->plan, progress, w, e);
    return otp_plan_make(w->app->chip, &job, &w->plan, e);
}

static void say(const char *v)
{
    if (strcmp(v, "plan") == 0)
        fputs("fuseline: nothing was burned: `otp burn` with --burn does it\n", stderr);
    else if (strcmp(v, "already") == 0)
        fputs("fuseline: nothing was burned: the part holds exactly these bytes\n", stderr);
    else if (strcmp(v, "burned") == 0)
        fputs("fuseline: burned, read back, and right\n", stderr);
}

/* What was planned and what came of it; also of a job that failed once its plan was made. */
static enum err_code show(const struct work *w, const char *v, struct err *e)
{
    if (w->app->json)
        return show_json(w, v, e);
    show_text(w);
    return ERR_OK;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct work w = { .app = app };
    struct err e_show = { 0 };
    bool burn = app->opt[OPT_BURN] != NULL;
    enum err_code rc = parse_job(&w, e), rc_show = ERR_OK;

    if (rc == ERR_OK)
        rc = plan_or_burn(&w, burn, e);
    if (w.drawn)
        fputc('\n', stderr);
    if (planned(&w.plan))
        rc_show = show(&w, verdict(&w, rc, burn), &e_show);
    if (rc == ERR_OK && rc_show == ERR_OK)
        say(verdict(&w, rc, burn));
    explicit_bzero(&w, sizeof w);
    if (rc == ERR_OK && rc_show != ERR_OK) { /* the board's failure is worth more than the paper's */
        *e = e_show;
        rc = rc_show;
    }
    return rc;
}

#define TARGET_OPTS                                                                                                        \
    { "slot", "NAME", OPT_SLOT, 0, true, "the slot, as in fuseline.conf", false },                                         \
        { "at", "OFFSET", OPT_AT, 0, true, "first byte, in the OTP area", false },                                         \
        { "data", "HEX", OPT_DATA, 0, false, "the bytes; for public bytes on a bench only: others see arguments", false }, \
    {                                                                                                                      \
        "file", "FILE", OPT_FILE, 0, false, "a file with the raw bytes; - is standard input", false                        \
    }

static const struct cmd_opt plan_options[] = { TARGET_OPTS, { 0 } };
static const struct cmd_opt burn_options[] = {
    TARGET_OPTS,
    { "burn", NULL, OPT_BURN, 0, false, "really program; without it the plan is printed and nothing is touched", false },
    { 0 },
};

#define DETAILS                                                                                                       \
    "For the bench: raw cells, no identity, no record.  Whole cells only; cells to become all ones are left blank.\n" \
    "Each cell is read first: equal is skipped, blank is written, anything else refuses the whole job.\n"             \
    "Never put a secret in --data: it stays in the shell's history and in /proc.\n"

extern const struct cmd cmd_otp_plan, cmd_otp_burn;
const struct cmd cmd_otp_plan = {
    "otp plan",
    "--slot NAME --at OFFSET (--data HEX | --file FILE)",
    "say what a burn of raw bytes would do",
    DETAILS,
    plan_options,
    CMD_SLOT,
    run,
};
const struct cmd cmd_otp_burn = {
    "otp burn",
    "--slot NAME --at OFFSET (--data HEX | --file FILE) [--burn]",
    "burn raw bytes into the OTP area, for ever",
    DETAILS "Programming cannot be undone, so it needs --burn.\n",
    burn_options,
    CMD_SLOT,
    run,
};
