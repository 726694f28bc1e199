#include "relay/relay.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "relay/fault.h"
#include "relay/run.h"

enum {
    READ_AHEAD = 4096, /* frames of a file that wait for their first answer; a console can't be asked to wait */
    QUIET_MS = 300,    /* a console without a byte for so long has nothing more to say, to --once */
    REOPEN_MS = 1000,  /* for a console that is gone, and for a file's frame that could not be kept */
    EXPIRE_MS = 60000, /* between two looks for frames that are too old */
    WAIT_MAX_MS = 250  /* a signal is answered at the latest after it */
};

void run_tell(const struct run *w, const struct relay_event *event)
{
    w->r->tell(w->r->io, event);
}

void run_trouble(struct run *w, const struct err *e)
{
    if (w->told == e->fault)
        return;
    w->told = e->fault;
    run_tell(w, &(struct relay_event){ .id = RELAY_TROUBLE, .err = e });
}

/* ---- in ---- */

static void commit(struct run *w)
{
    struct err e;
    bool any = buffer_pends(w->buffer, 1);

    if (buffer_commit(w->buffer, &e) != ERR_OK)
        run_trouble(w, &e);
    else if (any) {
        w->told = NULL;
        w->quiet_ms = 0;
    }
}

/* w->frame; a console's is gone if it can't be kept, a file's is held. */
static void keep(struct run *w)
{
    struct err e;

    if (buffer_pends(w->buffer, BUFFER_PENDING))
        commit(w);
    bool kept = buffer_put(w->buffer, w->frame, w->len, &e) == ERR_OK;
    w->held = !kept && !w->wire.console;
    w->t->taken += kept;
    w->t->lost += !kept && w->wire.console;
    if (kept)
        return;
    run_trouble(w, &e);
    w->held_ms = w->now_ms + REOPEN_MS;
}

static bool may_read(const struct run *w)
{
    return w->wire.console || (!w->held && buffer_fresh(w->buffer) < READ_AHEAD);
}

static void take_records(struct run *w)
{
    enum line_kind kind;

    while (may_read(w) && (kind = wire_next(&w->wire, w->frame, &w->len)) != LINE_MORE) {
        if (kind == LINE_FRAME)
            keep(w);
        else if (kind == LINE_LOCAL)
            run_tell(w, &(struct relay_event){ .id = RELAY_SAID, .bytes = w->frame, .len = w->len });
        else
            w->t->noise++;
    }
}

/* A console that went, a cable or a board without power, is looked for again; that it isn't there yet is no news. */
static void reopen(struct run *w)
{
    struct err e;
    int fd;

    if (w->wire.fd >= 0 || !w->wire.console || w->now_ms < w->reopen_ms)
        return;
    w->reopen_ms = w->now_ms + REOPEN_MS;
    if (w->r->open(w->r->io, &fd, &e) == ERR_OK)
        wire_attach(&w->wire, fd);
}

static void take_input(struct run *w)
{
    reopen(w);
    if (w->held && w->now_ms >= w->held_ms)
        keep(w);
    wire_flush(&w->wire);
    if (may_read(w)) {
        if (!wire_read(&w->wire)) {
            w->reopen_ms = w->now_ms + REOPEN_MS;
            run_tell(w, &(struct relay_event){ .id = RELAY_CONSOLE_GONE });
        }
        if (w->wire.at < w->wire.len)
            w->heard_ms = w->now_ms;
        take_records(w);
    }
    commit(w);
}

static void expire(struct run *w)
{
    if (w->now_ms < w->expire_ms)
        return;
    w->expire_ms = w->now_ms + EXPIRE_MS;
    w->t->expired += buffer_expire(w->buffer, time(NULL));
}

/* ---- the loop ---- */

static bool holds_delayed(const struct run *w)
{
    for (size_t i = 0; i < DELAYED_MAX; i++)
        if (w->delayed[i].len > 0)
            return true;
    return false;
}

