#include <string.h>

#include "relay/fault.h"
#include "relay/run.h"

/* base * 2^(n-1) up to max, and of that a random part between half and all: many relays must not come back at one moment. */
static uint64_t back_off(struct run *w, unsigned n, uint64_t base, uint64_t max)
{
    uint64_t ms = n > 16 ? max : base << (n > 0 ? n - 1 : 0);

    if (ms > max)
        ms = max;
    return w->now_ms + ms / 2 + chaos_below(&w->jitter, ms / 2 + 1);
}

/* ---- up ---- */

/* Load up to BATCH_FRAMES frames that are due, in their order; a frame that is damaged or can't be read is passed over. */
static size_t collect(struct run *w, uint64_t order[], size_t len[])
{
    size_t n = 0, bytes = 0;
    struct buffered *f;
    struct err e;

    w->quiet_ms = UINT64_MAX;
    for (uint64_t at = 0; n < BATCH_FRAMES && (f = buffer_next(w->buffer, at)) != NULL;) {
        at = f->order;
        if (f->in_flight)
            continue;
        if (f->due_ms > w->now_ms) {
            w->quiet_ms = f->due_ms < w->quiet_ms ? f->due_ms : w->quiet_ms;
            continue;
        }
        if (bytes + 2 + FRAME_MAX > BATCH_BYTES)
            break;
        enum err_code rc = buffer_load(w->buffer, f, w->loaded[n], &len[n], &e);
        if (rc == ERR_OK) {
            bytes += 2 + len[n];
            order[n++] = at;
            continue;
        }
        w->t->torn += rc == ERR_INPUT;
        if (rc != ERR_INPUT)
            f->due_ms = back_off(w, 1, AGAIN_MAX_MS, AGAIN_MAX_MS);
        run_trouble(w, &e);
    }
    if (n > 0) /* there may be more, and these may be due again soon */
        w->quiet_ms = 0;
    return n;
}

/* Fill the batch with what the tricks leave of the frames that are due; false: none is. */
static bool fill(struct run *w, struct batch *b)
{
    uint64_t order[BATCH_FRAMES];
    size_t len[BATCH_FRAMES], n = collect(w, order, len);
    struct passage pass[BATCH_FRAMES];
    size_t m = chaos_pass(&w->chaos, len, n, pass, BATCH_FRAMES);

    for (size_t i = 0; i < m; i++) {
        const struct passage *p = &pass[i];
        struct buffered *f = buffer_find(w->buffer, order[p->index]);
        uint8_t copy[FRAME_MAX];

        memcpy(copy, w->loaded[p->index], len[p->index]);
        chaos_flip(copy, p->flip);
        if (p->delay_ms > 0)
            f->due_ms = w->now_ms + p->delay_ms;
        else if (batch_add(b, f->order, p->flip == 0, copy, len[p->index]))
            f->in_flight = true;
    }
    for (size_t i = 0; i < n; i++) {
        struct buffered *f = buffer_find(w->buffer, order[i]);

        if (!f->in_flight && f->due_ms <= w->now_ms) /* dropped */
            f->due_ms = back_off(w, 1, AGAIN_MS, AGAIN_MS);
    }
    return n > 0;
}

/* Nothing of the batch is under way any more. */
static void land(struct run *w, const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct buffered *f = buffer_find(w->buffer, b->item[i].order);

        if (f != NULL)
            f->in_flight = false;
    }
    w->quiet_ms = 0;
}

void send_due(struct run *w)
{
    unsigned slot;
    struct batch *b;

    while (w->now_ms >= w->gate_ms && w->now_ms >= w->quiet_ms && (b = posts_idle(w->posts, &slot)) != NULL && fill(w, b))
        if (b->n > 0 && !posts_start(w->posts, slot)) {
            land(w, b);
            w->gate_ms = back_off(w, 1, AGAIN_MS, AGAIN_MS);
        }
}

uint64_t send_next_ms(const struct run *w)
{
    unsigned busy = posts_busy(w->posts);
    uint64_t next = busy == w->r->server.posts ? UINT64_MAX : w->quiet_ms > w->gate_ms ? w->quiet_ms : w->gate_ms;

    for (size_t i = 0; i < DELAYED_MAX; i++)
        if (w->delayed[i].len > 0 && w->delayed[i].at_ms < next)
            next = w->delayed[i].at_ms;
    return next;
}

/* ---- down ---- */

