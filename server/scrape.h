/* server/scrape.h - GET /metrics and /healthz in plain HTTP, on 127.0.0.1 alone: for the Prometheus of this machine.
 * Served by the parent, which holds no key and no registry. */
#ifndef SERVER_SCRAPE_H
#define SERVER_SCRAPE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

struct scrape;

struct scrape_source {
    void (*print)(void *io, FILE *out); /* the whole text */
    bool (*healthy)(void *io);
    void *io;
};

/* port 0: any.  *port is the one it got. */
enum err_code scrape_open(struct scrape **out, unsigned *port, const struct scrape_source *source, struct err *e);
void scrape_close(struct scrape *s); /* NULL is fine */

int scrape_fd(const struct scrape *s);         /* for poll(POLLIN) */
int scrape_timeout_ms(const struct scrape *s); /* -1: none */
void scrape_run(struct scrape *s);             /* what there is to do now; does not block */

#endif
