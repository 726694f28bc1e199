/* The wall clock jumps at each time it is asked, and stays there: set wrong, set back, a station that was off for a year.
 * CLOCK_MONOTONIC is the kernel's, and does not jump. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/sweep/world.h"

enum { HOUR = 3600, YEAR = 365 * 24 * HOUR };

static const struct {
    const char *name;
    time_t jump, at; /* at 0: jump from where it is */
} jumps[] = {
    { "an hour on", HOUR, 0 }, { "an hour back", -HOUR, 0 }, { "a year on", YEAR, 0 },     { "a year back", -YEAR, 0 },
    { "to 1970", 0, 1 },       { "to 2019", 0, 1577836799 }, { "to 2100", 0, 4102444800 }, { "to 2199", 0, 7226582400 },
};
enum { JUMPS = sizeof jumps / sizeof *jumps };

static struct {
    bool counts, jumped;
    time_t by;
} wall;

int clock_gettime(clockid_t id, struct timespec *t); /* in place of libc's, for libraries too */
int clock_gettime(clockid_t id, struct timespec *t)
{
    struct world *w = world_now;

    if (syscall(SYS_clock_gettime, id, t) != 0)
        return -1;
    if (id != CLOCK_REALTIME || w == NULL || w->c == NULL || !wall.counts)
        return 0;
    if (!wall.jumped && world_due(w, w->c)) {
        const unsigned which = w->c->variant / WORLD_BOARDS;

        wall.jumped = true;
        wall.by = jumps[which].at != 0 ? jumps[which].at - t->tv_sec : jumps[which].jump;
        world_fired(w);
    }
    t->tv_sec += wall.by;
    return 0;
}

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s", world_boards[variant % WORLD_BOARDS].name, jumps[variant / WORLD_BOARDS].name);
}

static void arm(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)w;
    (void)c;
    (void)t;
    wall.counts = wall.counts || opened;
}

const struct sweep_kind clock_kinds[] = {
    { .name = "clock",
      .variants = WORLD_BOARDS * JUMPS,
      .describe = describe,
      .arm = arm,
      .steps =
          1u << STEP_KEY | 1u << STEP_INTENT | 1u << STEP_BURN | 1u << STEP_PROOF | 1u << STEP_LOCK | 1u << STEP_RECORD },
    { 0 },
};
