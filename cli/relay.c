/* cli/relay.c - `fuseline relay`: the untrusted phone.  It opens no registry and no token. */
#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/console.h"
#include "base/hex.h"
#include "cli/config.h"
#include "cli/fault.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/said.h"
#include "cli/ui/report.h"

enum { TIMEOUT_S = 30, TIMEOUT_MAX_S = 600, FLEET_MAX = 0xFFFF, SECONDS_MAX = 1000000 };

struct relaying {
    struct app *app;
    struct relay relay;
    const char *input; /* path; "-": standard input */
    char buffer[4096];
    const struct fault *told; /* of the last request, if it failed */
    enum err_code rc;         /* of standard output */
    struct err e;
};

/* ---- the command line ---- */

static enum err_code take_number(const struct app *app, enum opt_id id, unsigned long max, unsigned long *out, struct err *e)
{
    return app->opt[id] == NULL ? ERR_OK : options_number(app, id, max, out, e);
}

static enum err_code take_tricks(struct relaying *w, struct err *e)
{
    static const enum opt_id id[TRICKS] = { OPT_DROP, OPT_DUPLICATE, OPT_DELAY, OPT_REORDER, OPT_FLIP };
    unsigned long seed = 1;

    for (int t = 0; t < TRICKS; t++) {
        const char *text = w->app->opt[id[t]];
        char *end = NULL;
        double p = text != NULL ? strtod(text, &end) : 0;

        if (text != NULL && (strspn(text, "0123456789.") != strlen(text) || *end != '\0' || !(p >= 0 && p <= 1)))
            return err_set(e, &cli_fault[CLI_PROBABILITY], "parse", NULL, 0, "'%s'", text);
        w->relay.chaos.p[t] = p;
    }
    enum err_code rc = take_number(w->app, OPT_SEED, UINT32_MAX, &seed, e);
    w->relay.chaos.state = seed;
    return rc;
}

static enum err_code take_server(struct relaying *w, struct err *e)
{
    const struct app *app = w->app;
    struct server *s = &w->relay.server;
    unsigned long fleet = 0, timeout = TIMEOUT_S, posts = 1;
    enum err_code rc = take_number(app, OPT_FLEET, FLEET_MAX, &fleet, e);

    if (rc == ERR_OK)
        rc = take_number(app, OPT_TIMEOUT, TIMEOUT_MAX_S, &timeout, e);
    if (rc == ERR_OK)
        rc = take_number(app, OPT_POSTS, POSTS_MAX, &posts, e);
    if (rc == ERR_OK && app->opt[OPT_CACERT] != NULL && app->opt[OPT_PIN_SHA256] != NULL)
        rc = err_set(e, &cli_fault[CLI_TRUST_CHOICE], "parse", NULL, 0, "both are given");
    *s = (struct server){ .url = app->opt[OPT_URL],
                          .fleet = app->opt[OPT_FLEET] != NULL ? (long)fleet : -1,
                          .cacert = app->opt[OPT_CACERT],
                          .pin = app->opt[OPT_PIN_SHA256],
                          .timeout_ms = 1000 * (unsigned)(timeout > 0 ? timeout : 1),
                          .posts = posts > 0 ? (unsigned)posts : 1 };
    return rc;
}

/* A word without a slash is a slot of fuseline.conf. */
static enum err_code take_console(struct relaying *w, struct err *e)
{
    struct app *app = w->app;
    const struct slot *slot;

    w->input = app->opt[OPT_CONSOLE];
    if (strchr(w->input, '/') != NULL)
        return ERR_OK;
    enum err_code rc = config_load(&app->config, app->dir, e);
    if (rc == ERR_OK)
        rc = config_slot(app->config, w->input, &slot, e);
    if (rc == ERR_OK && slot->console == NULL)
        rc = err_set(e, &cli_fault[CLI_NO_CONSOLE], "parse", NULL, 0, "slot %s", slot->name);
    if (rc == ERR_OK)
        w->input = slot->console;
    return rc;
}

static enum err_code take_input(struct relaying *w, struct err *e)
{
    const struct app *app = w->app;
    const char *console = app->opt[OPT_CONSOLE], *from = app->opt[OPT_FROM], *dir = app->opt[OPT_BUFFER];
    unsigned long seconds = 0;

