/* tests/sweep/sweep.h - one fault at every point, then recovery, then the invariants.
 * A case is (kind, variant, point): a child process provisions one board, and at the point-th opportunity of its kind the
 * fault comes.  Then the world is put in order as an operator would (power cycle, the same command again, at most three
 * times), and world_check looks at chip, registry, token and everything that was ever told.  Points are counted from 1 and
 * taken until a run ends in which the fault found no opportunity.  A case counts only if its fault fired.
 * Processes: every way runs in a child of its own, so that a kill is a kill; what outlives it is in files (chip, registry,
 * tokens, on a memory disk) and in struct told, which is shared memory. */
#ifndef TESTS_SWEEP_SWEEP_H
#define TESTS_SWEEP_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "station/station.h"

enum {
    TOLD_RUNS = 8,
    /* Its boards are of scheme 1, whose chip makes no key, and its slots have no console: those steps do nothing there. */
    SWEEP_STEPS = ((1u << STATION_STEPS) - 1) & ~(1u << STEP_CHIP_KEY | 1u << STEP_CONSOLE)
};

/* What one run said to its user, and where its fault came.  Shared memory; a killed child leaves what it had written. */
struct told {
    bool fired; /* the fault came */
    int step;   /* enum station_step it came in; -1: before or after the way */
    bool ended; /* the run came to its end: the fields below are what user and script saw */
    enum verdict verdict;
    int exit; /* exit status of the command */
    char code[64];
    bool has_device;
    uint64_t serial;
    enum device_state state;
    bool pass_shown;
    int exit_json; /* the exit status as its JSON tells it; -1: told in text */
    int signal;    /* that ended the run; 0: none */
};

struct told_all {               /* of one case */
    struct told run[TOLD_RUNS]; /* 0: the run with the fault; then the repeats */
    unsigned runs;
};

enum case_end { CASE_HELD, CASE_VIOLATED, CASE_NOT_FIRED, CASE_BROKEN /* the harness failed */ };

struct world; /* a workspace, a registry, a board: tests/sweep/world.h */

struct sweep_case {
    const struct sweep_kind *kind;
    unsigned variant;
    uint64_t point;  /* from 1 */
    uint64_t second; /* pairs: the point of the second fault, inside the first repeat; 0: none */
    uint64_t seed;   /* for what is random in a case: repeatable */
};

struct sweep_kind {
    const char *name; /* "power-otp": stable, a key of build/sweep.json */
    bool pairs;       /* for each point all of c->second, in the first repeat: arm is called for that one too */
    bool fleets;      /* in the world whose products have fleet keys, on world_made's boards */
    unsigned variants;
    /* Text of a variant for the list of violations: "stm32l476 torn". */
    void (*describe)(unsigned variant, char *text, size_t max);
    /* In the parent, before the child is forked: choose chip, product, second board.  May be NULL. */
    void (*prepare)(struct world *w, const struct sweep_case *c);
    /* In the child, after everything is opened and right before station_provision (opened false: before anything is
     * opened): arm the fault of c->point.  `t` is where it must set fired and step. */
    void (*arm)(struct world *w, const struct sweep_case *c, struct told *t, bool opened);
    /* In the parent, after the child ended and before the repeats: what the world does to the files (drop unsynced writes,
     * restore a copy, exchange the board).  May be NULL. */
    void (*after)(struct world *w, const struct sweep_case *c, struct told *t);
    /* Further invariants of this kind; NULL: none but world_check's. false: *why (at most 200 bytes) says what is wrong. */
    bool (*check)(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200]);
    /* Instead of all of the above but arm: a case that is no provisioning.  It sets told.run[0].fired. */
    enum case_end (*whole)(struct world *w, const struct sweep_case *c, char why[200]);
    unsigned steps;  /* bits 1 << step in which it must have fired at least once in a whole sweep; else the run fails */
    unsigned stride; /* in `make check`'s sample every stride-th point is taken; 0: as the runner says */
    unsigned whole_stride; /* `make sweep` takes every so many-th point; 0: all.  `make soak` draws from all */
};

/* One list, in tests/sweep/main.c; one file per family of kinds. */
extern const struct sweep_kind power_kinds[], pkcs11_kinds[], memory_kinds[], clock_kinds[], signal_kinds[], people_kinds[],
    part_kinds[], liar_kinds[], syscall_kinds[], disk_kinds[], login_kinds[], made_kinds[], life_kinds[],
    obey_kinds[]; /* each ends with a kind without a name */

#endif
