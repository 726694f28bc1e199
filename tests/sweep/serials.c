/* Two stations, one registry: no serial twice, none lost, whoever is halted wherever. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sweep/modes.h"

enum { STATIONS = 2, SERIALS_MAX = 4000000 };

struct line_up { /* shared by the stations */
    uint64_t done[STATIONS], fresh[STATIONS], same[STATIONS];
    uint64_t duplicates;
    uint64_t uid_of[SERIALS_MAX]; /* by serial: whose it was said to be; 0: nobody's */
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Every third board is one that the other station has in hand too. */
static uint64_t board(unsigned station, uint64_t n, uint64_t seed)
{
    const uint64_t who = n % 3 == 0 ? 0 : station + 1;

    return mix(seed ^ (n * 8 + who + 1)) | 1;
}

static bool attempt(struct registry *r, struct line_up *l, unsigned station, uint64_t id)
{
    uint8_t uid[REG_UID] = "TEST";
    struct device d;
    struct err e;
    bool fresh = false;
    uint64_t nobody = 0;
    enum err_code rc;

    memcpy(uid + 4, &id, sizeof id);
    while ((rc = registry_reserve(r, "TEST-serials", uid, (uint16_t)station, 2500, &d, &fresh, &e)) == ERR_RETRY)
        ; /* the other one was halted in a transaction: busy */
    if (rc != ERR_OK) {
        printf("# serials: %s %s\n", e.fault->name, e.subject);
        return false;
    }
    uint64_t *whose = &l->uid_of[(uint32_t)d.serial % SERIALS_MAX];
    if (!__atomic_compare_exchange_n(whose, &nobody, id, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && nobody != id)
        (void)__atomic_add_fetch(&l->duplicates, 1, __ATOMIC_RELAXED); /* the same serial for two boards */
    l->fresh[station] += fresh;
    l->same[station] += !fresh;
    l->done[station]++;
    return true;
}

static int station(const char *path, struct line_up *l, unsigned which, uint64_t attempts, uint64_t seed)
{
    struct registry *r = NULL;
    struct err e;
    bool good = registry_open(&r, path, REGISTRY_WRITE, &e) == ERR_OK;

    for (uint64_t n = 0; n < attempts && good; n++)
        good = attempt(r, l, which, board(which, n, seed));
    registry_close(r);
    (void)fflush(stdout);
    return good ? 0 : 1;
}

/* ---- halts ---- */

static void pause_us(uint64_t us)
{
    const struct timespec t = { 0, (long)us * 1000 };

    (void)nanosleep(&t, NULL);
}

static uint64_t halt_now_and_then(const pid_t child[STATIONS], uint64_t seed, bool *good)
{
    unsigned left = STATIONS;
    uint64_t stops = 0;

    while (left > 0) {
        const uint64_t r = mix(seed + ++stops);
        int status = 0;

        (void)kill(child[r % STATIONS], SIGSTOP);
        pause_us(200 + (r >> 8) % 5000);
        (void)kill(child[r % STATIONS], SIGCONT);
        pause_us(500 + (r >> 32) % 20000);
        for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
            left--;
            *good = *good && status == 0;
        }
    }
    return stops;
}

/* ---- and then ---- */

struct tally {
    struct line_up *l;
    uint64_t n, lost, last;
};

static enum err_code count(void *io, const struct device *d, struct err *e)
{
    struct tally *t = io;
    uint64_t id;

    (void)e;
    memcpy(&id, d->uid + 4, sizeof id);
    t->n++;
    t->lost += t->l->uid_of[(uint32_t)d->serial % SERIALS_MAX] != id; /* given, and nobody was told; or told otherwise */
    t->last = (uint32_t)d->serial;
    return ERR_OK;
}

static bool tally(const char *path, struct line_up *l, struct serial_counts *c)
{
    struct tally t = { .l = l };
    struct registry *r = NULL;
    struct err e;
    uint64_t told = 0;
    const bool good = registry_open(&r, path, REGISTRY_READ, &e) == ERR_OK &&
                      registry_devices(r, NULL, DEV_STATES, count, &t, &e) == ERR_OK;

    registry_close(r);
    for (size_t i = 0; i < SERIALS_MAX; i++)
        told += l->uid_of[i] != 0;
    c->given = t.n;
    c->duplicates = l->duplicates;
    c->lost = t.lost + (told > t.n ? told - t.n : t.n - told) + (t.last != t.n); /* without gaps, from 1 */
    for (unsigned i = 0; i < STATIONS; i++) {
        c->attempts += l->done[i];
        c->shared += l->same[i];
    }
    return good && c->duplicates == 0 && c->lost == 0;
}

static bool make_registry(const char *path)
{
    struct product p = { .name = "TEST-serials", .chip = "stm32l476", .scheme = 1, .suite = 1, .sid_len = 2, .ctr_len = 1 };
    struct registry *r = NULL;
    struct err e;

    p.serial_first = 1;
    p.serial_last = SERIALS_MAX - 1;
    const bool good = registry_open(&r, path, REGISTRY_CREATE, &e) == ERR_OK && registry_product_add(r, &p, &e) == ERR_OK;
    if (!good)
        printf("# serials: %s %s\n", e.fault->name, e.subject);
    registry_close(r);
    return good;
}

bool serials_run(const char *root, uint64_t attempts, uint64_t seed, struct serial_counts *c)
{
    struct line_up *l = mmap(NULL, sizeof *l, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char path[WORLD_PATH];
    pid_t child[STATIONS];
    bool good;

    (void)snprintf(path, sizeof path, "%s/serials.db", root);
    if (l == MAP_FAILED || !make_registry(path))
        return false;
    (void)fflush(stdout);
    for (unsigned i = 0; i < STATIONS; i++)
        if ((child[i] = fork()) == 0)
            _exit(station(path, l, i, attempts / STATIONS, seed));
    good = true;
    c->stops = halt_now_and_then(child, seed, &good);
    good = tally(path, l, c) && good;
    (void)munmap(l, sizeof *l);
    return good;
}
