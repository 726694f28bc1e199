/* tests/sweep/world.h - a line that is thrown away: workspace, tokens, registry, board, firmware, on a memory disk.
 * A way is the real command, `fuseline provision --burn`, run by cli/main.c in a forked child; only its slot holds an
 * in-process chip on a state file, so that the board outlives the child.  What the child said is parsed from its stdout, as
 * a line controller would.  CLOCK_MONOTONIC's waits are virtual: nothing in a child sleeps.
 * One struct world per worker process; kinds get it in arm, in the child, and in prepare, after and check, in the worker.
 * Never open a token in the worker: the child that inherited it could not. */
#ifndef TESTS_SWEEP_WORLD_H
#define TESTS_SWEEP_WORLD_H

#include "tests/sweep/sweep.h"

#include "flash/inproc.h"
#include "protocol/device.h"

struct chip_call;

enum { WORLD_BOARDS = 4, WORLD_REPEATS = 3, WORLD_PATH = 128, WORLD_ACKS = 4 };

struct world_board {  /* what is made of what */
    const char *name; /* "stm32l476 psk": for lists of violations */
    const char *chip;
    const char *product; /* in the registry of every case */
    const struct device_scheme *device;
    bool psk;
    uint8_t lock; /* RDP level after the proof */
};
extern const struct world_board world_boards[WORLD_BOARDS], world_made[WORLD_BOARDS]; /* _made: the chip makes its key */

struct world_shared { /* between worker and child, so that a kill leaves it; new for each case up to has_profile */
    struct told_all told;
    int step;      /* where the way is now: enum station_step, -1 before and after */
    uint64_t seen; /* opportunities of the kind so far: world_due */
    uint64_t boot; /* boot number of the board: its flash outlives power cuts */
    struct {       /* what the registry told the station that it has: by serial, bits 1 << enum device_state */
        uint64_t serial;
        unsigned states;
    } ack[WORLD_ACKS];
    bool may_crash; /* the fault came in a library that is known to crash: as good as a kill */
    bool has_secret;
    uint8_t secret[32];   /* the PSK, for the search for it */
    uint8_t scratch[512]; /* the kind's own, zero at the start of a case; kept from run to run */
    bool has_profile;     /* kept from case to case: pkcs11.c */
    uint8_t profile[128];
};

struct world {
    unsigned worker;
    char dir[WORLD_PATH];   /* fuseline.conf, softhsm2.conf, tokens/, keep/, pins/, fw/, and the paths below */
    char db[WORLD_PATH];    /* registry.db, a fresh copy for every case; a rollback journal beside it */
    char mark[WORLD_PATH];  /* registry.mark: db/mark.h */
    char chip[WORLD_PATH];  /* state file of the board in the slot: blank at the start of a case */
    char other[WORLD_PATH]; /* a second board, blank, when the kind asks for one: world_second_board */
    char out[WORLD_PATH], err[WORLD_PATH]; /* stdout and stderr of the last run */
    bool fleets;                           /* its products have fleet keys: the boards are world_made */
    unsigned aged;                         /* life.c: bits of the boards whose DONE devices it keeps */
    uint64_t serial[3];                    /* of these */
    const struct world_board *board;
    struct world_shared *shared;

    /* ---- for kinds ---- */
    const char *excuse; /* prepare, arm's kind or after: why this board may end QUARANTINED or REFUSED; NULL: it may not */
    bool foreign;       /* prepare: cells and locks that are not ours may be on the chip from the start */
    bool unsteady;      /* prepare: the part reads now so, now so: a repeat may end otherwise */
    bool clones;        /* prepare or after: two boards with one UID */
    const char *module; /* prepare: another PKCS#11 module than SoftHSM2's, through which the tokens are reached */
    bool may_die;       /* prepare: a run may end by SIGABRT, for a library gives up.  SIGKILL always may */
    unsigned repeats_left;       /* after: fewer repeats than WORLD_REPEATS are wanted */
    char configured[WORLD_PATH]; /* the module that fuseline.conf names now */
    unsigned run;                /* the run that is now: 0 the one with the fault */
    struct told *now;            /* its report; in the child fired and step are to be set: world_fired */

