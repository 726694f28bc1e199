#include "base/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { IN, OUT, ERR, STATUS, PAIRS, ENV_MAX = 16 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void default_signals(void)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        (void)sigaction(s, &dfl, NULL); /* SIGKILL, SIGSTOP and the C library's own refuse: as wanted */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and execve: async-signal-safe calls only. */
static int child_set_up(const struct subprocess_spec *spec, int pair[PAIRS][2], pid_t parent)
{
    const struct rlimit no_core = { 0, 0 };

    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0)
        return errno;
    if (getppid() != parent) /* it died before the prctl */
        return ESRCH;
    default_signals();
    if (dup2(pair[IN][0], 0) < 0 || dup2(pair[OUT][1], 1) < 0 || dup2(pair[ERR][1], 2) < 0)
        return errno;
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
        return errno;
    for (size_t i = 0; i < spec->n_keep; i++)
        if (fcntl(spec->keep[i], F_SETFD, 0) != 0)
            return errno;
    return 0;
}

static _Noreturn void child(const struct subprocess_spec *spec, char *const *argv, char *const *env, int pair[PAIRS][2],
                            pid_t parent)
{
    int why = child_set_up(spec, pair, parent);

    if (why == 0) {
        execve(spec->path, argv, env);
        why = errno;
    }
    ssize_t n = write(pair[STATUS][1], &why, sizeof why);
    _exit(n == (ssize_t)sizeof why ? 127 : 126);
}

/* The descriptors 0..2 must be taken in the parent, or dup2 in the child would close one pipe over another. */
static int take_low_fds(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return errno;
    return 0;
}

static int make_pairs(int pair[PAIRS][2])
{
    int why = take_low_fds();

    if (why != 0)
        return why;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[IN]) != 0 || pipe2(pair[OUT], O_CLOEXEC) != 0 ||
        pipe2(pair[ERR], O_CLOEXEC) != 0 || pipe2(pair[STATUS], O_CLOEXEC) != 0)
        return errno;
    if (fcntl(pair[OUT][0], F_SETFL, O_NONBLOCK) != 0 || fcntl(pair[ERR][0], F_SETFL, O_NONBLOCK) != 0)
        return errno;
    return 0;
}

/* execve wants char *const *, and changes nothing behind it. */
static size_t pointers(char **out, size_t max, const char *const *in)
{
    size_t n = 0;

    for (; in != NULL && in[n] != NULL && n < max; n++) {
        union {
            const char *in;
            char *out;
        } p = { .in = in[n] };
        out[n] = p.out;
    }
    return n;
}

static size_t count(const char *const *v)
{
    size_t n = 0;

    while (v != NULL && v[n] != NULL)
        n++;
    return n;
}

/* Wait for execve to succeed (the status pipe closes) or to say why not. */
static int exec_result(int fd)
{
    int why;
    ssize_t n;

    do
        n = read(fd, &why, sizeof why);
    while (n < 0 && errno == EINTR);
    return n == 0 ? 0 : n == (ssize_t)sizeof why ? why : EIO;
}

static int launch(struct subprocess *p, const struct subprocess_spec *spec, char **argv, int pair[PAIRS][2])
{
    static const char *const base_env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL };
    char *env[ENV_MAX + 3] = { NULL };
    pid_t parent = getpid();

    size_t n = pointers(env, 2, base_env);
    (void)pointers(env + n, ENV_MAX, spec->env);

    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        child(spec, argv, env, pair, parent);

    close_fd(&pair[STATUS][1]);
    int why = exec_result(pair[STATUS][0]);
    int pidfd = why == 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (why == 0 && pidfd < 0) {
        why = errno;
        kill(pid, SIGKILL);
    }
    if (why != 0) {
        (void)waitpid(pid, NULL, 0); /* it has ended, or is about to */
        return why;
    }
    *p = (struct subprocess){ .pid = pid, .pidfd = pidfd, .in = pair[IN][1], .out = pair[OUT][0], .err = pair[ERR][0] };
    pair[IN][1] = pair[OUT][0] = pair[ERR][0] = -1;
    return 0;
}

int subprocess_start(struct subprocess *p, const struct subprocess_spec *spec)
{
    int pair[PAIRS][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    size_t argc = count(spec->argv);
    char **argv = NULL;
    int why;

    *p = (struct subprocess){ .pidfd = -1, .in = -1, .out = -1, .err = -1 };
    if (spec->path[0] != '/' || count(spec->env) > ENV_MAX)
        return EINVAL;
    if ((argv = calloc(argc + 1, sizeof *argv)) == NULL)
        return ENOMEM;
    (void)pointers(argv, argc, spec->argv);
    if ((why = make_pairs(pair)) == 0)
        why = launch(p, spec, argv, pair);
    for (int i = 0; i < PAIRS; i++) {
        close_fd(&pair[i][0]);
        close_fd(&pair[i][1]);
    }
    free(argv);
    return why;
}

/* Throw away what it still says, so that it neither blocks on a full pipe nor dies of a closed one before it has tidied up.
 */
static void discard(int *fd)
{
    char buf[4096];
    ssize_t n = read(*fd, buf, sizeof buf);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(fd);
}

/* True once it has ended. */
static bool ended_within(struct subprocess *p, unsigned ms)
{
    uint64_t end = clock_mono_ns() + (uint64_t)ms * 1000000u;

    for (;;) {
        struct pollfd f[3] = { { .fd = p->pidfd, .events = POLLIN },
                               { .fd = p->out, .events = POLLIN },
                               { .fd = p->err, .events = POLLIN } };
        uint64_t now = clock_mono_ns();
        int left = now < end ? (int)((end - now + 999999u) / 1000000u) : 0;
        int n = poll(f, 3, left);
        if (n > 0 && f[0].revents != 0)
            return true;
        if (left == 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0 && f[1].revents != 0)
            discard(&p->out);
        if (n > 0 && f[2].revents != 0)
            discard(&p->err);
    }
}

int subprocess_stop(struct subprocess *p, unsigned grace_ms)
{
    int status = 0;

    if (p->pid == 0)
        return 0;
    close_fd(&p->in);
    (void)ended_within(p, grace_ms);
    kill(-p->pid, SIGKILL); /* its whole group: what it has started may hold the programmer, too */
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close_fd(&p->out);
    close_fd(&p->err);
    close_fd(&p->pidfd);
    p->pid = 0;
    return status;
}
