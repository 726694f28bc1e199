/* A fault at every system call of `fuseline provision`, from its first to its exit: of ours and of every library's.
 * What the board and the harness do passes uncounted. */
#include "tests/sweep/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sweep/trap.h"

enum { /* traits of a call */
       FAILS = CALL_FAILS,
       CHANGES = CALL_CHANGES,
       SPACE = CALL_SPACE,
       SLOW = 1 << 3,  /* can fail with EINTR: its manual page says so */
       WAITS = 1 << 4, /* does so on this system whenever a signal comes: it must be survived at once */
       MOVES = 1 << 5, /* arg[2] bytes or fewer */
       FREES = 1 << 6  /* fails after its work: a close that says EIO or EINTR has closed */
};

static const struct {
    long nr;
    unsigned traits;
} calls[] = {
    { SYS_read, FAILS | SLOW | MOVES },
    { SYS_pread64, FAILS | SLOW | MOVES },
    { SYS_readv, FAILS | SLOW },
    { SYS_write, FAILS | CHANGES | SPACE | SLOW | MOVES },
    { SYS_pwrite64, FAILS | CHANGES | SPACE | SLOW | MOVES },
    { SYS_writev, FAILS | CHANGES | SPACE | SLOW },
    { SYS_open, FAILS | SLOW },
    { SYS_openat, FAILS | SLOW },
    { SYS_creat, FAILS | CHANGES | SPACE | SLOW },
    { SYS_close, FAILS | SLOW | FREES },
    { SYS_fsync, FAILS | CHANGES | SPACE | SLOW },
    { SYS_fdatasync, FAILS | CHANGES | SPACE | SLOW },
    { SYS_ftruncate, FAILS | CHANGES | SPACE | SLOW },
    { SYS_fallocate, FAILS | CHANGES | SPACE | SLOW },
    { SYS_unlink, FAILS | CHANGES },
    { SYS_unlinkat, FAILS | CHANGES },
    { SYS_rmdir, FAILS | CHANGES },
    { SYS_rename, FAILS | CHANGES | SPACE },
    { SYS_renameat, FAILS | CHANGES | SPACE },
    { SYS_renameat2, FAILS | CHANGES | SPACE },
    { SYS_link, FAILS | CHANGES | SPACE },
    { SYS_linkat, FAILS | CHANGES | SPACE },
    { SYS_mkdir, FAILS | CHANGES | SPACE },
    { SYS_mkdirat, FAILS | CHANGES | SPACE },
    { SYS_chmod, FAILS | CHANGES },
    { SYS_fchmod, FAILS | CHANGES },
    { SYS_fchown, FAILS | CHANGES },
    { SYS_fcntl, FAILS },
    { SYS_flock, FAILS | SLOW | WAITS },
    { SYS_lseek, FAILS },
    { SYS_stat, FAILS },
    { SYS_lstat, FAILS },
    { SYS_fstat, FAILS },
    { SYS_newfstatat, FAILS },
    { SYS_statx, FAILS },
    { SYS_access, FAILS },
    { SYS_faccessat, FAILS },
    { SYS_faccessat2, FAILS },
    { SYS_getdents64, FAILS },
    { SYS_readlink, FAILS },
    { SYS_getcwd, FAILS },
    { SYS_memfd_create, FAILS },
    { SYS_pipe2, FAILS },
    { SYS_socket, FAILS | SLOW },
    { SYS_connect, FAILS | SLOW | WAITS },
    { SYS_sendto, FAILS | SLOW | WAITS },
    { SYS_recvfrom, FAILS | SLOW | WAITS },
    { SYS_poll, FAILS | SLOW | WAITS },
    { SYS_wait4, FAILS | SLOW | WAITS },
    { SYS_kill, FAILS },
    { SYS_getrandom, SLOW | WAITS },
    { SYS_nanosleep, SLOW | WAITS },
    { SYS_clock_nanosleep, SLOW | WAITS },
};

static unsigned traits_of(const struct trap_call *c)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].nr == c->nr) {
            const bool makes =
                (c->nr == SYS_openat && (c->arg[2] & O_CREAT) != 0) || (c->nr == SYS_open && (c->arg[1] & O_CREAT) != 0);

            return calls[i].traits | (makes ? CHANGES | SPACE : 0U);
        }
    return 0;
}

/* ---- what happens at a call ---- */

static struct armed {
    struct world *w;
    const struct sweep_case *c;
    enum syscall_how how;
    unsigned where; /* opportunities: calls with all these traits */
    int error;
    bool failing; /* FAIL_ON has begun */
} armed;

/* In scratch: was the call one that must be survived at once? */
enum { SURVIVE };

static long fail(const struct trap_call *c, unsigned traits)
{
    if ((traits & FREES) != 0)
        (void)trap_pass(c);
    return -armed.error;
}

static long move_half(const struct trap_call *c)
{
    struct trap_call half = *c;

    half.arg[2] /= 2;
    return trap_pass(&half);
}

static long the_fault(const struct trap_call *c, unsigned traits)
{
    if (armed.how == SHORT)
        return move_half(c);
    if (armed.how == KILL_AFTER)
        (void)trap_pass(c);
    if (armed.how == KILL_AFTER || armed.how == KILL_BEFORE)
        (void)kill(getpid(), SIGKILL);
    armed.failing = armed.how == FAIL_ON;
    return fail(c, traits);
}

