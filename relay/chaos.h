/* relay/chaos.h - tricks of a bad network or a hostile phone, drawn from a seed: the same seed, the same tricks.
 * A trick befalls a transmission, never the buffered frame: what is dropped here is sent again later.
 * Boundary: pure.  Not for cryptography.  Memory: caller's.  Threads: one per object. */
#ifndef RELAY_CHAOS_H
#define RELAY_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trick { TRICK_DROP, TRICK_DUPLICATE, TRICK_DELAY, TRICK_REORDER, TRICK_FLIP, TRICKS };

enum { CHAOS_DELAY_MS = 1000 /* the longest delay */ };

struct chaos {
    double p[TRICKS]; /* 0..1 */
    uint64_t state;   /* the seed, at first */
};

/* One transmission of the frame that was the index-th of those offered. */
struct passage {
    size_t index;
    unsigned delay_ms; /* 0: now */
    size_t flip;       /* bit + 1 that is flipped in this copy, from 1; 0: none */
};

/* What becomes of n frames that were to be sent in order, frame i being len[i] > 0 bytes long: at most max passages, in the
 * order of sending.  Returns how many; an index that isn't among them was dropped, or found no room. */
size_t chaos_pass(struct chaos *c, const size_t *len, size_t n, struct passage *out, size_t max);

/* True with the trick's probability. */
bool chaos_strikes(struct chaos *c, enum trick t);

/* A number below n, n > 0. */
uint64_t chaos_below(struct chaos *c, uint64_t n);

/* Flip one bit, flip being that of a passage. */
void chaos_flip(uint8_t *bytes, size_t flip);

#endif
