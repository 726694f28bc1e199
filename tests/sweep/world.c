#include "tests/sweep/world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "flash/vchip/nvm.h"
#include "hsm/hpke_host.h"
#include "tests/sweep/files.h"
#include "tests/sweep/hooks.h"

enum { HANG_S = 120 };

struct world *world_now;

const struct world_board world_boards[WORLD_BOARDS] = {
    { "stm32l476", "stm32l476", "TEST-l4", &device_sealed, false, 0 },
    { "stm32l476 psk", "stm32l476", "TEST-l4-psk", &device_sealed, true, 1 },
    { "stm32f407", "stm32f407", "TEST-f4", &device_sealed, false, 0 },
    { "stm32f407 psk", "stm32f407", "TEST-f4-psk", &device_sealed, true, 1 },
};
const struct world_board world_made[WORLD_BOARDS] = {
    { "stm32l476 identity", "stm32l476", "TEST-l4-identity", &device_identity, false, 0 },
    { "stm32l476 signup", "stm32l476", "TEST-l4-signup", &device_signup, false, 1 },
    { "stm32f407 identity", "stm32f407", "TEST-f4-identity", &device_identity, false, 1 },
    { "stm32f407 signup", "stm32f407", "TEST-f4-signup", &device_signup, false, 0 },
};

/* ---- opportunities ---- */

bool world_due(struct world *w, const struct sweep_case *c)
{
    const uint64_t wanted = w->run == 0 ? c->point : c->second;

    return !w->outside && ++w->shared->seen == wanted;
}

void world_fired(struct world *w)
{
    w->now->fired = true;
    w->now->step = w->shared->step;
}

/* ---- children ---- */

static void redirect(const char *path, int fd)
{
    int to = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (to < 0 || dup2(to, fd) != fd)
        _exit(127);
    (void)close(to);
}

/* The command line in this process, its words into w->out and w->err. */
static _Noreturn void be_fuseline(struct world *w, char *argv[])
{
    int argc = 0, rc;

    while (argv[argc] != NULL)
        argc++;
    redirect(w->out, STDOUT_FILENO);
    redirect(w->err, STDERR_FILENO);
    w->outside = false;
    rc = fuseline_main(argc, argv);
    w->outside = true;
    (void)fflush(stdout); /* as exit() would; fuseline has looked at it */
    _exit(rc);
}

/* What stops goes on: a station that was halted for a while.  -1: it could not be waited for. */
static int wait_for(struct world *w, pid_t child)
{
    int status = 0;

    for (;;) {
        if (waitpid(child, &status, WUNTRACED) != child) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        if (!WIFSTOPPED(status))
            return status;
        if (w->stopped != NULL)
            w->stopped(w);
        (void)kill(child, SIGCONT);
    }
}

static int fuseline(struct world *w, char *argv[])
{
    pid_t child = fork();

    if (child == 0) {
        (void)alarm(HANG_S);
        be_fuseline(w, argv);
    }
    return child < 0 ? -1 : wait_for(w, child);
}

bool world_child(struct world *w, bool (*work)(struct world *w, void *io, char why[200]), void *io, char why[200])
{
    char *said = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int status;

    if (said == MAP_FAILED || (child = fork()) < 0) {
        (void)snprintf(why, 200, "the harness: %s", strerror(errno));
        return false;
    }
    if (child == 0) {
        (void)alarm(HANG_S);
        w->outside = true;
        _exit(work(w, io, said) ? 0 : 1);
    }
    status = wait_for(w, child);
    memcpy(why, said, 200);
    (void)munmap(said, 4096);
    if (status == 0)
        return true;
    if (!WIFEXITED(status))
        (void)snprintf(why, 200, "the harness's child died of signal %d", WTERMSIG(status));
    return false;
}

/* ---- a run ---- */

