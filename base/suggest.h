/* base/suggest.h - the known word nearest to a mistyped one, for "did you mean".
 * Use: suggest_init, suggest_offer once per known word, suggest_best.  Memory: words are kept by pointer.  Threads: any. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_WORD_MAX = 48 /* bytes; longer words are never near to anything */ };

struct suggest {
    const char *word, *best;
    size_t distance; /* of best; the next word must be nearer */
};

/* Words count as near at a distance of at most a third of the mistyped word's length, and of 1 in any case. */
void suggest_init(struct suggest *s, const char *word);
void suggest_offer(struct suggest *s, const char *known);

/* The nearest word offered, the first of equals; NULL when none is near. */
const char *suggest_best(const struct suggest *s);

/* Edits from a to b: one byte inserted, removed, replaced, or two neighbours swapped, each 1 (optimal string alignment).
 * SIZE_MAX when either is longer than SUGGEST_WORD_MAX. */
size_t suggest_distance(const char *a, const char *b);

#endif
