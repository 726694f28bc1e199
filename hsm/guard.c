#include "hsm/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "hsm/fault.h"

enum { POLL_MS = 5 };

static pid_t holder; /* this process while it holds the guard, of whichever workspace: it has one */

/* Polled, not F_SETLKW: a process that hangs inside a dead module must not hang all others without a word. */
static enum err_code take(int fd, const char *path, struct err *e)
{
    uint64_t end = clock_mono_ns() + GUARD_WAIT_MS * UINT64_C(1000000);

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_errno(e, &hsm_fault[HSM_LOCK], "flock", "%s", path);
        if (clock_mono_ns() > end)
            return err_set(e, &hsm_fault[HSM_LOCK_BUSY], "flock", NULL, 0, "%s: held for %d s", path, GUARD_WAIT_MS / 1000);
        clock_sleep_ms(POLL_MS);
    }
    return ERR_OK;
}

enum err_code guard_enter(struct guard *g, const char *workspace, struct err *e)
{
    char path[4096];
    sigset_t wait;
    enum err_code rc;

    g->fd = -1;
    if (holder == getpid())
        return ERR_OK;
    if ((size_t)snprintf(path, sizeof path, "%s/hsm.lock", workspace) >= sizeof path)
        return err_set(e, &hsm_fault[HSM_LOCK], "open", NULL, 0, "%s: path too long", workspace);
    g->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (g->fd < 0)
        return err_errno(e, &hsm_fault[HSM_LOCK], "open", "%s", path);
    if ((rc = take(g->fd, path, e)) != ERR_OK) {
        close(g->fd);
        return rc;
    }
    sigemptyset(&wait);
    sigaddset(&wait, SIGINT);
    sigaddset(&wait, SIGTERM);
    sigaddset(&wait, SIGHUP);
    sigprocmask(SIG_BLOCK, &wait, &g->before);
    holder = getpid();
    return ERR_OK;
}

void guard_leave(struct guard *g)
{
    if (g->fd < 0)
        return;
    holder = 0;
    close(g->fd);
    sigprocmask(SIG_SETMASK, &g->before, NULL);
}