/* The command in a child, with the fault armed if c is not NULL.  NULL: the harness failed. */
static struct told *run(struct world *w, const struct sweep_case *c, char *argv[])
{
    struct told_all *all = &w->shared->told;
    const uint64_t seen = w->shared->seen; /* of a run that is halted meanwhile */
    const int step = w->shared->step;
    struct told *t;
    pid_t child;
    int status;

    if (all->runs == TOLD_RUNS)
        return NULL;
    w->run = all->runs++;
    w->now = t = &all->run[w->run];
    t->step = w->shared->step = -1;
    w->shared->seen = 0;
    if ((child = fork()) == 0) {
        (void)alarm(HANG_S);
        w->outside = true;
        w->c = c;
        w->stopped = NULL;
        if (c != NULL)
            c->kind->arm(w, c, w->now, false);
        be_fuseline(w, argv);
    }
    if (child < 0 || (status = wait_for(w, child)) < 0)
        return NULL;
    t->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    t->exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    w->shared->seen = seen;
    w->shared->step = step;
    return t;
}

bool world_command(struct world *w, const struct sweep_case *c, char *argv[])
{
    return run(w, c, argv) != NULL;
}

bool world_run(struct world *w, const struct sweep_case *c)
{
    const bool json = (w->shared->told.runs + (c != NULL ? c->point : 0)) % 2 == 0; /* screen and JSON in turn */
    char product[40];
    char *argv[] = { (char[]){ "fuseline" },
                     (char[]){ "-C" },
                     w->dir,
                     (char[]){ "provision" },
                     (char[]){ "--product" },
                     product,
                     (char[]){ "--slot" },
                     w->board->chip[5] == 'l' ? (char[]){ "l" } : (char[]){ "f" },
                     (char[]){ "--burn" },
                     json ? (char[]){ "--json" } : NULL,
                     NULL };
    struct told *t;

    (void)snprintf(product, sizeof product, "%s", w->board->product);
    if ((t = run(w, c, argv)) == NULL)
        return false;
    t->ended = t->signal == 0 && told_read(w->out, json, t);
    return true;
}

/* ---- a case ---- */

static bool blank_part(const char *path, const char *chip, const uint8_t uid[CHIP_UID_LEN])
{
    struct silicon *s = NULL;
    struct err e;

    (void)unlink(path);
    if (silicon_open(&s, chip_desc_find(chip), path, NULL, &e) != ERR_OK)
        return false;
    silicon_new_part(s, uid);
    silicon_close(s);
    return true;
}

static void uid_of(const struct sweep_case *c, uint8_t which, uint8_t uid[CHIP_UID_LEN])
{
    const uint64_t n = (c->seed * 0x9E3779B97F4A7C15u) ^ (c->point * 0xBF58476D1CE4E5B9u) ^ c->second;

    memcpy(uid, "TEST", 4);
    uid[3] = which;
    memcpy(uid + 4, &n, sizeof n);
}

static struct sweep_case now_case;

static const struct world_board *boards_of(const struct world *w)
{
    return w->fleets ? world_made : world_boards;
}

void world_use(struct world *w, const struct world_board *b)
{
    w->board = b;
}

bool world_blank(struct world *w, uint8_t which)
{
    uint8_t uid[CHIP_UID_LEN];

    uid_of(&now_case, which, uid);
    return blank_part(w->chip, w->board->chip, uid);
}

void world_second_board(struct world *w, bool same_uid)
{
    uint8_t uid[CHIP_UID_LEN];

    uid_of(&now_case, same_uid ? 'T' : 'U', uid);
    (void)blank_part(w->other, w->board->chip, uid);
}

void world_exchange(struct world *w)
{
    char aside[WORLD_PATH + 8];

    (void)snprintf(aside, sizeof aside, "%s.aside", w->chip);
    (void)rename(w->chip, aside);
    (void)rename(w->other, w->chip);
    (void)rename(aside, w->other);
}

