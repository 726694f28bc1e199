/* hsm/guard.h - one process at a time from C_Initialize to C_Login.  For the files of hsm/ only.
 * Why: SoftHSM2 2.6.1 rewrites token.object in place at each login; another process that starts meanwhile sees no token, or
 * a half one (docs/hsm.md, "the login window").  SIGINT, SIGTERM and SIGHUP wait till the guard is left; SIGKILL and power
 * cuts can't, for these there is hsm/keep.h.
 * Memory: caller's.  Threads: the process's one.  Recursive: the way back from a dead token may run inside a guarded call.
 */
#ifndef HSM_GUARD_H
#define HSM_GUARD_H

#include <signal.h>

#include "base/err.h"

enum { GUARD_WAIT_MS = 30000 };

struct guard {
    int fd;          /* workspace/hsm.lock; the lock goes with it, also when we are killed; -1: an outer one holds it */
    sigset_t before; /* the signal mask to return to */
};

/* ERR_IO: no lock file can be had there; ERR_RETRY: another process held it for GUARD_WAIT_MS. */
enum err_code guard_enter(struct guard *g, const char *workspace, struct err *e) __attribute__((warn_unused_result));
void guard_leave(struct guard *g);

#endif
