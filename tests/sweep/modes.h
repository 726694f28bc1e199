/* tests/sweep/modes.h - the two large counts of the sweep that need no child for each case. */
#ifndef TESTS_SWEEP_MODES_H
#define TESTS_SWEEP_MODES_H

#include "tests/sweep/runner.h"

struct unit_counts { /* shared by the workers */
    uint64_t units, fired, passed, quarantined, false_pass, false_fail;
};

/* `units` boards, each with one random fault or a lying programmer, then at most three repeats; s->jobs processes. */
bool units_run(struct sweep *s, uint64_t units, struct unit_counts *counts);

struct serial_counts {
    uint64_t attempts, given, shared, stops, duplicates, lost;
};

/* Two stations on one registry, `attempts` calls of registry_reserve, each a committed transaction; now and then one of them
 * is halted for some milliseconds, wherever it is. */
bool serials_run(const char *root, uint64_t attempts, uint64_t seed, struct serial_counts *counts);

#endif
