/* tests/sweep - see sweep.h.  usage: sweep [--sample] [--tap] [--jobs N] [--kind NAME [--all]] [--cases N] [--seed S]
 *        sweep --kind NAME --variant V --point P [--second Q] [--seed S]      one case, with all it says */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/sweep/files.h"
#include "tests/sweep/modes.h"
#include "tests/sweep/runner.h"

enum { SAMPLE_STRIDE = 40, WHOLE_MIN = 20000, SYSCALLS_MIN = 10000 };

static const struct sweep_kind *const families[] = {
    power_kinds, pkcs11_kinds,  memory_kinds, clock_kinds, signal_kinds, people_kinds, part_kinds,
    liar_kinds,  syscall_kinds, disk_kinds,   login_kinds, made_kinds,   life_kinds,   obey_kinds,
};

/* A family that is not built has no kinds. */
#define EMPTY(name) extern const struct sweep_kind name[] __attribute__((weak))
EMPTY(pkcs11_kinds);
EMPTY(memory_kinds);
EMPTY(clock_kinds);
EMPTY(signal_kinds);
EMPTY(people_kinds);
EMPTY(part_kinds);
EMPTY(liar_kinds);
EMPTY(syscall_kinds);
EMPTY(disk_kinds);
EMPTY(login_kinds);

struct options {
    const char *kind;
    const char *json;
    bool sample, tap, one;
    uint64_t units, serials; /* how many; 0: none */
    struct sweep_case c;
};

static bool is_wanted(const struct options *o, const struct sweep_kind *k)
{
    if (o->kind == NULL)
        return true;
    const size_t len = strlen(o->kind); /* "power" stands for all of power-... */
    return strncmp(o->kind, k->name, len) == 0 && (k->name[len] == '\0' || k->name[len] == '-');
}

static void gather(struct sweep *s, const struct options *o)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct sweep_kind *k = families[f]; k != NULL && k->name != NULL && s->n < KINDS_MAX; k++)
            if (is_wanted(o, k))
                s->kind[s->n++] = k;
}

/* ---- one case, with all it says ---- */

static void show_file(const char *path, const char *title)
{
    char line[512];
    FILE *f = fopen(path, "re");

    printf("  %s:\n", title);
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        printf("    %s", line);
    if (f != NULL)
        (void)fclose(f);
}

static void show_runs(const struct world *w)
{
    const struct told_all *all = &w->shared->told;

    for (unsigned i = 0; i < all->runs; i++) {
        const struct told *t = &all->run[i];

        printf("run %u: %s%s, signal %d, exit %d, %s %s %s serial %016llx\n", i,
               t->fired ? "fault came in step " : "no fault",
               !t->fired     ? ""
               : t->step < 0 ? "(none)"
                             : station_step_name((enum station_step)t->step),
               t->signal, t->exit, t->ended ? verdict_name(t->verdict) : "no verdict", t->code,
               t->has_device ? device_state_name(t->state) : "-", (unsigned long long)t->serial);
    }
    show_file(w->out, "stdout of the last run");
    show_file(w->err, "stderr of the last run");
}

static int one_case(struct sweep *s, struct options *o)
{
    static const char *const names[] = { "held", "VIOLATED", "the fault did not fire", "broken" };
    static struct world w;
    char why[200] = "";
    enum case_end end;

    o->c.kind = s->kind[0];
    if (!world_open(&w, s->root, 0, s->kind[0]->fleets, why)) {
        printf("the world can't be made: %s\n", why);
        return 1;
    }
    w.trace = dup2(STDERR_FILENO, 1023) == 1023;
    end = runner_case(&w, &o->c, why);
    show_runs(&w);
    printf("%s: %s\n", names[end], why);
    if (s->keep)
        printf("kept: %s\n", s->root);
    else
        world_close(&w);
    return end == CASE_HELD ? 0 : 1;
}

/* ---- the report ---- */

static uint64_t sum(const struct sweep *s, const char *prefix, bool violations)
{
    uint64_t n = 0;

    for (size_t k = 0; k < s->n; k++)
        if (strncmp(s->kind[k]->name, prefix, strlen(prefix)) == 0)
            n += violations ? s->stats[k].violations : s->stats[k].cases;
    return n;
}

