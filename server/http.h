/* server/http.h - the HTTPS side of one worker: requests in, answers out, in one thread, until it is told to stop.
 * Boundary: libmicrohttpd and GnuTLS below, server/engine.h beside.  Nobody waits for a slow client: sockets do not block, a
 * whole request has 3 x timeout_s, and an answer that waits for its time is a suspended connection.
 * Timing: an answer with any refusal, or after a failure, goes out at the next whole 250 ms after the last byte of its
 * request, so that time does not tell how far a frame came.
 * A key in the token signs in the same thread as the engine's own calls; one that no longer signs is as an engine that is
 * lost.
 * Signals: SIGINT, SIGTERM and SIGHUP are blocked but while it waits; stop() is then asked. */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdbool.h>

#include "server/engine.h"
#include "server/metrics.h"
#include "server/rate.h"
#include "server/tls.h"
#include "server/tls_token.h"

enum { HTTP_REFUSAL_MS = 250 };

struct http_parts {
    int listen_fd; /* closed at the end */
    const struct tls_pair *tls;
    struct tls_token *token;   /* NULL: the key is in tls */
    unsigned connections;      /* at once */
    unsigned peer_connections; /* of one address; 0: no limit */
    unsigned timeout_s;        /* without a byte */
    struct engine *engine;
    struct metrics *metrics;
    struct rate *rate;
    bool (*stop)(void);
    void (*ready)(void *io); /* connections are taken from now on */
    void *io;
};

/* Serve.  ERR_OK: told to stop, every request that had begun is answered.  Else: the engine is lost, *e tells why; the
 * requests of that moment were answered 503. */
enum err_code http_run(const struct http_parts *parts, struct err *e);

#endif
