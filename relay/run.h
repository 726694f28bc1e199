/* relay/run.h - one run of the relay, for the files that share it: relay.c takes frames in, send.c gets them out. */
#ifndef RELAY_RUN_H
#define RELAY_RUN_H

#include "relay/buffer.h"
#include "relay/wire.h"
#include "relay/relay.h"

enum {
    DELAYED_MAX = 64,
    AGAIN_MS = 500,          /* a transmission that was lost on purpose is repeated; a request that failed, at first */
    AGAIN_MAX_MS = 60000,    /* at most so long between two requests that fail */
    REFUSED_MS = 1000,       /* a frame that was not opened is sent again, at first */
    REFUSED_MAX_MS = 3600000 /* at most so long */
};

struct delayed { /* a frame for the device that a trick holds back */
    uint64_t at_ms;
    size_t len; /* 0: free */
    uint8_t frame[FRAME_MAX];
};

struct run {
    const struct relay *r;
    struct relay_tally *t;
    struct buffer *buffer;
    struct posts *posts;
    struct chaos chaos, jitter;
    uint64_t now_ms;
    uint64_t gate_ms;  /* no request before */
    uint64_t quiet_ms; /* no buffered frame is due before */
    unsigned fails;    /* requests in a row that failed */
    struct err last;   /* of the last of them */
    struct delayed delayed[DELAYED_MAX];
    uint8_t loaded[BATCH_FRAMES][FRAME_MAX];
    /* of relay.c */
    struct wire wire;
    uint64_t end_ms, heard_ms, reopen_ms, held_ms, expire_ms;
    bool held; /* a file's frame that could not be kept: */
    uint8_t frame[FRAME_MAX];
    size_t len;
    const struct fault *told; /* trouble that lasts */
};

/* Start requests as far as frames are due and slots idle. */
void send_due(struct run *w);

/* Take in the answer of one. */
void send_done(struct run *w, const struct posted *p);

/* Delayed frames whose time has come. */
void send_delayed(struct run *w);

/* When send_due or send_delayed has work next; UINT64_MAX: not by time alone. */
uint64_t send_next_ms(const struct run *w);

void run_tell(const struct run *w, const struct relay_event *event);
void run_trouble(struct run *w, const struct err *e); /* once for each kind */

#endif
