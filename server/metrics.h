/* server/metrics.h - what the server counts, in memory that parent and workers share, and its Prometheus text.
 * Each worker writes its own block and nobody else's; the parent reads all.  A worker that is started anew goes on in the
 * block of the one that died, so counters never go back.  No serial, address or key is ever counted by.
 * Source: Prometheus text exposition format 0.0.4. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { METRICS_REASONS = 48, METRICS_REASON_LEN = 28, METRICS_STATUSES = 12, METRICS_BUCKETS = 9 };

typedef _Atomic uint64_t counter;

struct metrics {
    counter opened, duplicate, down;
    struct {
        char name[METRICS_REASON_LEN]; /* written before `reasons` counts it */
        counter n;
    } reason[METRICS_REASONS];
    _Atomic unsigned reasons;
    counter status[METRICS_STATUSES]; /* by row of metrics_statuses; the last is all others */
    counter bucket[METRICS_BUCKETS];  /* by row of metrics_seconds, not cumulated; the last is +Inf */
    counter duration_ns;
    counter down_failed;                       /* answers that lack frames which should go down */
    counter show_failed;                       /* answers held back because nobody took the data */
    counter connections, in_progress, waiting; /* gauges: now */
};

void metrics_add(counter *c, uint64_t n);
void metrics_set(counter *c, uint64_t n);
void metrics_reason(struct metrics *m, const char *reason); /* a frame was refused for it; a name of our own tables */
void metrics_request(struct metrics *m, unsigned status, uint64_t duration_ns);

/* All blocks as one text.  workers: how many run; restarts: how often one was started again. */
void metrics_print(FILE *out, const struct metrics *const *block, size_t n, unsigned workers, uint64_t restarts);

#endif
