/* tests/sweep/real - see real.h.  usage: real [--sample] [--tap] [--json FILE] [--soak N] [--seed S] [--only KIND]
 * --json adds to a FILE that is there. */
#include "tests/sweep/real.h"

#include <getopt.h>
#include <jansson.h>
#include <sys/mman.h>

enum { REPEATS = 3, TEARS = 2, SAMPLE_STRIDE = 40, WHOLE_MIN = 300 };

/* ---- kinds: how many cases there are, and the fault of each ---- */

struct stats { /* shared by the lanes */
    uint64_t cases, violations, not_fired, micros;
};

struct real_kind {
    const char *name;
    unsigned products; /* bits */
    unsigned (*points)(struct lane *l, unsigned product);
    /* false: there is nothing to disturb here */
    bool (*fault)(struct lane *l, unsigned product, unsigned point, struct real_fault *f);
};

static unsigned otp_points(struct lane *l, unsigned product)
{
    return TEARS * l->fact[product].otp_pulses;
}

/* Power right behind a pulse is power right before the next one, but for the last. */
static bool otp_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    const unsigned k = point / TEARS + 1;
    const char *tear = point % TEARS == 0 ? "partial" : k == l->fact[product].otp_pulses ? "done" : "none";

    *f = (struct real_fault){ .how = BY_CONTROL, .may_tear = point % TEARS == 0 };
    (void)snprintf(f->text, sizeof f->text, "cut otp %u %s", k, tear);
    return true;
}

/* Into how many equal parts a run is divided, each with a fault in its middle; a soak divides it finely. */
static unsigned parts = 3;

static unsigned some(struct lane *l, unsigned product)
{
    (void)l;
    (void)product;
    return parts;
}

static unsigned twice(struct lane *l, unsigned product)
{
    return 2 * some(l, product);
}

static unsigned two(struct lane *l, unsigned product)
{
    (void)l;
    (void)product;
    return 2;
}

static bool flash_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    *f = (struct real_fault){ .how = BY_CONTROL };
    (void)snprintf(f->text, sizeof f->text, "cut flash %u %s", 1 + l->fact[product].flash_pulses * point / parts,
                   point % 2 == 0 ? "partial" : "done");
    return true;
}

static uint64_t clocks(struct lane *l, unsigned product, unsigned point)
{
    return l->fact[product].tck * (2 * point + 1) / (2 * parts);
}

static bool power_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    *f = (struct real_fault){ .how = BY_CONTROL, .may_tear = true };
    (void)snprintf(f->text, sizeof f->text, "cut clocks %llu", (unsigned long long)clocks(l, product, point));
    return true;
}

static bool gone_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    *f = (struct real_fault){ .how = BY_CONTROL, .may_tear = true };
    (void)snprintf(f->text, sizeof f->text, "gone after %llu", (unsigned long long)clocks(l, product, point));
    return true;
}

static bool drop_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    *f = (struct real_fault){ .how = BY_CONTROL };
    (void)snprintf(f->text, sizeof f->text, "drop after %llu", (unsigned long long)clocks(l, product, point));
    return true;
}

/* ---- system calls ---- */

static bool is_one_of(const char *name, const char *const list[])
{
    for (; *list != NULL; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

static bool can_fail(const struct call *c)
{
    static const char *const cannot[] = { "exit_group", "mmap", "kill", "execve", NULL };

    return !is_one_of(c->name, cannot);
}

static bool can_be_full(const struct call *c)
{
    static const char *const full[] = { "write", "pwrite64", "ftruncate", "fdatasync", "fsync", NULL };

    return c->creates || is_one_of(c->name, full);
}

static bool waits(const struct call *c)
{
    static const char *const slow[] = { "poll", "sendto", "wait4", "flock", NULL };

    return is_one_of(c->name, slow);
}

static bool any(const struct call *c)
{
    return strcmp(c->name, "exit_group") != 0;
}

/* The point-th of `of` calls, evenly spread over those that can have the fault. */
static bool call_fault(struct lane *l, unsigned product, unsigned point, unsigned of, bool (*wanted)(const struct call *c),
                       const char *fault, struct real_fault *f)
{
    const struct product_facts *fact = &l->fact[product];
    uint64_t n = 0, at;

    for (unsigned i = 0; i < fact->calls; i++)
        n += wanted(&fact->call[i]);
    at = n * (2 * point + 1) / (2 * of);
    for (unsigned i = 0; i < fact->calls; i++)
        if (wanted(&fact->call[i]) && at-- == 0) {
            *f = (struct real_fault){ .how = BY_STRACE };
            (void)snprintf(f->call, sizeof f->call, "%s", fact->call[i].name);
            (void)snprintf(f->text, sizeof f->text, "%s:%s:when=%u", fact->call[i].name, fault, fact->call[i].nth);
            return true;
        }
    return false;
}

static bool kill_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    return call_fault(l, product, point, 2 * parts, any, "signal=KILL", f);
}

static bool eio_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    return call_fault(l, product, point, 2 * parts, can_fail, "error=EIO", f);
}

