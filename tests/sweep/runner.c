#include "tests/sweep/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- one case ---- */

static bool settled(const struct told *t)
{
    return t->ended && (t->pass_shown || (t->has_device && t->state == DEV_QUARANTINED));
}

/* What is settled stays as it is, to the byte, however often it is repeated. */
static bool repeat(struct world *w, const struct sweep_case *c, unsigned nth, uint64_t *sum, char why[200])
{
    struct told_all *all = &w->shared->told;
    const bool was_settled = nth > 0 && settled(&all->run[all->runs - 1]) && !w->unsteady;

    if (!world_run(w, c->kind->pairs && nth == 0 ? c : NULL)) {
        (void)snprintf(why, 200, "the harness can't fork");
        return false;
    }
    const uint64_t now = world_bytes(w);
    if (was_settled && now != *sum) {
        (void)snprintf(why, 200, "a repeat of what was settled changed registry or chip");
        return false;
    }
    *sum = now;
    return true;
}

enum case_end runner_case(struct world *w, const struct sweep_case *c, char why[200])
{
    const bool pairs = c->kind->pairs;
    uint64_t sum = 0;

    if (c->kind->whole != NULL)
        return c->kind->whole(w, c, why);
    if (!world_case(w, c) || !world_run(w, c)) {
        (void)snprintf(why, 200, "the harness can't make a case");
        return CASE_BROKEN;
    }
    if (c->kind->after != NULL)
        c->kind->after(w, c, &w->shared->told.run[0]);
    if (!w->shared->told.run[0].fired)
        return CASE_NOT_FIRED;
    if ((c->point + c->variant) % 4 != 0 && w->repeats_left == WORLD_REPEATS)
        w->repeats_left--; /* the third in a row, of every fourth case: time */
    for (unsigned i = 0, n = w->repeats_left + pairs; i < n; i++) {
        if (!repeat(w, c, i, &sum, why))
            return CASE_VIOLATED;
        if (i == 0 && pairs && c->second > 0 && !w->shared->told.run[1].fired)
            return CASE_NOT_FIRED;
    }
    if (!world_check(w, c, why) || (c->kind->check != NULL && !c->kind->check(w, c, &w->shared->told, why)))
        return CASE_VIOLATED;
    return CASE_HELD;
}

/* ---- counting ---- */

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void tell(const struct sweep_case *c, const char *why)
{
    char text[80] = "";

    if (c->kind->describe != NULL)
        c->kind->describe(c->variant, text, sizeof text);
    printf(
        "# VIOLATION %s (%s): %s\n#   repeat: build/tests/sweep/sweep --kind %s --variant %u --point %llu --second %llu --seed %llu\n",
        c->kind->name, text, why, c->kind->name, c->variant, (unsigned long long)c->point, (unsigned long long)c->second,
        (unsigned long long)c->seed);
    (void)fflush(stdout);
}

static enum case_end counted(struct sweep *s, size_t k, struct world *w, const struct sweep_case *c)
{
    const uint64_t start = now_us();
    char why[200] = "";
    const enum case_end end = runner_case(w, c, why);
    struct kind_stats *stats = &s->stats[k];

    (void)__atomic_add_fetch(&stats->micros, now_us() - start, __ATOMIC_RELAXED);
    if (end == CASE_NOT_FIRED)
        return end;
    (void)__atomic_add_fetch(&stats->cases, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++)
        if (w->shared->told.run[i].fired && w->shared->told.run[i].step >= 0)
            (void)__atomic_or_fetch(&stats->steps, 1u << w->shared->told.run[i].step, __ATOMIC_RELAXED);
    if (end != CASE_HELD) {
        (void)__atomic_add_fetch(&stats->violations, 1, __ATOMIC_RELAXED);
        tell(c, why);
    }
    return end;
}

/* ---- all points ---- */

/* Its first fault is always at c.point; false: that one found no opportunity. */
static bool all_seconds(struct sweep *s, size_t k, struct world *w, struct sweep_case c, unsigned stride)
{
    for (c.second = 1 + (c.point - 1) % stride;; c.second += stride) {
        const enum case_end end = counted(s, k, w, &c);

        if (end == CASE_NOT_FIRED)
            return w->shared->told.run[0].fired;
        if (end == CASE_BROKEN)
            return false;
        if (!w->shared->told.run[1].fired) /* violated before it: so it is at every second point */
            return true;
    }
}