    void (*stopped)(struct world *w); /* prepare: in the worker, while the child is halted by a SIGSTOP of its own */

    /* ---- in the child ---- */
    void (*at_seam)(struct world *w); /* arm: called before and after each call of chip and registry */
    enum err_code (*chip_hook)(struct world *w, const struct chip_call *call, struct chip *chip,
                               enum err_code (*really)(struct chip *chip, void *io, struct err *e), void *io,
                               struct err *e); /* arm: stands in the chip's place: tests/sweep/proxy.h */
    const struct sweep_case *c;                /* the case, for hooks; NULL: no fault in this run */
    struct station *station; /* arm with opened true: what station_provision gets; chip, now_ms, prove may be replaced */
    struct chip *inproc;     /* the chip under the slot's guard: inproc_silicon(w->inproc) */
    bool trace;              /* one case alone: say on descriptor 1023 where the fault came */
    bool real_waits;         /* clock_sleep_ms sleeps: for kinds with a second station */
    bool outside;            /* the board's own work and the harness's: no fault of the station's counts here */
};

/* The world of this process: for hooks that get no argument (an interposed malloc). NULL before world_open. */
extern struct world *world_now;

/* An opportunity of the kind: counts it; true when it is the one that c->point asks for.  Async-signal-safe. */
bool world_due(struct world *w, const struct sweep_case *c);
/* The fault comes now: sets fired and step of the run.  Async-signal-safe; before a kill. */
void world_fired(struct world *w);

/* Add one product for that board, and write its firmware. */
bool world_product(struct world *w, const struct world_board *b, char why[200]);

/* A worker's world: makes the workspace, tokens, products.  worker: its number, another one for each.  false: *why. */
bool world_open(struct world *w, const char *root, unsigned worker, bool fleets, char why[200]);
void world_close(struct world *w); /* removes its files */

/* Everything as new for the next case: registry, board (UID from c->seed and c->point), what was told; board by variant. */
bool world_case(struct world *w, const struct sweep_case *c);
void world_use(struct world *w, const struct world_board *b); /* prepare: another board than world_boards[variant % 4] */
void world_second_board(struct world *w, bool same_uid);      /* prepare or after: a blank part at w->other */
void world_exchange(struct world *w);                         /* the two boards change places */

/* One run of the command; the fault is armed if c is not NULL.  false: the child could not be made. */
bool world_run(struct world *w, const struct sweep_case *c);

/* One run of another command of fuseline's; its report has signal and exit alone. */
bool world_command(struct world *w, const struct sweep_case *c, char *argv[]);

/* A blank part into the slot, of w->board's chip, its UID ending in the case's number and beginning with `which`. */
bool world_blank(struct world *w, uint8_t which);

/* Run `work` in a child that has nothing open; true if it returned true.  why (200 bytes) comes back from it. */
bool world_child(struct world *w, bool (*work)(struct world *w, void *io, char why[200]), void *io, char why[200]);

/* The invariants, after the last run; false: *why says which one does not hold, and for what. */
bool world_check(struct world *w, const struct sweep_case *c, char why[200]);

/* A number that says "the same bytes": registry.db and chip, without what only reading or a boot changes. */
uint64_t world_bytes(struct world *w);

/* tests/sweep/board.c: the firmware in the chip, and what it would send over its USART; images by peeking. */
void board_boots(void *io, struct chip *c);
struct board_frames { /* a first frame and the one behind it */
    uint8_t open[1024], data[1024];
    size_t open_len, data_len;
};
bool board_sends(struct chip *c, const char *first, const char *second, struct board_frames *f);
bool board_write_firmware(const char *path); /* the ELF file that the line writes */

#endif
