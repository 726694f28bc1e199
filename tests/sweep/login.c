/* SIGKILL at every call on a token's own file while the line logs in.  SoftHSM2 rewrites token.object in C_Login, in place
 * and without a sync: a kill in there leaves it empty, and with it all keys gone, but for the kept copy (hsm/keep.h).
 * Variants: alone, and while another process logs in and out all the time; that one must never be refused. */
#include "tests/sweep/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sweep/trap.h"

enum { ALONE, WITH_ANOTHER, WAYS, PATIENCE_MS = 60000, EVERY = 5 /* calls, with another: waiting takes long */ };

static struct {
    struct world *w;
    const struct sweep_case *c;
    unsigned calls;
} armed;

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", variant == ALONE ? "one process" : "another one logs in meanwhile");
}

/* ---- the other process ---- */

struct other { /* in scratch: made by the child that is killed, ended by the worker */
    unsigned logins, refused;
    bool runs, stop;
};

static volatile struct other *other_of(struct world *w)
{
    return (volatile struct other *)(void *)w->shared->scratch;
}

static void pause_ms(long ms)
{
    const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
}

static _Noreturn void log_in_again_and_again(struct world *w)
{
    static const struct hsm_pin_source by_uri = { HSM_PIN_URI, -1 };
    volatile struct other *o = other_of(w);
    char uri[2 * WORLD_PATH + 128];
    struct err e;

    (void)snprintf(uri, sizeof uri,
                   "pkcs11:token=line?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:%s/pins/line.pin", w->dir);
    w->outside = true;
    w->real_waits = true;
    (void)alarm(2 * PATIENCE_MS / 1000);
    while (!o->stop) {
        struct hsm *h = NULL;

        if (hsm_open(&h, uri, &by_uri, w->dir, &e) == ERR_OK)
            o->logins++;
        else
            o->refused++;
        hsm_close(h);
    }
    o->runs = false;
    _exit(0);
}

/* Until it has logged in that often. */
static void wait_for_logins(struct world *w, unsigned n)
{
    for (unsigned ms = 0; ms < PATIENCE_MS && other_of(w)->logins < n; ms++)
        pause_ms(1);
}

static void start_another(struct world *w)
{
    other_of(w)->runs = true;
    if (fork() == 0)
        log_in_again_and_again(w);
    wait_for_logins(w, 1);
}

/* Behind a kill it goes on: one more login at least, whatever the dead one left. */
static void stop_another(struct world *w)
{
    wait_for_logins(w, other_of(w)->logins + 2);
    other_of(w)->stop = true;
    for (unsigned ms = 0; ms < PATIENCE_MS && other_of(w)->runs; ms++)
        pause_ms(1);
}

/* ---- the kill ---- */

static bool is_token_file(const char *path)
{
    const size_t n = strlen(path), end = strlen("/token.object");

    return n > end && strcmp(path + n - end, "/token.object") == 0 && strstr(path, "/tokens/") != NULL;
}

static bool on_token_file(const struct trap_call *c)
{
    char link[64], path[512];
    ssize_t n;

    switch (c->nr) {
    case SYS_openat:
        return is_token_file((const char *)(uintptr_t)c->arg[1]);
    case SYS_read:
    case SYS_write:
    case SYS_close:
    case SYS_fcntl:
    case SYS_ftruncate:
    case SYS_lseek:
    case SYS_fsync:
        (void)snprintf(link, sizeof link, "/proc/self/fd/%ld", c->arg[0]);
        n = readlink(link, path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        return is_token_file(path);
    default:
        return false;
    }
}

static bool is_counted(const struct trap_call *c)
{
    return !armed.w->outside && on_token_file(c) && (armed.c->variant == ALONE || armed.calls++ % EVERY == 0);
}

static long at_call(void *io, const struct trap_call *c)
{
    (void)io;
    if (is_counted(c) && world_due(armed.w, armed.c)) {
        world_fired(armed.w);
        (void)trap_pass(c);
        (void)kill(getpid(), SIGKILL);
    }
    return trap_pass(c);
}

static void arm(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (opened) {
        trap_off();
        return;
    }
    if (c->variant == WITH_ANOTHER) {
        w->real_waits = true;
        start_another(w);
    }
    armed.w = w;
    armed.c = c;
    (void)trap_on(at_call, NULL);
}

/* ---- what it left ---- */

static bool token_is_empty(const char *workspace)
{
    char path[WORLD_PATH + 300];
    struct dirent *entry;
    struct stat st;
    bool empty = false;

    (void)snprintf(path, sizeof path, "%s/tokens", workspace);
    DIR *dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof path, "%s/tokens/%s/token.object", workspace, entry->d_name);
        empty = empty || (stat(path, &st) == 0 && st.st_size == 0);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return empty;
}

/* The login is in front of the way, so no step is its own: STEP_KEY says that the kill has emptied a token, and a whole
 * sweep in which that never happened has shown nothing. */
static void after(struct world *w, const struct sweep_case *c, struct told *t)
{
    if (c->variant == WITH_ANOTHER)
        stop_another(w);
    else if (token_is_empty(w->dir))
        t->step = STEP_KEY;
    w->repeats_left = 2;
}

static bool check(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200])
{
    const volatile struct other *o = other_of(w);

    (void)told;
    if (c->variant == ALONE || (o->refused == 0 && o->logins > 2 && !o->runs))
        return true;
    (void)snprintf(why, 200, "beside a killed one, the other process logged in %u times and was refused %u times%s",
                   o->logins, o->refused, o->runs ? "; it hangs" : "");
    return false;
}

const struct sweep_kind login_kinds[] = {
    { .name = "login-kill",
      .variants = WAYS,
      .whole_stride = 3,
      .describe = describe,
      .arm = arm,
      .after = after,
      .check = check,
      .steps = 1 << STEP_KEY },
    { .name = NULL },
};
