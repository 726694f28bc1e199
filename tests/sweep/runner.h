/* tests/sweep/runner.h - which cases are run, by how many processes, and what came of them. */
#ifndef TESTS_SWEEP_RUNNER_H
#define TESTS_SWEEP_RUNNER_H

#include "tests/sweep/world.h"

enum { KINDS_MAX = 96 };

struct kind_stats {                     /* in shared memory: added to by all workers */
    uint64_t cases, violations, micros; /* violations: cases in which an invariant did not hold */
    unsigned steps;                     /* bits 1 << step in which it fired */
};

struct sweep {
    const struct sweep_kind *kind[KINDS_MAX]; /* all of them, or those that were asked for */
    size_t n;
    struct kind_stats *stats; /* [n], shared */
    unsigned jobs, worker;
    unsigned stride; /* every stride-th point of a kind that says nothing; 1: all */
    bool all;        /* whatever a kind's whole_stride */
    uint64_t random; /* so many cases drawn at random; 0: all points in order */
    uint64_t seed;
    char root[64]; /* of all worlds, on a memory disk */
    bool keep;     /* leave the files of the last case */
};

/* One case: fault, repeats, invariants.  A violation is told on stdout with the command that repeats it. */
enum case_end runner_case(struct world *w, const struct sweep_case *c, char why[200]);

/* All workers; false if one of them broke. */
bool runner_run(struct sweep *s);

#endif