static bool never_reached(const struct sweep *s, size_t k)
{
    return s->stats[k].cases == 0 || (s->stride == 1 && s->random == 0 && (s->kind[k]->steps & ~s->stats[k].steps) != 0);
}

static void write_json(const struct sweep *s, const char *path, double seconds)
{
    FILE *f = fopen(path, "we");
    const char *comma = "";

    if (f == NULL) {
        perror(path);
        return;
    }
    fprintf(f, "{\"cases\":%llu,\"violations\":%llu,\"seconds\":%.1f,\"by_kind\":{", (unsigned long long)sum(s, "", false),
            (unsigned long long)sum(s, "", true), seconds);
    for (size_t k = 0; k < s->n; k++)
        fprintf(f, "%s\n\"%s\":{\"cases\":%llu,\"violations\":%llu,\"ms\":%.1f}", k > 0 ? "," : "", s->kind[k]->name,
                (unsigned long long)s->stats[k].cases, (unsigned long long)s->stats[k].violations,
                s->stats[k].cases > 0 ? (double)s->stats[k].micros / 1000 / (double)s->stats[k].cases : 0.0);
    fputs("},\n\"never_reached\":[", f);
    for (size_t k = 0; k < s->n; k++)
        if (never_reached(s, k)) {
            fprintf(f, "%s\"%s: steps %03x of %03x\"", comma, s->kind[k]->name, s->stats[k].steps, s->kind[k]->steps);
            comma = ",";
        }
    fputs("]}\n", f);
    (void)fclose(f);
}

/* true: all is well. */
static bool report(const struct sweep *s, const struct options *o, double seconds)
{
    const uint64_t cases = sum(s, "", false), violations = sum(s, "", true);
    const bool whole = !o->sample && o->kind == NULL && s->random == 0;
    bool good = violations == 0;

    if (o->tap)
        printf("1..%zu\n", s->n);
    for (size_t k = 0; k < s->n; k++) {
        const bool ok = s->stats[k].violations == 0 && !never_reached(s, k);

        good = good && ok;
        printf("%s%zu - sweep %s: %llu cases, %llu violations%s\n",
               !o->tap ? "# "
               : ok    ? "ok "
                       : "not ok ",
               k + 1, s->kind[k]->name, (unsigned long long)s->stats[k].cases, (unsigned long long)s->stats[k].violations,
               never_reached(s, k) ? ", a step was NEVER REACHED" : "");
    }
    printf("# %llu cases, %llu violations, %.0f s\n", (unsigned long long)cases, (unsigned long long)violations, seconds);
    if (whole && (cases < WHOLE_MIN || sum(s, "syscall", false) < SYSCALLS_MIN)) {
        printf("# too few: a whole sweep has at least %d cases, %d of them at system calls\n", WHOLE_MIN, SYSCALLS_MIN);
        good = false;
    }
    return good;
}

/* ---- the large counts ---- */

static bool count_units(struct sweep *s, const struct options *o, unsigned item)
{
    struct unit_counts n = { 0 };
    const bool good = units_run(s, o->units, &n) && n.false_pass == 0 && n.false_fail == 0 && n.units > 0;

    printf("%s%u - units: %llu, in %llu the fault came, %llu passed, %llu did not; %llu false PASS, %llu false FAIL\n",
           good ? "ok " : "not ok ", item, (unsigned long long)n.units, (unsigned long long)n.fired,
           (unsigned long long)n.passed, (unsigned long long)n.quarantined, (unsigned long long)n.false_pass,
           (unsigned long long)n.false_fail);
    return good;
}

static bool count_serials(struct sweep *s, const struct options *o, unsigned item)
{
    struct serial_counts n = { 0 };
    const bool good = serials_run(s->root, o->serials, s->seed, &n) && n.attempts > 0 && n.stops > 0;

    printf("%s%u - serials: %llu attempts, %llu given, %llu found again, %llu halts; %llu duplicates, %llu lost\n",
           good ? "ok " : "not ok ", item, (unsigned long long)n.attempts, (unsigned long long)n.given,
           (unsigned long long)n.shared, (unsigned long long)n.stops, (unsigned long long)n.duplicates,
           (unsigned long long)n.lost);
    return good;
}

