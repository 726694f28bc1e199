/* tests/sweep/syscalls.h - a fault at a system call, for kinds of other files. */
#ifndef TESTS_SWEEP_SYSCALLS_H
#define TESTS_SWEEP_SYSCALLS_H

#include "tests/sweep/world.h"

enum syscall_trait {
    CALL_FAILS = 1 << 0,   /* can fail with EIO */
    CALL_CHANGES = 1 << 1, /* leaves something behind, or makes it durable: bytes, a name.  Locks die with the process */
    CALL_SPACE = 1 << 2    /* can fail with ENOSPC */
};

enum syscall_how { KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_ON /* this call and every one like it from here on */, SHORT };

/* In the child: at the c->point-th call that has all traits of `where`.  error: of FAIL_ONCE and FAIL_ON. */
void syscalls_arm(struct world *w, const struct sweep_case *c, enum syscall_how how, unsigned where, int error);

#endif