    if ((console != NULL) == (from != NULL))
        return err_set(e, &cli_fault[CLI_RELAY_SOURCE], "parse", NULL, 0, "%s",
                       from != NULL ? "both are given" : "none is given");
    (void)snprintf(w->buffer, sizeof w->buffer, "%s%s", dir != NULL ? dir : app->dir, dir != NULL ? "" : "/relay");
    w->relay.buffer = w->buffer; /* a path that is cut doesn't exist */
    w->relay.console = console != NULL;
    w->relay.once = app->opt[OPT_ONCE] != NULL;
    w->input = from;
    enum err_code rc = take_number(app, OPT_SECONDS, SECONDS_MAX, &seconds, e);
    w->relay.seconds = (unsigned)seconds;
    return rc == ERR_OK && console != NULL ? take_console(w, e) : rc;
}

static enum err_code open_input(void *io, int *fd, struct err *e)
{
    const struct relaying *w = io;
    const bool is_stdin = !w->relay.console && strcmp(w->input, "-") == 0;

    *fd = is_stdin ? STDIN_FILENO : w->relay.console ? console_open(w->input) : open(w->input, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0)
        return ERR_OK;
    if (!w->relay.console)
        return err_errno(e, &cli_fault[CLI_INPUT_MISSING], "open", "%s", w->input);
    if (errno == EBUSY)
        return err_set(e, &cli_fault[CLI_CONSOLE_BUSY], "flock", NULL, 0, "%s", w->input);
    return err_errno(e, &cli_fault[CLI_CONSOLE], "open", "%s", w->input);
}

/* ---- what happens ---- */

/* Whoever reads us hears of it now; the first failure of standard output is the one to tell. */
static void flush(struct relaying *w)
{
    if (w->rc == ERR_OK && (fflush(stdout) != 0 || ferror(stdout)))
        w->rc = report_flush(&w->e);
}

static void put(struct relaying *w, json_t *obj)
{
    if (w->rc != ERR_OK)
        json_decref(obj);
    else if ((w->rc = report_object(obj, &w->e)) == ERR_OK)
        flush(w);
}

static void on_posted(struct relaying *w, const struct relay_event *ev)
{
    const struct err *e = ev->err;

    if (w->app->json)
        put(w, json_pack("{s:s, s:i, s:i, s:i, s:i, s:s?}", "event", "post", "status", (int)ev->posted->status, "frames",
                         (int)ev->frames, "accepted", (int)ev->accepted, "refused", (int)ev->refused, "fault",
                         e != NULL ? e->fault->name : NULL));
    if (e != NULL && w->told != e->fault && !w->relay.once) /* then it is the end, and told there */
        report_text(stderr, e);
    else if (e == NULL && w->told != NULL)
        fprintf(stderr, "fuseline: the server answers again\n");
    w->told = e != NULL ? e->fault : NULL;
}

static void on_down(struct relaying *w, const struct relay_event *ev)
{
    char hex[2 * FRAME_MAX + 1];
    const bool lost = ev->id == RELAY_DOWN_LOST;

    hex_encode(ev->bytes, ev->len, hex);
    if (w->app->json)
        put(w, json_pack("{s:s, s:s}", "event", lost ? "down-lost" : "down", "frame", hex));
    else if (!lost)
        printf("%s\n", hex);
    if (lost)
        fprintf(stderr, "fuseline: a frame from the server was not given to the device: %.8s.., %zu bytes\n", hex, ev->len);
    flush(w);
}

static void tell(void *io, const struct relay_event *ev)
{
    struct relaying *w = io;

    switch (ev->id) {
    case RELAY_POSTED:
        on_posted(w, ev);
        break;
    case RELAY_DOWN:
    case RELAY_DOWN_LOST:
        on_down(w, ev);
        break;
    case RELAY_SAID:
        said_show(w->input, ev->bytes, ev->len);
        break;
    case RELAY_TROUBLE:
        report_text(stderr, ev->err);
        break;
    case RELAY_CONSOLE_GONE:
        fprintf(stderr, "fuseline: %s: the console is gone; waiting for it\n", w->input);
        break;
    }
}