static bool input_ended(const struct run *w)
{
    return w->wire.console ? w->now_ms >= w->heard_ms + QUIET_MS : w->wire.ended && !w->held && w->wire.at == w->wire.len;
}

static bool ends(const struct run *w)
{
    if (w->r->stop() || (w->end_ms > 0 && w->now_ms >= w->end_ms) || (w->r->once && w->t->failed > 0))
        return true;
    if (posts_busy(w->posts) > 0 || holds_delayed(w) || !input_ended(w))
        return false;
    if (w->r->once)
        return buffer_fresh(w->buffer) == 0;
    return !w->wire.console && buffer_count(w->buffer) == 0;
}

static void wait_for_work(struct run *w)
{
    bool in = may_read(w) && !w->wire.ended;
    uint64_t next = w->now_ms + WAIT_MAX_MS, due = send_next_ms(w);

    if (due < next)
        next = due;
    if (in && w->wire.at < w->wire.len)
        next = w->now_ms;
    posts_wait(w->posts, w->wire.fd, in, wire_sends(&w->wire), next > w->now_ms ? (unsigned)(next - w->now_ms) : 0);
}

static void loop(struct run *w)
{
    struct posted p;

    for (;;) {
        w->now_ms = clock_mono_ns() / 1000000;
        take_input(w);
        expire(w);
        send_due(w);
        send_delayed(w);
        while (posts_result(w->posts, &p))
            send_done(w, &p);
        if (ends(w))
            return;
        wait_for_work(w);
    }
}

static enum err_code verdict(struct run *w, struct err *e)
{
    const char *dir = w->r->buffer;
    size_t n = buffer_count(w->buffer), fresh = buffer_fresh(w->buffer);

    w->t->buffered = n;
    if (w->t->lost > 0)
        return err_set(e, &relay_fault[RELAY_LOST], "write", NULL, 0, "%s: %lu frames", dir, w->t->lost);
    if (n == 0)
        return ERR_OK;
    if (fresh == 0)
        return err_set(e, &relay_fault[RELAY_REFUSED], "POST", NULL, 0, "%s: %zu frames", dir, n);
    if (w->fails == 0)
        return err_set(e, &relay_fault[RELAY_WAITING], "POST", NULL, 0, "%s: %zu frames", dir, n);
    *e = w->last;
    return e->code;
}

static enum err_code set_up(struct run *w, struct err *e)
{
    const struct relay *r = w->r;
    enum err_code rc = posts_open(&w->posts, &r->server, e);
    int fd;

    if (rc == ERR_OK)
        rc = buffer_open(&w->buffer, r->buffer, e);
    if (rc == ERR_OK)
        rc = r->open(r->io, &fd, e);
    if (rc != ERR_OK)
        return rc;
    wire_init(&w->wire, r->console);
    wire_attach(&w->wire, fd);
    w->now_ms = w->heard_ms = clock_mono_ns() / 1000000;
    w->end_ms = r->seconds > 0 ? w->now_ms + UINT64_C(1000) * r->seconds : 0;
    w->chaos = r->chaos;
    w->jitter.state = clock_mono_ns() ^ (uint64_t)getpid() << 40; /* only to be another one than that of other relays */
    return ERR_OK;
}

enum err_code relay_run(const struct relay *r, struct relay_tally *t, struct err *e)
{
    struct run *w = calloc(1, sizeof *w);
    enum err_code rc;

    *t = (struct relay_tally){ 0 };
    if (w == NULL)
        return err_set(e, &relay_fault[RELAY_NO_MEMORY], "calloc", NULL, 0, "a run");
    w->r = r;
    w->t = t;
    w->wire.fd = -1;
    rc = set_up(w, e);
    if (rc == ERR_OK) {
        loop(w);
        rc = verdict(w, e);
    }
    wire_close(&w->wire);
    posts_close(w->posts);
    buffer_close(w->buffer);
    free(w);
    return rc;
}
