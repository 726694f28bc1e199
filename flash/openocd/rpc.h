/* flash/openocd/rpc.h - one OpenOCD process and its Tcl RPC on stdin and stdout (tcl_port pipe).
 * Boundary: chip operations above; pipes below.  Knows what an answer looks like, not what it means.
 * Secrets: commands and answers may hold OTP contents.  They are wiped when the next call starts and when the process is
 * stopped; what OpenOCD logs (stderr, and the log part of an answer) never holds them, see fl_call in common.tcl. */
#ifndef FLASH_OPENOCD_RPC_H
#define FLASH_OPENOCD_RPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/subprocess.h"

enum {
    RPC_REPLY_MAX = 16 * 1024, /* bytes; the log part of a longer one is cut */
    RPC_STDERR_MAX = 2048,     /* bytes of stderr kept: the last ones */
    RPC_WORDS_MAX = 256        /* numbers in one answer or command */
};

enum rpc_status {
    RPC_OK,
    RPC_DIED,   /* its stdout ended */
    RPC_HUNG,   /* no answer in time; it was killed */
    RPC_GARBAGE /* an answer to another question, or none at all; it was killed */
};

struct rpc {
    struct subprocess proc;
    unsigned seq;
    unsigned grace_ms;                    /* for rpc_stop */
    char stderr_tail[RPC_STDERR_MAX + 1]; /* of the last call */
    size_t stderr_len;
    char reply[RPC_REPLY_MAX + 1];
    size_t reply_len;
    long code;                /* of the last call: 0, or the Tcl error code */
    const char *result, *log; /* log: the lines without "Error: " and the like */
};

/* 0 or errno of starting it.  argv as in subprocess_spec. */
int rpc_start(struct rpc *r, const struct subprocess_spec *spec, unsigned grace_ms) __attribute__((warn_unused_result));
/* SIGKILL after the grace time, reaped.  stderr_tail stays. */
void rpc_stop(struct rpc *r);
bool rpc_running(const struct rpc *r);

/* Send Tcl text that ends with 0x1A and whose answer means nothing (procedure definitions); wait until it is taken. */
enum rpc_status rpc_define(struct rpc *r, const char *tcl, unsigned limit_ms) __attribute__((warn_unused_result));

/* Run one command and wait for its answer: r->code, result and log, valid until the next call.
 * command: one line of Tcl without braces: literals of ours and numbers.  Anything but RPC_OK has ended the process. */
enum rpc_status rpc_call(struct rpc *r, const char *command, unsigned limit_ms) __attribute__((warn_unused_result));

/* The result as exactly n numbers (decimal or 0x, each below 2^32, single spaces between).  False for anything else. */
bool rpc_numbers(const struct rpc *r, uint32_t *out, size_t n);

/* What OpenOCD complained of in the last call: its first "Error:" line, or its last line of any kind but the
 * banner; out[size], empty if it said nothing. */
void rpc_complaint(const struct rpc *r, char *out, size_t size);

#endif