static void sum(struct relaying *w, const struct relay_tally *t)
{
    if (w->app->json)
        put(w, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "end", "taken",
                         (json_int_t)t->taken, "posts", (json_int_t)t->posts, "failed", (json_int_t)t->failed, "accepted",
                         (json_int_t)t->accepted, "refused", (json_int_t)t->refused, "down", (json_int_t)t->down, "expired",
                         (json_int_t)t->expired, "torn", (json_int_t)t->torn, "lost", (json_int_t)t->lost, "noise",
                         (json_int_t)t->noise, "buffered", (json_int_t)t->buffered));
    else
        fprintf(stderr, "fuseline: %lu taken, %lu delivered, %lu down, %lu expired, %lu lost, %lu buffered\n", t->taken,
                t->accepted, t->down, t->expired, t->lost, t->buffered);
}

static bool stop(void)
{
    return interrupt_requested();
}

static enum err_code run(struct app *app, struct err *e)
{
    struct relaying w = { .app = app, .relay = { .open = open_input, .tell = tell, .stop = stop } };
    struct relay_tally t;
    enum err_code rc = take_input(&w, e);

    w.relay.io = &w;
    if (rc == ERR_OK)
        rc = take_server(&w, e);
    if (rc == ERR_OK)
        rc = take_tricks(&w, e);
    if (rc != ERR_OK)
        return rc;
    rc = relay_run(&w.relay, &t, e);
    if (rc == ERR_OK || t.posts + t.taken + t.buffered > 0)
        sum(&w, &t);
    if (w.rc == ERR_OK)
        return rc;
    *e = w.e;
    return w.rc;
}

static const struct cmd_opt options[] = {
    { "console", "PATH", OPT_CONSOLE, 0, false, "a board's console: a path, or without a slash a slot's name", false },
    { "from", "FILE", OPT_FROM, 0, false, "frames in hex, one a line, instead of a console; -: standard input", false },
    { "url", "URL", OPT_URL, 0, true, "the server: https://HOST[:PORT]", false },
    { "fleet", "N", OPT_FLEET, 0, false, "the fleet (default: the server finds it)", false },
    { "cacert", "FILE", OPT_CACERT, 0, false, "trust these certificates (PEM) instead of the system's", false },
    { "pin-sha256", "HEX", OPT_PIN_SHA256, 0, false, "trust this public key, by its SHA-256, instead", false },
    { "buffer", "DIR", OPT_BUFFER, 0, false, "where frames are kept until their receipt (default: relay in -C DIR)", false },
    { "once", NULL, OPT_ONCE, 0, false, "end when each frame was answered, or a request failed", false },
    { "seconds", "S", OPT_SECONDS, 0, false, "end after S seconds", false },
    { "timeout", "S", OPT_TIMEOUT, 0, false, "for one request (default: 30)", false },
    { "posts", "N", OPT_POSTS, 0, false, "so many requests at a time, 1 to 8 (default: 1)", false },
    { "drop", "P", OPT_DROP, 0, false, "for tests, a probability: transmissions are lost", false },
    { "duplicate", "P", OPT_DUPLICATE, 0, false, "for tests: made twice", false },
    { "delay", "P", OPT_DELAY, 0, false, "for tests: made up to 1 s later", false },
    { "reorder", "P", OPT_REORDER, 0, false, "for tests: exchanged with another", false },
    { "flip", "P", OPT_FLIP, 0, false, "for tests: made with one bit flipped", false },
    { "seed", "N", OPT_SEED, 0, false, "of the tricks (default: 1)", false },
    { 0 },
};

extern const struct cmd cmd_relay;
const struct cmd cmd_relay = {
    "relay",
    "(--console PATH | --from FILE) --url URL [--fleet N] [--cacert FILE | --pin-sha256 HEX] [--buffer DIR] [--once] "
    "[--seconds S] [--timeout S] [--posts N] [--drop P] [--duplicate P] [--delay P] [--reorder P] [--flip P] [--seed N]",
    "carry frames from a board to the server, and back, as a phone does",
    "It holds no key and opens nothing.  Each frame is kept on disk until the server's receipt, or for 30 days; a server that\n"
    "is away, or has no receipt for a frame yet, is asked again, later and later.  What the server has for the device goes to\n"
    "its console, and in hexadecimal to standard output.  With --from it ends when all frames have a receipt.  Exits 0 if none\n"
    "is left, 1 if the server refused those that are, 75 if it has not answered them, 74 if frames could not be kept.\n",
    options,
    0,
    run,
};