/* Points go to workers in turn; each ends at its first one without an opportunity. */
static void all_points(struct sweep *s, size_t k, struct world *w, unsigned variant)
{
    const struct sweep_kind *kind = s->kind[k];
    const unsigned whole = kind->whole_stride != 0 && !s->all ? kind->whole_stride : 1;
    const unsigned stride = s->stride == 1 ? whole : kind->stride != 0 ? kind->stride : s->stride;
    struct sweep_case c = { .kind = kind, .variant = variant, .seed = s->seed };
    bool more = true;

    c.point = 1 + (variant * 7 + s->seed) % stride + (uint64_t)s->worker * stride; /* not the same points of each variant */
    for (; more; c.point += (uint64_t)s->jobs * stride)
        if (kind->pairs) {
            more = all_seconds(s, k, w, c, stride);
        } else {
            const enum case_end end = counted(s, k, w, &c);

            more = end != CASE_NOT_FIRED && end != CASE_BROKEN;
        }
}

/* ---- at random ---- */

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u; /* SplitMix64 */

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* How many points a kind has is learned on the way: doubled as long as the last one fires, cut where none does. */
static void at_random(struct sweep *s, struct world worlds[2])
{
    static uint32_t points[KINDS_MAX][128];
    uint64_t state = s->seed * 1000003 + s->worker, done = 0;

    while (done < s->random / s->jobs) {
        const size_t k = draw(&state) % s->n;
        struct sweep_case c = { .kind = s->kind[k], .seed = draw(&state) >> 16 };
        struct world *w = &worlds[c.kind->fleets];
        uint32_t *max;

        c.variant = (unsigned)(draw(&state) % c.kind->variants);
        max = &points[k][c.variant % 128];
        *max = *max == 0 ? 16 : *max;
        c.point = 1 + draw(&state) % *max;
        c.second = c.kind->pairs ? 1 + draw(&state) % *max : 0;
        if (counted(s, k, w, &c) != CASE_NOT_FIRED) {
            done++;
            if (c.point > *max / 2 && *max < 1u << 20)
                *max *= 2;
        } else if (!w->shared->told.run[0].fired && c.point <= *max) {
            *max = c.point > 1 ? (uint32_t)c.point - 1 : 1;
        }
    }
}

/* ---- workers ---- */

/* A worker has at most two worlds: one with fleets and one without. */
static bool open_worlds(struct sweep *s, struct world w[2])
{
    char why[200] = "";
    bool wanted[2] = { false, false };

    for (size_t k = 0; k < s->n; k++)
        wanted[s->kind[k]->fleets] = true;
    for (unsigned i = 0; i < 2; i++)
        if (wanted[i] && !world_open(&w[i], s->root, s->worker + i * s->jobs, i == 1, why)) {
            printf("# the world can't be made: %s\n", why);
            (void)fflush(stdout);
            return false;
        }
    return true;
}

static int work(struct sweep *s)
{
    static struct world w[2];

    if (!open_worlds(s, w))
        return 1;
    if (s->random > 0)
        at_random(s, w);
    for (size_t k = 0; k < s->n && s->random == 0; k++)
        for (unsigned v = 0; v < s->kind[k]->variants; v++)
            all_points(s, k, &w[s->kind[k]->fleets], v);
    for (unsigned i = 0; i < 2 && !s->keep; i++)
        if (w[i].shared != NULL)
            world_close(&w[i]);
    return 0;
}

static void show_progress(const struct sweep *s, uint64_t started)
{
    uint64_t cases = 0, violations = 0;

    for (size_t k = 0; k < s->n; k++) {
        cases += s->stats[k].cases;
        violations += s->stats[k].violations;
    }
    fprintf(stderr, "\r\033[K%llu cases, %llu violations, %llu s", (unsigned long long)cases, (unsigned long long)violations,
            (unsigned long long)((now_us() - started) / 1000000));
}

bool runner_run(struct sweep *s)
{
    const bool drawn = isatty(STDERR_FILENO) == 1;
    const uint64_t started = now_us();
    bool good = true;
    unsigned left = 0;

    (void)fflush(stdout);
    for (s->worker = 0; s->worker < s->jobs; s->worker++) {
        pid_t child = fork();

        if (child == 0)
            _exit(work(s));
        good = good && child > 0;
        left += child > 0;
    }
    while (left > 0) {
        int status = 0;
        const pid_t child = waitpid(-1, &status, drawn ? WNOHANG : 0);

        if (child > 0) {
            left--;
            good = good && status == 0;
        } else if (drawn) {
            show_progress(s, started);
            (void)usleep(200000);
        }
    }
    if (drawn)
        fputs("\r\033[K", stderr);
    return good;
}
