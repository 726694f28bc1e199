#include "station/console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/console.h"
#include "station/fault.h"

enum {
    LOOK_MS = 50, /* at `stopped`, and for a port that went */
    GRACE = 10,   /* repetitions after a refusal: a plug that bounces makes bad first starts */
    DRAIN_READS = 1000
};

struct wait { /* one question, being asked */
    struct console *c;
    const struct console_question *q;
    uint64_t end, silent_end, resend; /* of clock_mono_ns; silent_end 0: none */
    bool heard;                       /* a byte came */
    bool refused, failed;             /* a proof was; the device said a code */
    struct err why;                   /* of refused */
    char said[24 + LOCAL_TEXT_MAX];   /* of failed */
};

static uint64_t after_ms(uint32_t ms)
{
    return clock_mono_ns() + ms * UINT64_C(1000000);
}

/* ---- the port ---- */

enum err_code console_attach(struct console *c, const char *path, struct err *e)
{
    *c = (struct console){ .path = path, .fd = console_open(path) };
    if (c->fd >= 0)
        return ERR_OK;
    if (errno == EBUSY)
        return err_errno(e, &station_fault[STATION_CONSOLE_IN_USE], "flock", "%s", path);
    return err_errno(e, &station_fault[STATION_CONSOLE_MISSING], "open", "%s", path);
}

void console_detach(struct console *c)
{
    if (c->fd >= 0)
        (void)close(c->fd); /* nothing is kept there */
    c->fd = -1;
    c->len = 0;
}

/* A line that takes nothing loses it: it is sent again. */
static void put(struct console *c, const uint8_t *bytes, size_t len)
{
    ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno == ENOTSOCK)
        n = write(c->fd, bytes, len);
    (void)n;
}

/* The 00 in front ends whatever of an earlier record reached the device. */
static void send_challenge(struct wait *w)
{
    uint8_t record[1 + LOCAL_CHALLENGE_LEN], line[1 + COBS_MAX(sizeof record)] = { 0 };
    const size_t len = local_challenge(w->q->challenge, record, sizeof record);

    put(w->c, line, 1 + cobs_encode(record, len, line + 1, sizeof line - 1));
    w->resend = after_ms(w->q->again_ms);
}

/* What is there; 0: nothing; the port is closed when its far end is gone. */
static size_t take(struct console *c, uint8_t *bytes, size_t max)
{
    const ssize_t n = read(c->fd, bytes, max);

    if (n > 0)
        return (size_t)n;
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        console_detach(c);
    return 0;
}

static void drain(struct console *c)
{
    uint8_t old[256];

    for (int i = 0; i < DRAIN_READS && c->fd >= 0 && take(c, old, sizeof old) > 0; i++)
        ;
    c->len = 0;
}

/* ---- records ---- */

static void sooner(struct wait *w)
{
    const uint64_t grace = after_ms(GRACE * w->q->again_ms);

    if (grace < w->end)
        w->end = grace;
}

static void hear_code(struct wait *w, const struct local *l)
{
    if (l->code == DEVICE_REQUEST) { /* also what a challenge that came in pieces earns */
        w->c->spent = true;
        return;
    }
    if (!w->failed)
        sooner(w);
    w->failed = true;
    (void)snprintf(w->said, sizeof w->said, "%s: %.*s", device_code_name(l->code), (int)l->len, (const char *)l->body);
}

/* *over: the wait is, with what is returned. */
static enum err_code hear_proof(struct wait *w, const struct local *l, bool *over, struct err *e)
{
    const enum err_code rc = w->q->judge(w->q->io, l->rdp, l->body, l->len, e);

    *over = rc != ERR_NO;
    if (rc != ERR_NO)
        return rc;
    if (!w->refused)
        sooner(w);
    w->refused = true;
    w->why = *e;
    return rc;
}

static enum err_code hear(struct wait *w, bool *over, struct err *e)
{
    struct console *c = w->c;
    const long n = c->len < sizeof c->record ? cobs_decode(c->record, c->len, c->record, sizeof c->record) : -1;
    struct local l;

    c->len = 0;
    if (n <= 0 || !local_parse(c->record, (size_t)n, &l)) /* telemetry, noise, a piece */
        return ERR_OK;
    if (l.type == LOCAL_PROOF)
        return hear_proof(w, &l, over, e);
    if (l.type == LOCAL_ERROR)
        hear_code(w, &l);
    return ERR_OK;
}

static enum err_code read_line(struct wait *w, bool *over, struct err *e)
{
    uint8_t in[256];
    const size_t n = take(w->c, in, sizeof in);
    enum err_code rc = ERR_OK;

    w->heard = w->heard || n > 0;
    for (size_t i = 0; i < n && !*over; i++) {
        if (in[i] == 0)
            rc = hear(w, over, e);
        else if (w->c->len < sizeof w->c->record)
            w->c->record[w->c->len++] = in[i];
    }
    return rc;
}

/* ---- the wait ---- */

static enum err_code time_is_up(const struct wait *w, struct err *e)
{
    const char *path = w->c->path;

    if (w->refused)
        return err_set(e, &station_fault[STATION_CONSOLE_PROOF], w->why.op, w->why.source, w->why.native, "%s: %s", path,
                       w->why.subject);
    if (w->failed)
        return err_set(e, &station_fault[STATION_CONSOLE_SAYS], "console", NULL, 0, "%s: %s", path, w->said);
    return err_set(e, &station_fault[STATION_CONSOLE_TIMEOUT], "console", NULL, 0, "%s: %s", path,
                   w->c->spent    ? "it has answered a challenge since its start"
                   : w->heard     ? "something came, but no answer"
                   : w->c->fd < 0 ? "the port is gone"
                                  : "not a byte came");
}

static bool is_up(const struct wait *w)
{
    const uint64_t now = clock_mono_ns();

    return now >= w->end || (!w->heard && w->silent_end != 0 && now >= w->silent_end);
}

/* One look at the port, LOOK_MS at most. */
static enum err_code turn(struct wait *w, bool *over, struct err *e)
{
    struct pollfd p = { .fd = w->c->fd, .events = POLLIN };

    if (w->c->fd >= 0 && clock_mono_ns() >= w->resend)
        send_challenge(w);
    (void)poll(&p, 1, LOOK_MS); /* interrupted: nothing is ready, look at `stopped` */
    if (w->c->fd < 0 && (w->c->fd = console_open(w->c->path)) >= 0)
        w->resend = 0;
    return p.revents != 0 ? read_line(w, over, e) : ERR_OK;
}

enum err_code console_ask(struct console *c, const struct console_question *q, struct err *e)
{
    struct wait w = { .c = c, .q = q, .end = after_ms(q->limit_ms) };
    bool over = false;
    enum err_code rc = ERR_OK;

    c->spent = false;
    if (q->silent_ms != 0)
        w.silent_end = after_ms(q->silent_ms);
    drain(c);
    while (!over) {
        if (q->stopped != NULL && q->stopped(q->stopped_io))
            return err_set(e, &station_fault[STATION_CONSOLE_STOPPED], "console", NULL, 0, "%s", c->path);
        if (is_up(&w))
            return time_is_up(&w, e);
        rc = turn(&w, &over, e);
    }
    return rc;
}
