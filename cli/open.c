#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/fault.h"
#include "cli/frames.h"
#include "cli/options.h"
#include "cli/opener.h"
#include "cli/said.h"
#include "cli/token.h"
#include "cli/ui/opened.h"
#include "protocol/local.h"
#include "verifier/verifier.h"

/* Answers that wait for the commit of their transaction: as many as one read brought, at most so many, or for so long. */
enum { HELD_MAX = 1024, HELD_MS = 50 };

struct held {
    bool batch; /* a transaction is open */
    uint64_t since_ns;
    size_t n;
    struct opened_frame answer[HELD_MAX];
};

struct work {
    struct app *app;
    struct frames in;
    struct opener opener;
    struct held *held;
    unsigned long limit; /* frames; 0: all */
    unsigned long n[3];  /* by enum frame_status */
};

/* ---- setting up ---- */

static enum err_code take_format(const struct app *app, enum frames_format *out, struct err *e)
{
    const char *text = app->opt[OPT_FORMAT];

    *out = FRAMES_AUTO;
    if (text == NULL)
        return ERR_OK;
    if (strcmp(text, "hex") != 0 && strcmp(text, "cobs") != 0)
        return err_set(e, &cli_fault[CLI_FORMAT], "parse", NULL, 0, "'%s'", text);
    *out = text[0] == 'h' ? FRAMES_HEX : FRAMES_COBS;
    return ERR_OK;
}

static enum err_code open_source(struct work *w, struct err *e)
{
    const struct app *app = w->app;
    const char *file = app->opt[OPT_OPERAND], *console = app->opt[OPT_CONSOLE];
    enum frames_format format;
    unsigned long seconds = 0;
    enum err_code rc = take_format(app, &format, e);

    if (rc == ERR_OK && app->opt[OPT_COUNT] != NULL)
        rc = options_number(app, OPT_COUNT, UINT32_MAX, &w->limit, e);
    if (rc == ERR_OK && app->opt[OPT_SECONDS] != NULL)
        rc = options_number(app, OPT_SECONDS, 1000000, &seconds, e);
    if (rc != ERR_OK)
        return rc;
    if ((file != NULL && console != NULL) || (console != NULL && format == FRAMES_HEX) ||
        (console == NULL && app->opt[OPT_SECONDS] != NULL))
        return err_set(e, &cli_fault[CLI_SOURCE_CHOICE], "parse", NULL, 0, "%s",
                       file != NULL && console != NULL ? "both are given"
                       : console != NULL               ? "a console speaks cobs"
                                                       : "--seconds goes with --console");
    if (console != NULL)
        return frames_open_console(&w->in, console, (unsigned)seconds, e);
    return frames_open_file(&w->in, file != NULL ? file : "-", format, e);
}

static void close_all(struct work *w)
{
    opener_close(&w->opener);
    frames_close(&w->in);
}

/* ---- one frame ---- */

static enum err_code show(struct work *w, const struct opened_frame *o, struct err *e)
{
    w->n[o->status]++;
    return opened_show(o, w->app->json, e);
}

/* Commit, and only then show. */
static enum err_code settle(void *io, struct err *e)
{
    struct work *w = io;
    struct held *h = w->held;
    size_t n = h->n;
    enum err_code rc = h->batch ? registry_batch_commit(w->app->registry, e) : ERR_OK;

    h->batch = false;
    h->n = 0;
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = show(w, &h->answer[i], e);
    return rc;
}

static enum err_code open_one(struct work *w, const struct raw_frame *raw, struct err *e)
{
    struct held *h = w->held;
    struct opened_frame *o = &h->answer[h->n];
    enum err_code rc = ERR_OK;