static bool count_only(struct sweep *s, const struct options *o)
{
    unsigned item = 0;
    bool good = true;

    if (o->tap)
        printf("1..%d\n", (o->units > 0) + (o->serials > 0));
    if (o->units > 0)
        good = count_units(s, o, ++item);
    if (o->serials > 0)
        good = count_serials(s, o, ++item) && good;
    return good;
}

/* ---- options ---- */

static void options(int argc, char *argv[], struct options *o, struct sweep *s)
{
    static const struct option known[] = {
        { "sample", 0, NULL, 's' },  { "tap", 0, NULL, 't' },    { "jobs", 1, NULL, 'j' },    { "kind", 1, NULL, 'k' },
        { "variant", 1, NULL, 'v' }, { "point", 1, NULL, 'p' },  { "second", 1, NULL, 'q' },  { "seed", 1, NULL, 'S' },
        { "cases", 1, NULL, 'c' },   { "stride", 1, NULL, 'r' }, { "all", 0, NULL, 'a' },     { "json", 1, NULL, 'J' },
        { "keep", 0, NULL, 'K' },    { "units", 1, NULL, 'u' },  { "serials", 1, NULL, 'n' }, { NULL, 0, NULL, 0 },
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        const uint64_t n = optarg != NULL ? strtoull(optarg, NULL, 0) : 0;

        switch (opt) {
        case 's':
            o->sample = true, s->stride = SAMPLE_STRIDE;
            break;
        case 't':
            o->tap = true;
            break;
        case 'j':
            s->jobs = (unsigned)n;
            break;
        case 'k':
            o->kind = optarg;
            break;
        case 'v':
            o->c.variant = (unsigned)n;
            break;
        case 'p':
            o->c.point = n, o->one = true;
            break;
        case 'q':
            o->c.second = n;
            break;
        case 'S':
            s->seed = o->c.seed = n;
            break;
        case 'c':
            s->random = n;
            break;
        case 'r':
            s->stride = (unsigned)n;
            break;
        case 'a':
            s->all = true;
            break;
        case 'J':
            o->json = optarg;
            break;
        case 'K':
            s->keep = true;
            break;
        case 'u':
            o->units = n;
            break;
        case 'n':
            o->serials = n;
            break;
        default:
            fprintf(stderr,
                    "usage: %s [--sample] [--tap] [--jobs N] [--kind NAME [--all]] [--cases N] [--seed S] [--json FILE]\n"
                    "       %s --kind NAME --variant V --point P [--second Q] [--seed S] [--keep]\n",
                    argv[0], argv[0]);
            exit(64);
        }
    }
}

int main(int argc, char *argv[])
{
    struct sweep s = { .jobs = 2, .stride = 1 };
    struct options o = { .json = NULL };
    struct timespec from, to;
    int rc;

    options(argc, argv, &o, &s);
    gather(&s, &o);
    (void)snprintf(s.root, sizeof s.root, "/dev/shm/fuseline-sweep-XXXXXX");
    s.stats = mmap(NULL, sizeof *s.stats * KINDS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s.n == 0 || s.stats == MAP_FAILED || mkdtemp(s.root) == NULL) {
        fprintf(stderr, "sweep: no such kind, or no memory disk\n");
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (o.units > 0 || o.serials > 0) {
        rc = count_only(&s, &o) ? 0 : 1;
    } else if (o.one) {
        rc = one_case(&s, &o);
    } else {
        const bool ran = runner_run(&s);

        clock_gettime(CLOCK_MONOTONIC, &to);
        const double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        if (o.json != NULL)
            write_json(&s, o.json, seconds);
        rc = report(&s, &o, seconds) && ran ? 0 : 1;
    }
    if (!s.keep)
        files_remove(s.root);
    return rc;
}
