/* base/subprocess.h - run one program that we talk to over pipes, and never leave it behind.
 * The child gets: its own process group (Ctrl-C on our terminal is ours to handle, not its), no open files but its pipes and
 * `keep`, default signals, an environment of PATH and LANG=C plus `env`, a core limit of 0 (its memory may hold what we sent
 * it), and SIGKILL when the thread that started it ends.
 * Memory: nothing kept of the spec.  Threads: one per object. */
#ifndef BASE_SUBPROCESS_H
#define BASE_SUBPROCESS_H

#include <stddef.h>
#include <sys/types.h>

struct subprocess {
    pid_t pid; /* 0: not running, already reaped */
    int pidfd; /* readable when it has ended */
    int in;    /* to its stdin: a socket, write with send(MSG_NOSIGNAL) */
    int out;   /* from its stdout, non-blocking */
    int err;   /* from its stderr, non-blocking */
};

struct subprocess_spec {
    const char *path;        /* absolute; no search */
    const char *const *argv; /* argv[0] included, NULL at the end */
    const char *const *env;  /* more NAME=VALUE entries, NULL at the end; may be NULL */
    const int *keep;         /* descriptors that stay open under the same number */
    size_t n_keep;
};

/* 0 once the program runs; else errno, that of execve included, and nothing is left behind. */
int subprocess_start(struct subprocess *p, const struct subprocess_spec *spec) __attribute__((warn_unused_result));

/* Close its stdin, which is the polite request; when it has ended, or after grace_ms, SIGKILL to its whole process group;
 * reap it, close everything.
 * Returns its wait status (see waitpid), 0 if it was not running. */
int subprocess_stop(struct subprocess *p, unsigned grace_ms);

#endif