/* registry.db.new and registry.mark.new are as the last `product add` left them. */
static bool fresh_registry(struct world *w)
{
    char template[WORLD_PATH + 16], journal[WORLD_PATH + 16];

    (void)snprintf(journal, sizeof journal, "%s-journal", w->db);
    (void)snprintf(template, sizeof template, "%s.new", w->mark);
    (void)unlink(journal);
    (void)unlink(w->mark);
    if (access(template, F_OK) == 0 && !file_copy(template, w->mark))
        return false;
    (void)snprintf(template, sizeof template, "%s.new", w->db);
    return file_copy(template, w->db);
}

bool world_case(struct world *w, const struct sweep_case *c)
{
    now_case = *c;
    world_now = w;
    memset(w->shared, 0, offsetof(struct world_shared, has_profile));
    w->excuse = w->module = NULL;
    w->stopped = NULL;
    w->may_die = w->foreign = w->clones = w->unsteady = false;
    w->real_waits = false;
    w->repeats_left = WORLD_REPEATS;
    w->board = &boards_of(w)[c->variant % WORLD_BOARDS];
    (void)unlink(w->other);
    if (!fresh_registry(w))
        return false;
    if (c->kind != NULL && c->kind->prepare != NULL)
        c->kind->prepare(w, c);
    if (!world_configure(w))
        return false;
    return world_blank(w, 'T');
}

/* ---- the workspace ---- */

/* fuseline.conf; written anew only when the module is another one. */
bool world_configure(struct world *w)
{
    static const char *const role[] = { "line", "server", "log", "vault" };
    const char *module = w->module != NULL ? w->module : "/usr/lib/softhsm/libsofthsm2.so";
    char path[WORLD_PATH + 32];
    FILE *f;

    if (strcmp(w->configured, module) == 0)
        return true;
    (void)snprintf(path, sizeof path, "%s/fuseline.conf", w->dir);
    if ((f = fopen(path, "we")) == NULL)
        return false;
    fputs("[station]\nid = 3\n[registry]\npath = registry.db\n[firmware]\npath = fw\n", f);
    for (size_t i = 0; i < sizeof role / sizeof *role; i++)
        fprintf(f, "[hsm %s]\ntoken = %s\nmodule = %s\npin-source = file:pins/%s.pin\n", role[i], role[i], module, role[i]);
    fputs("[slot l]\nchip = stm32l476\nadapter = fw\n[slot f]\nchip = stm32f407\nadapter = fw\n", f);
    (void)snprintf(w->configured, sizeof w->configured, "%s", module);
    return fclose(f) == 0;
}

static bool command(struct world *w, char *argv[], char why[200])
{
    int status = fuseline(w, argv);

    if (status != 0)
        (void)snprintf(why, 200, "`fuseline %s` ended with %d, see %s", argv[1], status, w->err);
    return status == 0;
}

/* The authority whose word moves a fleet: its products ask for one. */
static bool add_authority(struct world *w, char why[200])
{
    char *argv[] = { (char[]){ "fuseline" }, (char[]){ "-C" },   w->dir, (char[]){ "key" },
                     (char[]){ "new" },      (char[]){ "--ra" }, NULL };

    return !w->fleets || command(w, argv, why);
}

bool world_product(struct world *w, const struct world_board *b, char why[200])
{
    char name[40], chip[40], scheme[40], path[WORLD_PATH + 96];
    char *argv[] = { (char[]){ "fuseline" },
                     (char[]){ "-C" },
                     w->dir,
                     (char[]){ "product" },
                     (char[]){ "add" },
                     name,
                     (char[]){ "--chip" },
                     chip,
                     (char[]){ "--scheme" },
                     scheme,
                     (char[]){ "--lock" },
                     b->lock == 1 ? (char[]){ "1" } : (char[]){ "0" },
                     b->psk      ? (char[]){ "--psk" }
                     : w->fleets ? (char[]){ "--two-way" } /* they shall hear of their new keys */
                                 : NULL,
                     NULL };

    (void)snprintf(name, sizeof name, "%s", b->product);
    (void)snprintf(chip, sizeof chip, "%s", b->chip);
    (void)snprintf(scheme, sizeof scheme, "%s", scheme_by_id(b->device->id)->name);
    (void)snprintf(path, sizeof path, "%s/fw/%s-%s.elf", w->dir, scheme, chip);
    if (!board_write_firmware(path)) {
        (void)snprintf(why, 200, "%.100s: %s", path, strerror(errno));
        return false;
    }
    return command(w, argv, why);
}

