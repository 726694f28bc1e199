/* tests/sweep/life.h - what came of `rotate` and `rekey`: a question to a world whose device was DONE before. */
#ifndef TESTS_SWEEP_LIFE_H
#define TESTS_SWEEP_LIFE_H

#include "tests/sweep/look.h"

struct life { /* what must have come */
    bool rekey;
    uint16_t fleet;
    uint64_t serial;
    unsigned at_least, at_most; /* the fleet's ACTIVE epoch */
};

/* In a child: world_child.  io: a const struct life.
 * Registry and token hold the same keys, one for each epoch; the frame that goes to the device is the one recorded, the
 * device takes it once and never again, and what it sends before and after opens. */
bool life_holds(struct world *w, void *io, char why[200]);

/* tests/sweep/life.c: the case of a kind "rotate-...", "rekey-..."; its fault is armed by the kind. */
enum case_end life_case(struct world *w, const struct sweep_case *c, char why[200]);

#endif