    *o = (struct opened_frame){ .status = FRAME_REFUSED, .reason = raw->bad, .scheme = "" };
    if (raw->bad == NULL && !h->batch) {
        if ((rc = registry_batch_begin(w->app->registry, e)) != ERR_OK)
            return rc;
        h->batch = true;
        h->since_ns = clock_mono_ns();
    }
    if (raw->bad == NULL && (rc = verifier_frame(w->opener.verifier, raw->bytes, raw->len, o, e)) != ERR_OK)
        return rc;
    h->n++;
    if (h->n == HELD_MAX || (h->batch && clock_mono_ns() - h->since_ns > HELD_MS * UINT64_C(1000000)))
        return settle(w, e);
    return ERR_OK;
}

/* ---- all of them ---- */

static enum err_code open_each(struct work *w, struct err *e)
{
    unsigned long done = 0;
    struct raw_frame raw;
    bool more = true;
    enum err_code rc = ERR_OK;
    struct err second; /* the first failure is the one to tell */

    w->in.settle = settle;
    w->in.settle_io = w;
    while (rc == ERR_OK && (w->limit == 0 || done < w->limit) && (rc = frames_next(&w->in, &raw, &more, e)) == ERR_OK &&
           more) {
        if (raw.binary && raw.bad == NULL && local_is(raw.bytes, raw.len)) {
            said_show(w->in.name, raw.bytes, raw.len);
            continue;
        }
        done++;
        rc = open_one(w, &raw, e);
    }
    enum err_code settled = settle(w, rc == ERR_OK ? e : &second);
    return rc == ERR_OK ? settled : rc;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct work w = { .app = app, .in = { .fd = -1 } };
    enum err_code rc = open_source(&w, e);

    if (rc == ERR_OK && (w.held = calloc(1, sizeof *w.held)) == NULL)
        rc = err_errno(e, &cli_fault[CLI_NO_MEMORY], "calloc", "%d answers", HELD_MAX);
    if (rc == ERR_OK)
        rc = opener_open(&w.opener, app, app->registry, e);
    if (rc == ERR_OK)
        rc = open_each(&w, e);
    close_all(&w);
    free(w.held);
    (void)fflush(stdout); /* answers first, then their sum; main looks at ferror */
    if (w.n[FRAME_OPENED] + w.n[FRAME_IS_DUPLICATE] + w.n[FRAME_REFUSED] > 0 || rc == ERR_OK)
        fprintf(stderr, "fuseline: %lu opened, %lu duplicate, %lu refused\n", w.n[FRAME_OPENED], w.n[FRAME_IS_DUPLICATE],
                w.n[FRAME_REFUSED]);
    if (rc != ERR_OK || w.n[FRAME_REFUSED] == 0)
        return rc;
    *e = (struct err){ .code = ERR_NO }; /* told frame by frame */
    return ERR_NO;
}

static const struct cmd_opt options[] = {
    { "FILE", NULL, OPT_OPERAND, 0, false, "where the frames are; - or nothing: standard input", false },
    { "console", "PATH", OPT_CONSOLE, 0, false, "listen on a serial port, pseudo-terminal or socket instead", false },
    { "format", "FORMAT", OPT_FORMAT, 0, false, "hex, one a line, or cobs, binary (default: by what comes)", false },
    { "count", "N", OPT_COUNT, 0, false, "end after N frames", false },
    { "seconds", "S", OPT_SECONDS, 0, false, "with --console: end after S seconds", false },
    PIN_SOURCE_OPT("server"),
    { 0 },
};

extern const struct cmd cmd_open;
const struct cmd cmd_open = {
    "open",
    "[FILE] [--console PATH] [--format FORMAT] [--count N] [--seconds S] [--pin-source SOURCE]",
    "open the frames that devices sent, check them for replay, record them",
    "One line per frame: status, serial, scheme, counter, time of first receipt, data.  A frame is recorded before its data\n"
    "is shown; the same frame again is a duplicate and shown again.  One that is refused is named with its reason, and its\n"
    "serial is only what it claims.  Exits 1 if any was refused.  What a device says to its console goes to standard error.\n",
    options,
    CMD_RECORDS,
    run,
};