static void deliver(struct run *w, const uint8_t *frame, size_t len)
{
    bool done = is_down(frame, len) && (!w->wire.console || wire_send(&w->wire, frame, len));

    w->t->down += done;
    run_tell(w, &(struct relay_event){ .id = done ? RELAY_DOWN : RELAY_DOWN_LOST, .bytes = frame, .len = len });
}

static void delay(struct run *w, const uint8_t *frame, size_t len, unsigned ms)
{
    for (size_t i = 0; i < DELAYED_MAX; i++) {
        struct delayed *d = &w->delayed[i];

        if (d->len > 0)
            continue;
        d->at_ms = w->now_ms + ms;
        d->len = len;
        memcpy(d->frame, frame, len);
        return;
    }
    deliver(w, frame, len); /* no room to hold it back */
}

void send_delayed(struct run *w)
{
    for (size_t i = 0; i < DELAYED_MAX; i++)
        if (w->delayed[i].len > 0 && w->delayed[i].at_ms <= w->now_ms) {
            deliver(w, w->delayed[i].frame, w->delayed[i].len);
            w->delayed[i].len = 0;
        }
}

/* So many at a time as the tricks shuffle. */
static void pass_down(struct run *w, struct reply *r)
{
    const uint8_t *frame[BATCH_FRAMES];
    size_t len[BATCH_FRAMES], n;
    struct passage pass[2 * BATCH_FRAMES];

    do {
        for (n = 0; n < BATCH_FRAMES && reply_down(r, &frame[n], &len[n]);)
            n++;
        size_t m = chaos_pass(&w->chaos, len, n, pass, 2 * BATCH_FRAMES);
        for (size_t i = 0; i < m; i++) {
            uint8_t copy[FRAME_MAX];
            size_t k = pass[i].index;

            memcpy(copy, frame[k], len[k]);
            chaos_flip(copy, pass[i].flip);
            if (pass[i].delay_ms > 0)
                delay(w, copy, len[k], pass[i].delay_ms);
            else
                deliver(w, copy, len[k]);
        }
    } while (n == BATCH_FRAMES);
}

/* ---- an answer ---- */

/* One receipt.  That of a damaged copy says nothing about the frame; that of a frame that is gone came twice. */
static void take_receipt(struct run *w, const struct batch_item *item, bool accepted, struct relay_event *ev)
{
    struct buffered *f = buffer_find(w->buffer, item->order);

    ev->accepted += accepted;
    ev->refused += !accepted;
    if (f == NULL)
        return;
    if (!item->whole || chaos_strikes(&w->chaos, TRICK_DROP)) { /* or the receipt is lost on its way */
        if (f->due_ms <= w->now_ms)
            f->due_ms = back_off(w, 1, AGAIN_MS, AGAIN_MS);
    } else if (accepted) {
        w->t->accepted++;
        buffer_drop(w->buffer, f);
    } else {
        w->t->refused++;
        buffer_refused(w->buffer, f);
        f->due_ms = back_off(w, f->tries, REFUSED_MS, REFUSED_MAX_MS);
    }
}

static void failed(struct run *w, const struct posted *p, const struct err *e)
{
    uint64_t asked = w->now_ms + UINT64_C(1000) * p->retry_after_s;

    w->t->failed++;
    w->last = *e;
    if (w->now_ms < w->gate_ms) /* one of several that failed together */
        return;
    w->gate_ms = back_off(w, ++w->fails, AGAIN_MS, AGAIN_MAX_MS);
    if (asked > w->gate_ms)
        w->gate_ms = asked;
}

void send_done(struct run *w, const struct posted *p)
{
    struct relay_event ev = { .id = RELAY_POSTED, .posted = p, .frames = (unsigned)p->batch->n };
    struct reply reply;
    struct err e = p->err;
    enum err_code rc = p->code;

    w->t->posts++;
    land(w, p->batch);
    if (rc == ERR_OK) {
        enum reply_result r = reply_parse(p->batch, p->bytes, p->len, &reply);

        if (r != REPLY_OK)
            rc = err_set(&e, &relay_fault[RELAY_REPLY], "POST", NULL, 0, "%s, %zu bytes for %zu frames",
                         reply_result_name(r), p->len, p->batch->n);
    }
    if (rc == ERR_OK) {
        w->fails = 0;
        w->gate_ms = 0;
        for (size_t i = 0; i < p->batch->n; i++)
            take_receipt(w, &p->batch->item[i], reply.accepted[i], &ev);
    } else {
        failed(w, p, &e);
        ev.err = &e;
    }
    run_tell(w, &ev);
    if (rc == ERR_OK)
        pass_down(w, &reply);
}