static bool enospc_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    return call_fault(l, product, point, parts, can_be_full, "error=ENOSPC", f);
}

static bool eintr_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    const bool found = call_fault(l, product, point, parts, waits, "error=EINTR", f);

    f->must_pass = found;
    return found;
}

/* ---- OpenOCD ---- */

static bool killed_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    *f = (struct real_fault){ .how = BY_SIGNAL, .signal = SIGKILL, .tck = clocks(l, product, point) };
    return true;
}

/* In the burn, and behind the firmware: a write of firmware may take its two minutes. */
static bool hung_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    static const unsigned percent[] = { 2, 98 };

    *f = (struct real_fault){ .how = BY_SIGNAL, .signal = SIGSTOP, .tck = l->fact[product].tck * percent[point] / 100 };
    return true;
}

static const char *const fakes[] = {
    "die",    "die-burning", "endless",   "exit0",      "failread",    "flood",        "garbage",
    "hang",   "liar-blank",  "liar-ok",   "liar-ones",  "lost-before", "negative",     "lost-burning",
    "nochip", "noprobe",     "otherchip", "rdp1",       "refused",     "rewrite",      "short",
    "silent", "stale",       "twice",     "unexpected", "zerouid",     "hang-burning", NULL,
};

/* They play a blank L476 of one and the same UID, so they have their place in that lane only. */
static unsigned fake_points(struct lane *l, unsigned product)
{
    unsigned n = 0;

    (void)product;
    while (strcmp(l->desc->name, "stm32l476") == 0 && fakes[n] != NULL)
        n++;
    return n;
}

static bool fake_fault(struct lane *l, unsigned product, unsigned point, struct real_fault *f)
{
    (void)l;
    (void)product;
    *f = (struct real_fault){ .how = BY_FAKE };
    (void)snprintf(f->text, sizeof f->text, "openocd-%s", fakes[point]);
    return true;
}

enum { PLAIN = 1, PSK = 2, BOTH = 3 };

