/* cli/program.h - what a program says when asked for its version. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <stddef.h>

/* Run `path arg` and keep the beginning of its stdout and stderr, mixed, in text[size], NUL-terminated.
 * Returns 0, or errno: that of execve, or ETIMEDOUT when it had not ended after limit_ms (it is killed). */
int program_output(const char *path, const char *arg, char *text, size_t size, unsigned limit_ms)
    __attribute__((warn_unused_result));

#endif
