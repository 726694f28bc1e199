/* server/workers.h - the parent: binds the sockets, forks the workers, starts them again, serves the metrics, drains.
 * The parent opens no token and no registry (hsm.h: fork first, open afterwards); each worker opens its own.
 * A worker that dies, or fails in a way that waiting mends (ERR_RETRY, ERR_UNAVAILABLE), is started again after 0.1 s,
 * doubled up to 30 s.  Any other failure (a wrong PIN is never tried twice), or one before all workers were ready once, ends
 * the server with that error.  A worker ends when its parent does. */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/tcp.h"
#include "server/metrics.h"
#include "server/rate.h"

enum { WORKERS_MAX = 64, WORKERS_DRAIN_S = 40 /* then they are killed */ };

struct worker {     /* as its own process sees it */
    unsigned index; /* 0.. */
    int listen_fd;
    struct metrics *metrics;
    struct rate *rate;
    int ready_fd; /* inside */
};
void worker_ready(const struct worker *w); /* it serves from now on */

struct workers_address {
    char host[TCP_HOST_MAX];
    unsigned port, metrics_port;
};

struct workers_parts {
    const char *listen;    /* HOST:PORT */
    unsigned metrics_port; /* on 127.0.0.1; 0: any */
    unsigned workers;      /* 1..WORKERS_MAX */
    unsigned rate;         /* tokens a second and address; 0: no limit */
    bool (*stop)(void);
    /* A worker's life, in its process; ERR_OK once stop() said so.  What it printed it has flushed. */
    enum err_code (*work)(void *io, const struct worker *w, struct err *e);
    void (*started)(void *io, const struct workers_address *a); /* once: all serve */
    /* A worker ended; it is started again in again_ms. */
    void (*ended)(void *io, unsigned index, const struct err *e, unsigned again_ms);
    void *io;
};

/* ERR_OK: told to stop, and all workers have drained. */
enum err_code workers_run(const struct workers_parts *parts, struct err *e);

#endif
