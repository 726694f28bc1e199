/* relay/relay.h - the untrusted phone: takes frames from a board's console, keeps them on disk, POSTs them, deletes what has
 * a receipt, hands the board what the server has for it.  It holds no key and opens nothing.
 * Boundary: a folder, a server, a descriptor; prints nothing, tells what happens by a callback.
 * Memory: one object while it runs.  Threads: one.  Power: relay/buffer.h. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "relay/chaos.h"
#include "relay/post.h"

struct relay_tally {
    unsigned long taken;             /* frames that are kept */
    unsigned long posts, failed;     /* requests; of these without an answer that counts */
    unsigned long accepted, refused; /* receipts; answers "not opened", each time */
    unsigned long down;              /* frames handed to the device */
    unsigned long expired, torn;     /* frames dropped: after 30 days; because the disk damaged them */
    unsigned long lost, noise;       /* frames that could not be kept; records that are none */
    unsigned long buffered;          /* frames left on disk */
};

enum relay_event_id {
    RELAY_POSTED,      /* a request is done: .posted, .accepted, .refused */
    RELAY_DOWN,        /* a frame for the device: .bytes; delivered or, without a console, only told */
    RELAY_DOWN_LOST,   /* it found no room, or is none that a device hears: .bytes */
    RELAY_SAID,        /* a local record of the device: .bytes */
    RELAY_TROUBLE,     /* .err, of the buffer; told once, until it works again */
    RELAY_CONSOLE_GONE /* it is opened again when it is back */
};

struct relay_event {
    enum relay_event_id id;
    const struct posted *posted;
    unsigned frames, accepted, refused;
    const uint8_t *bytes;
    size_t len;
    const struct err *err;
};

struct relay {
    const char *buffer;
    struct server server;
    struct chaos chaos;
    bool console;     /* the input is one: COBS, both ways; else hex, one frame a line */
    bool once;        /* end when the server has answered each frame, or at the first request that failed */
    unsigned seconds; /* 0: without end, or until a file is relayed */
    /* The input, when the run begins; a console again each second while it is gone. */
    enum err_code (*open)(void *io, int *fd, struct err *e);
    void (*tell)(void *io, const struct relay_event *event);
    bool (*stop)(void); /* asked to end */
    void *io;
};

/* *t is filled in every case.
 * ERR_OK     nothing is left in the buffer, and nothing was lost
 * ERR_NO     the server opened some frames not; they stay
 * ERR_RETRY, ERR_PROTOCOL  frames are left that nobody answered
 * ERR_IO     frames could not be kept
 * others     of buffer_open, posts_open, or the first open() */
enum err_code relay_run(const struct relay *r, struct relay_tally *t, struct err *e) __attribute__((warn_unused_result));

#endif
