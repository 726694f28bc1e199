/* server/http_impl.h - inside server/: what http.c (the loop) and request.c (one request) share. */
#ifndef SERVER_HTTP_IMPL_H
#define SERVER_HTTP_IMPL_H

#include <microhttpd.h>

#include "server/http.h"
#include "server/route.h"

struct peer { /* one connection */
    struct peer *next, *previous;
    int fd;
    uint64_t since_ns; /* of its present request, or of its last one's end */
    bool waits;        /* for us, not for its client */
};

struct request {
    struct request *next; /* of those that wait */
    struct MHD_Connection *connection;
    struct route_match match;
    unsigned status; /* 0: not known yet */
    uint64_t began_ns, due_ns;
    bool sent;
    uint8_t *body;
    size_t body_len, body_max;
    uint8_t *answer; /* of status 200 */
    size_t answer_len;
};

struct http {
    const struct http_parts *p;
    struct MHD_Daemon *daemon;
    struct peer *peers;
    struct request *waiting; /* suspended until due */
    unsigned requests;       /* begun, not ended */
    bool draining;
    bool cannot_record; /* the last try to record failed: told by /healthz */
    bool lost;
    struct err why; /* when lost */
    struct answer answer;
};

/* libmicrohttpd's callbacks. */
enum MHD_Result request_step(void *http, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                             const char *data, size_t *len, void **request);
void request_ended(void *http, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode why);

/* Resume those whose time has come (all: every one).  Milliseconds until the next, or -1: none waits. */
int requests_wake(struct http *h, bool all);

#endif