static const struct real_kind kinds[] = {
    { "real-power-otp", PSK, otp_points, otp_fault }, { "real-power-flash", PLAIN, some, flash_fault },
    { "real-power-clocks", BOTH, some, power_fault }, { "real-gone", BOTH, some, gone_fault },
    { "real-link", BOTH, some, drop_fault },          { "real-kill", BOTH, twice, kill_fault },
    { "real-eio", BOTH, twice, eio_fault },           { "real-enospc", BOTH, some, enospc_fault },
    { "real-eintr", BOTH, some, eintr_fault },        { "real-openocd-killed", BOTH, some, killed_fault },
    { "real-openocd-hung", BOTH, two, hung_fault },   { "real-openocd-lies", PLAIN, fake_points, fake_fault },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- one case ---- */

struct options {
    bool sample, tap;
    const char *json, *only;
    uint64_t soak, seed;
    struct stats *stats;
};

static bool settled(const struct real_run *r)
{
    return r->ended && (strcmp(r->verdict, "PASS") == 0 || strcmp(r->state, "QUARANTINED") == 0);
}

static bool one_case(struct lane *l, const struct options *o, unsigned k, unsigned product, unsigned point)
{
    const uint64_t start = clock_mono_ns();
    static const struct real_fault none = { .how = NO_FAULT };
    struct real_run run[REPEATS + 1];
    struct stats *s = &o->stats[k];
    struct real_fault f = { .how = BY_CONTROL };
    unsigned runs = 1;
    char why[200] = "";
    bool good;

    lane_count(l, product);
    if (!kinds[k].fault(l, product, point, &f))
        return true;
    lane_new_board(l);
    lane_provision(l, product, &f, &run[0]);
    lane_repair(l);
    if (f.how == BY_CONTROL && strcmp(run[0].verdict, "PASS") == 0)
        run[0].fired = false; /* what takes power or contact away can't pass unseen */
    do
        lane_provision(l, product, &none, &run[runs++]);
    while (runs <= REPEATS && !settled(&run[runs - 1]));
    good = real_check(l, product, &f, run, runs, why);
    (void)__atomic_add_fetch(run[0].fired ? &s->cases : &s->not_fired, 1, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&s->micros, (clock_mono_ns() - start) / 1000, __ATOMIC_RELAXED);
    if (!good) {
        (void)__atomic_add_fetch(&s->violations, 1, __ATOMIC_RELAXED);
        printf("# VIOLATION %s (%s %s, point %u: %s): %s\n", kinds[k].name, l->desc->name, real_product[product], point,
               f.text, why);
        for (unsigned i = 0; i < runs; i++)
            printf("#   run %u: signal %d, exit %d, %s %s %s %s\n", i, run[i].signal, run[i].exit, run[i].verdict,
                   run[i].code, run[i].state, run[i].serial);
        (void)fflush(stdout);
    }
    return good;
}

/* ---- lanes ---- */

static bool is_wanted(const struct options *o, unsigned k)
{
    return o->only == NULL || strcmp(o->only, kinds[k].name) == 0;
}

static void all(struct lane *l, const struct options *o)
{
    unsigned n = (unsigned)o->seed;

    for (unsigned k = 0; k < KINDS; k++)
        for (unsigned p = 0; p < PRODUCTS; p++) {
            if ((kinds[k].products & 1u << p) == 0 || !is_wanted(o, k))
                continue;
            lane_count(l, p);
            for (unsigned i = 0, of = kinds[k].points(l, p); i < of; i++)
                if (!o->sample || n++ % SAMPLE_STRIDE == 0)
                    (void)one_case(l, o, k, p, i);
        }
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u; /* SplitMix64 */

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Units with a fault drawn for each; every lane does its half. */
static void soak(struct lane *l, const struct options *o, unsigned lane)
{
    uint64_t state = o->seed * 2 + lane;

    parts = 500;

    for (uint64_t i = 0; i < o->soak / 2; i++) {
        const unsigned k = (unsigned)(draw(&state) % KINDS),
                       p = kinds[k].products == BOTH ? (unsigned)(draw(&state) % 2) : kinds[k].products - 1;
        unsigned of;

        lane_count(l, p);
        of = kinds[k].points(l, p);
        if (of == 0 || !is_wanted(o, k))
            i--;
        else
            (void)one_case(l, o, k, p, (unsigned)(draw(&state) % of));
    }
}

static _Noreturn void lane_main(const struct options *o, const char *root, unsigned lane)
{
    static const char *const chip[] = { "stm32l476", "stm32f407" };
    static struct lane l;

    lane_open(&l, root, chip[lane]);
    if (o->soak > 0)
        soak(&l, o, lane);
    else
        all(&l, o);
    lane_close(&l);
    exit(0);
}

/* ---- the report ---- */

static void add_to(json_t *o, const char *key, json_t *n)
{
    json_t *was = json_object_get(o, key);

    (void)json_object_set_new(o, key,
                              json_is_real(n) ? json_real(json_number_value(was) + json_number_value(n))
                                              : json_integer(json_integer_value(was) + json_integer_value(n)));
    json_decref(n);
}

/* Into a file that has the figures of the other sweep, or a new one. */
static void write_json(const struct options *o, double seconds)
{
    json_t *all = json_load_file(o->json, 0, NULL), *kind;

    if (all == NULL)
        all = json_pack("{s:i, s:i, s:f, s:{}, s:[]}", "cases", 0, "violations", 0, "seconds", 0.0, "by_kind",
                        "never_reached");
    kind = json_object_get(all, "by_kind");
    for (unsigned k = 0; k < KINDS; k++) {
        const struct stats *s = &o->stats[k];

        add_to(all, "cases", json_integer((json_int_t)s->cases));
        add_to(all, "violations", json_integer((json_int_t)s->violations));
        (void)json_object_set_new(kind, kinds[k].name,
                                  json_pack("{s:I, s:I, s:f}", "cases", (json_int_t)s->cases, "violations",
                                            (json_int_t)s->violations, "ms",
                                            s->cases > 0 ? (double)s->micros / 1000 / (double)s->cases : 0.0));
    }
    add_to(all, "seconds", json_real(seconds));
    if (json_dump_file(all, o->json, JSON_COMPACT | JSON_REAL_PRECISION(6)) != 0)
        perror(o->json);
    json_decref(all);
}

static bool report(const struct options *o, double seconds)
{
    const bool whole = !o->sample && o->only == NULL && o->soak == 0;
    uint64_t cases = 0;
    bool good = true;

    for (unsigned k = 0; k < KINDS; k++) {
        const struct stats *s = &o->stats[k];
        const bool ok = s->violations == 0 && (!whole || s->cases > 0);

        good = good && ok;
        cases += s->cases;
        printf("# %s: %llu cases, %llu violations, %llu without their fault, %.0f ms each\n", kinds[k].name,
               (unsigned long long)s->cases, (unsigned long long)s->violations, (unsigned long long)s->not_fired,
               s->cases > 0 ? (double)s->micros / 1000 / (double)s->cases : 0.0);
    }
    good = good && cases >= (whole ? WHOLE_MIN : 1);
    if (o->tap)
        printf("1..1\n%s 1 - sweep of the real binary\n", good ? "ok" : "not ok");
    printf("# %llu cases through real OpenOCD, %.0f s\n", (unsigned long long)cases, seconds);
    return good;
}

static bool is_kind(const char *name)
{
    for (unsigned k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            return true;
    return false;
}

int main(int argc, char *argv[])
{
    static const struct option known[] = {
        { "sample", 0, NULL, 's' }, { "tap", 0, NULL, 't' },  { "json", 1, NULL, 'J' }, { "soak", 1, NULL, 'n' },
        { "seed", 1, NULL, 'S' },   { "only", 1, NULL, 'o' }, { NULL, 0, NULL, 0 },
    };
    struct options o = { .seed = 1 };
    char root[] = "/dev/shm/fuseline-real-XXXXXX";
    const uint64_t from = clock_mono_ns();
    bool good = true;
    int opt, status;

    while ((opt = getopt_long(argc, argv, "", known, NULL)) >= 0)
        switch (opt) {
        case 's':
            o.sample = true;
            break;
        case 't':
            o.tap = true;
            break;
        case 'J':
            o.json = optarg;
            break;
        case 'n':
            o.soak = strtoull(optarg, NULL, 0);
            break;
        case 'S':
            o.seed = strtoull(optarg, NULL, 0);
            break;
        case 'o':
            o.only = optarg;
            break;
        default:
            return 64;
        }
    if (o.only != NULL && !is_kind(o.only)) {
        fprintf(stderr, "real: no kind is called '%s'\n", o.only);
        return 64;
    }
    o.stats = mmap(NULL, sizeof *o.stats * KINDS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o.stats == MAP_FAILED || mkdtemp(root) == NULL)
        broken(root, strerror(errno));
    for (unsigned lane = 0; lane < 2; lane++)
        if (fork() == 0)
            lane_main(&o, root, lane);
    while (wait(&status) > 0)
        good = good && status == 0;
    (void)rmdir(root);
    const double seconds = (double)(clock_mono_ns() - from) / 1e9;
    if (o.json != NULL)
        write_json(&o, seconds);
    return report(&o, seconds) && good ? 0 : 1;
}