static bool add_products(struct world *w, char why[200])
{
    for (unsigned i = 0; i < WORLD_BOARDS; i++)
        if (!world_product(w, &boards_of(w)[i], why))
            return false;
    return true;
}

/* Mapped, loaded and looked up once, not by each child; no token is opened. */
static void warm_up(void)
{
    struct crypto c;

    (void)dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    (void)OPENSSL_init_crypto(0, NULL);
    hpke_host_close(hpke_host_open(&c));
    EVP_PKEY_free(EVP_EC_gen("P-256"));
}

bool world_open(struct world *w, const char *root, unsigned worker, bool fleets, char why[200])
{
    char template[WORLD_PATH + 16];
    char *init[] = { (char[]){ "fuseline" }, (char[]){ "init" }, w->dir, NULL };

    *w = (struct world){ .worker = worker, .fleets = fleets };
    world_now = w;
    (void)snprintf(w->dir, sizeof w->dir, "%.60s/w%u", root, worker);
    (void)snprintf(w->db, sizeof w->db, "%.80s/registry.db", w->dir);
    (void)snprintf(w->mark, sizeof w->mark, "%.80s/registry.mark", w->dir);
    (void)snprintf(w->chip, sizeof w->chip, "%.60s/chip-%u", root, worker);
    (void)snprintf(w->other, sizeof w->other, "%.60s/other-%u", root, worker);
    (void)snprintf(w->out, sizeof w->out, "%.60s/out-%u", root, worker);
    (void)snprintf(w->err, sizeof w->err, "%.60s/err-%u", root, worker);
    w->shared = mmap(NULL, sizeof *w->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->shared == MAP_FAILED) {
        (void)snprintf(why, 200, "mmap: %s", strerror(errno));
        return false;
    }
    if (!command(w, init, why))
        return false;
    (void)snprintf(template, sizeof template, "%.80s/fw", w->dir);
    if (mkdir(template, 0700) != 0 || !world_configure(w)) {
        (void)snprintf(why, 200, "%s: %s", w->dir, strerror(errno));
        return false;
    }
    if (w->fleets && !command(w, init, why)) /* again: the master of station 3 */
        return false;
    if (!add_authority(w, why) || !add_products(w, why))
        return false;
    (void)snprintf(template, sizeof template, "%s.new", w->db);
    if (rename(w->db, template) != 0) {
        (void)snprintf(why, 200, "%s: %s", w->db, strerror(errno));
        return false;
    }
    (void)snprintf(template, sizeof template, "%s.new", w->mark);
    (void)rename(w->mark, template); /* there is none as long as the log is empty */
    warm_up();
    return true;
}

void world_close(struct world *w)
{
    (void)unlink(w->chip);
    (void)unlink(w->other);
    (void)unlink(w->out);
    (void)unlink(w->err);
    files_remove(w->dir);
    (void)munmap(w->shared, sizeof *w->shared);
}

/* ---- the same bytes ---- */

uint64_t world_bytes(struct world *w)
{
    uint64_t sum = file_sum(w->db, 0, SIZE_MAX, 1);

    sum = file_sum(w->chip, 0, offsetof(struct nvm_head, n_bad), sum);
    return file_sum(w->chip, 4096, SIZE_MAX, sum); /* behind the head: not how often a weak bit was read */
}