static long at_call(void *io, const struct trap_call *c)
{
    const unsigned traits = armed.w->outside ? 0 : traits_of(c);

    (void)io;
    if (armed.failing && (traits & (armed.error == EIO ? FAILS : SPACE)) != 0)
        return fail(c, traits);
    if ((traits & armed.where) != armed.where || traits == 0 || (armed.how == SHORT && c->arg[2] < 2))
        return trap_pass(c);
    if (!world_due(armed.w, armed.c))
        return trap_pass(c);
    world_fired(armed.w);
    armed.w->shared->scratch[SURVIVE] = armed.error == EINTR && (traits & WAITS) != 0;
    return the_fault(c, traits);
}

void syscalls_arm(struct world *w, const struct sweep_case *c, enum syscall_how how, unsigned where, int error)
{
    armed = (struct armed){ .w = w, .c = c, .how = how, .where = where, .error = error };
    (void)trap_on(at_call, NULL); /* where it can't be had, no fault comes, and the sweep says so */
}

/* ---- kinds ---- */

/* Where there are more calls than time, the four boards take the points in turn. */
static void in_turn(struct world *w, const struct sweep_case *c)
{
    world_use(w, &world_boards[(c->variant + c->point) % WORLD_BOARDS]);
}

static void describe_kill(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s", world_boards[variant % WORLD_BOARDS].name,
                   variant < WORLD_BOARDS ? "before the call" : "after it");
}

static void describe_made(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s", world_made[variant % WORLD_BOARDS].name,
                   variant < WORLD_BOARDS ? "before the call" : "after it");
}

static void describe_board(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", world_boards[variant % WORLD_BOARDS].name);
}

static void describe_turn(unsigned variant, char *text, size_t max)
{
    (void)variant;
    (void)snprintf(text, max, "each board in turn");
}

/* A kill before a call that changes nothing leaves what the kill behind the last change left. */
static void arm_kill(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, c->variant < WORLD_BOARDS ? KILL_BEFORE : KILL_AFTER, CHANGES, 0);
}

static void arm_eio(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, FAIL_ONCE, FAILS, EIO);
}

static void arm_eio_on(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, FAIL_ON, CHANGES, EIO);
}

static void arm_enospc(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, FAIL_ONCE, SPACE, ENOSPC);
}

static void arm_enospc_on(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, FAIL_ON, SPACE, ENOSPC);
}

static void arm_eintr(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, FAIL_ONCE, SLOW, EINTR);
}

static void arm_short(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened)
        syscalls_arm(w, c, SHORT, MOVES, 0);
}

/* Three repeats of each would find what two find; of some it is enough. */
static void spare(struct world *w, const struct sweep_case *c, struct told *t)
{
    (void)t;
    w->repeats_left = c->point % 8 == 0 ? 3 : 2;
}

/* SoftHSM2's C_Initialize ends in an assert when nothing works any more; no board was touched then. */
static void spare_eio_on(struct world *w, const struct sweep_case *c, struct told *t)
{
    spare(w, c, t);
    w->may_die = t->step < 0;
}

/* A signal may come at any time; a wait that it can end on this system must simply go on. */
static bool check_eintr(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200])
{
    (void)c;
    if (!w->shared->scratch[SURVIVE] || (told->run[0].ended && told->run[0].pass_shown))
        return true;
    (void)snprintf(why, 200, "an interrupted wait was not survived: %s", told->run[0].code);
    return false;
}

enum { WRITING = (1 << STEP_KEY) | (1 << STEP_INTENT) | (1 << STEP_RECORD) };

const struct sweep_kind syscall_kinds[] = {
    { .name = "syscall-kill",
      .variants = 2 * WORLD_BOARDS,
      .describe = describe_kill,
      .arm = arm_kill,
      .after = spare,
      .steps = WRITING },
    { .name = "syscall-eio",
      .variants = 1,
      .describe = describe_turn,
      .prepare = in_turn,
      .arm = arm_eio,
      .after = spare,
      .steps = WRITING },
    { .name = "syscall-eio-on",
      .variants = 1,
      .describe = describe_turn,
      .prepare = in_turn,
      .arm = arm_eio_on,
      .after = spare_eio_on,
      .steps = WRITING },
    { .name = "syscall-enospc",
      .variants = WORLD_BOARDS,
      .describe = describe_board,
      .arm = arm_enospc,
      .after = spare,
      .steps = WRITING,
      .whole_stride = 3 },
    { .name = "syscall-enospc-on",
      .variants = WORLD_BOARDS,
      .stride = 80,
      .describe = describe_board,
      .arm = arm_enospc_on,
      .after = spare,
      .steps = WRITING,
      .whole_stride = 5 },
    { .name = "syscall-eintr",
      .variants = 1,
      .stride = 80,
      .describe = describe_turn,
      .prepare = in_turn,
      .arm = arm_eintr,
      .after = spare,
      .check = check_eintr,
      .steps = WRITING,
      .whole_stride = 5 },
    { .name = "syscall-short",
      .variants = 1,
      .describe = describe_turn,
      .prepare = in_turn,
      .arm = arm_short,
      .after = spare,
      .steps = WRITING,
      .whole_stride = 3 },
    { .name = "syscall-made-kill",
      .fleets = true,
      .variants = 2 * WORLD_BOARDS,
      .describe = describe_made,
      .arm = arm_kill,
      .after = spare,
      .steps = WRITING | 1 << STEP_CHIP_KEY,
      .whole_stride = 9,
      .stride = 240 },
    { .name = NULL },
};
