/* tests/sweep/real.h - the sweep of the real binary: `fuseline provision --burn`, real OpenOCD, a simulated board.
 * One lane per chip, each a process with a line of its own on a memory disk, and its boards.  A lane is the subreaper of all
 * it starts, so that an OpenOCD that outlives its fuseline is seen.  Faults come from strace (system calls of fuseline
 * itself, not of OpenOCD), from the board's control socket, and by signals to OpenOCD.
 * A fault of the harness ends the lane: broken() of tests/e2e/vchip_process.h. */
#ifndef TESTS_SWEEP_REAL_H
#define TESTS_SWEEP_REAL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/e2e/vchip_process.h"

enum { PRODUCTS = 2, CALLS_MAX = 16384 };

struct call { /* of a run without a fault */
    char name[24];
    unsigned nth; /* among those of its name, from 1 */
    bool creates; /* openat with O_CREAT */
};

struct product_facts { /* counted in a run without a fault */
    bool counted;
    unsigned otp_pulses, flash_pulses;
    uint64_t tck;
    unsigned calls;
    struct call call[CALLS_MAX];
};

struct lane {
    const struct chip_desc *desc;
    struct vchip board;
    char dir[64];                        /* fuseline.conf and all below it */
    struct product_facts fact[PRODUCTS]; /* "plain", lock 0; "psk", lock 1 */
    uint64_t done;                       /* cases so far */
};
extern const char *const real_product[PRODUCTS];

enum real_how { NO_FAULT, BY_CONTROL, BY_STRACE, BY_SIGNAL, BY_FAKE };

struct real_fault {
    enum real_how how;
    char text[160]; /* control command; strace's inject expression; name of the fake */
    char call[24];  /* BY_STRACE */
    int signal;     /* BY_SIGNAL: to OpenOCD, after so many clocks */
    uint64_t tck;
    bool may_tear;  /* power can go inside a pulse: QUARANTINED is right if a cell is torn */
    bool must_pass; /* the run with the fault must end in PASS itself */
};

struct real_run {      /* what user and line controller saw of it */
    bool fired, ended; /* ended: a verdict was told */
    int exit, exit_json, signal;
    char verdict[12], code[64], state[16], serial[17];
};

/* tests/sweep/real_lane.c */
void lane_open(struct lane *l, const char *root, const char *chip);
void lane_close(struct lane *l);
void lane_new_board(struct lane *l);
void lane_repair(struct lane *l); /* power, contact, link: as before the fault */
void lane_count(struct lane *l, unsigned product);
void lane_provision(struct lane *l, unsigned product, const struct real_fault *f, struct real_run *r);
/* Run fuseline with these words; stdout goes to l->dir/out.  Exit status. */
int lane_fuseline(struct lane *l, const char *const word[]);
bool lane_orphans(struct lane *l); /* something that was started still runs, after a minute of patience */

/* tests/sweep/real_check.c: the invariants, of the board in the slot and of all devices of the lane. */
bool real_check(struct lane *l, unsigned product, const struct real_fault *f, const struct real_run *run, unsigned runs,
                char why[200]);

#endif
