/* tests/sweep/trap.h - every system call of this thread passes through one function, whichever library makes it.
 * Why not wrappers of libc's functions: stdio's own reads and writes, and so SoftHSM2's, never pass them.
 * How: syscall user dispatch (Linux 5.11, Documentation/admin-guide/syscall-user-dispatch.rst); x86-64 only so far, and
 * elsewhere trap_on says false.  About a microsecond a call.
 * Not inherited over fork or exec.  Threads: the one that called trap_on, one at a time in a process. */
#ifndef TESTS_SWEEP_TRAP_H
#define TESTS_SWEEP_TRAP_H

#include <stdbool.h>

struct trap_call {
    long nr; /* SYS_ number */
    long arg[6];
};

/* What the caller is to get: a result, or -errno.  May make system calls of its own: they are not trapped. */
typedef long trap_fn(void *io, const struct trap_call *c);

/* false: this kernel or processor can't. */
bool trap_on(trap_fn *fn, void *io);
void trap_off(void);

/* Make the call, as if nobody had been there. */
long trap_pass(const struct trap_call *c);

#endif
