/* tests/hsm/kill.h - SIGKILL at moments that nobody chose: what the next process finds must always be usable. */
#ifndef TESTS_HSM_KILL_H
#define TESTS_HSM_KILL_H

#include "tests/hsm/workspace.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"

static uint32_t seed;

static inline int plan(void **state)
{
    const char *given = getenv("SEED");

    seed = given != NULL ? (uint32_t)strtoul(given, NULL, 0) : (uint32_t)time(NULL);
    print_message("# SEED=%u\n", seed);
    return make_workspace(state);
}

static inline uint32_t draw(uint32_t below)
{
    seed = seed * 1664525U + 1013904223U; /* Numerical Recipes' LCG: only to spread the kills */
    return (seed >> 8) % below;
}

static inline void sleep_us(uint32_t us)
{
    struct timespec t = { 0, (long)us * 1000 };

    (void)nanosleep(&t, NULL);
}

static inline void kill_within(pid_t child, uint32_t us)
{
    int status;

    sleep_us(draw(us));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
}

/* Files of SoftHSM2's token directories: whole keys, and those cut in their making. */
static inline int files_of(const char *which)
{
    char command[512];
    int n = 0;
    FILE *p;

    (void)snprintf(command, sizeof command, "ls '%s'/tokens/*/%s.object 2>/dev/null | wc -l", ws, which);
    p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

/* Till the child has begun a file more; or has failed: then its kill does. */
static inline void wait_till_begun(pid_t child, int files)
{
    int status;

    while (files_of("*") == files && waitpid(child, &status, WNOHANG) == 0)
        sleep_us(500);
}

static inline const char *nth(char label[HSM_LABEL], unsigned n)
{
    (void)snprintf(label, HSM_LABEL, "k-%u", n);
    return label;
}

#endif
