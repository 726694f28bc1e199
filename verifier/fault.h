/* verifier/fault.h - every way in which opening can fail as a call; what is wrong with one frame is a reason, not a fault
 * (verifier/verifier.h).  Extend-only: names are for ever. */
#ifndef VERIFIER_FAULT_H
#define VERIFIER_FAULT_H

#include "base/err.h"

enum verifier_fault_id {
    VERIFIER_MEMORY,
    VERIFIER_CRYPTO,
    VERIFIER_KEY_ROWS, /* a device without the keys of its scheme */
    VERIFIER_OTHER_KEK,
    VERIFIER_PROOF_REFUSED,
    VERIFIER_FLEET_KEY, /* the registry names a key that the token has not, or can't be used as it must */
    VERIFIER_MESSAGE,   /* one that waits does not unwrap */
    VERIFIER_FAULTS
};

/* Indexed by enum verifier_fault_id; texts in fault.c. */
extern const struct fault verifier_fault[VERIFIER_FAULTS];

#endif
