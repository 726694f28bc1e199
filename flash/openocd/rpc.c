#include "flash/openocd/rpc.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { END = 0x1A, FIELD = 0x1F };

int rpc_start(struct rpc *r, const struct subprocess_spec *spec, unsigned grace_ms)
{
    *r = (struct rpc){ .grace_ms = grace_ms, .result = "", .log = "" };
    return subprocess_start(&r->proc, spec);
}

static void forget_reply(struct rpc *r)
{
    explicit_bzero(r->reply, sizeof r->reply);
    r->reply_len = 0;
    r->result = r->log = "";
}

/* Keep the last RPC_STDERR_MAX bytes. */
static void keep_tail(struct rpc *r, const char *text, size_t n)
{
    if (n > RPC_STDERR_MAX) {
        text += n - RPC_STDERR_MAX;
        n = RPC_STDERR_MAX;
    }
    size_t keep = r->stderr_len + n > RPC_STDERR_MAX ? RPC_STDERR_MAX - n : r->stderr_len;
    memmove(r->stderr_tail, r->stderr_tail + r->stderr_len - keep, keep);
    memcpy(r->stderr_tail + keep, text, n);
    r->stderr_len = keep + n;
    r->stderr_tail[r->stderr_len] = '\0';
}

/* A process that floods stderr must not keep us here: read a bounded amount each time. */
static void drain_stderr(struct rpc *r)
{
    char buf[4096];
    ssize_t n;

    for (int i = 0; i < 16 && (n = read(r->proc.err, buf, sizeof buf)) > 0; i++)
        keep_tail(r, buf, (size_t)n);
}

static void start_call(struct rpc *r)
{
    drain_stderr(r);
    r->stderr_len = 0;
    r->stderr_tail[0] = '\0';
    forget_reply(r);
}

void rpc_stop(struct rpc *r)
{
    if (!rpc_running(r))
        return;
    drain_stderr(r);
    subprocess_stop(&r->proc, r->grace_ms);
    forget_reply(r);
}

bool rpc_running(const struct rpc *r)
{
    return r->proc.pid != 0;
}

static enum rpc_status fail(struct rpc *r, enum rpc_status why)
{
    if (why != RPC_DIED)
        r->grace_ms = 0; /* it does not listen: SIGTERM or a closed stdin would change nothing */
    rpc_stop(r);
    return why;
}

/* Milliseconds left, for poll. */
static int left_ms(uint64_t deadline_ns)
{
    uint64_t now = clock_mono_ns();

    return now < deadline_ns ? (int)((deadline_ns - now + 999999u) / 1000000u) : 0;
}

/* Take what stdout has.  True when the reply is complete: text in reply[0..reply_len), NUL in place of END. */
static enum rpc_status take_stdout(struct rpc *r, bool *complete)
{
    char buf[4096];
    ssize_t n = read(r->proc.out, buf, sizeof buf);
    enum rpc_status rc = RPC_OK;

    if (n == 0)
        rc = RPC_DIED;
    for (ssize_t i = 0; i < n && rc == RPC_OK; i++) {
        if (*complete || buf[i] == '\0') /* more than was asked for */
            rc = RPC_GARBAGE;
        else if (buf[i] == END)
            *complete = true;
        else if (r->reply_len < RPC_REPLY_MAX)
            r->reply[r->reply_len++] = buf[i];
    }
    explicit_bzero(buf, sizeof buf);
    return rc;
}

/* Send the rest of text, read both outputs, until an answer is complete. */
static enum rpc_status exchange(struct rpc *r, const char *text, size_t len, unsigned limit_ms)
{
    uint64_t deadline = clock_mono_ns() + (uint64_t)limit_ms * 1000000u;
    bool complete = false;

    while (!complete) {
        struct pollfd f[3] = { { .fd = r->proc.out, .events = POLLIN },
                               { .fd = r->proc.err, .events = POLLIN },
                               { .fd = len > 0 ? r->proc.in : -1, .events = POLLOUT } };
        int left = left_ms(deadline);
        int n = poll(f, 3, left);
        if (n == 0 || (n < 0 && errno != EINTR))
            return RPC_HUNG;
        if (n < 0)
            continue;
        if (f[1].revents != 0)
            drain_stderr(r);
        if (f[2].revents != 0) {
            ssize_t sent = send(r->proc.in, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN && errno != EINTR)
                len = 0; /* it has closed its stdin: what stdout says comes next */
            if (sent > 0) {
                text += sent;
                len -= (size_t)sent;
            }
        }
        if (f[0].revents != 0) {
            enum rpc_status rc = take_stdout(r, &complete);
            if (rc != RPC_OK)
                return rc;
        }
        /* Chatter without an end is no answer.  One that has come while we were stopped (SIGSTOP, a station asleep) is. */
        if (left == 0 && !complete)
            return RPC_HUNG;
    }
    return len == 0 ? RPC_OK : RPC_GARBAGE;
}

enum rpc_status rpc_define(struct rpc *r, const char *tcl, unsigned limit_ms)
{
    forget_reply(r); /* and keep what stderr has said since the start */
    enum rpc_status rc = exchange(r, tcl, strlen(tcl), limit_ms);

    return rc == RPC_OK ? RPC_OK : fail(r, rc);
}

/* "seq US code US result US log" */
static bool split_reply(struct rpc *r)
{
    char *field[3], *p = r->reply, *end;

    r->reply[r->reply_len] = '\0';
    for (int i = 0; i < 3; i++) {
        if ((p = strchr(p, FIELD)) == NULL)
            return false;
        *p++ = '\0';
        field[i] = p;
    }
    char want[16];
    (void)snprintf(want, sizeof want, "%u", r->seq);
    if (strcmp(r->reply, want) != 0 || field[0][0] == '\0')
        return false;
    errno = 0;
    r->code = strtol(field[0], &end, 10);
    r->result = field[1];
    r->log = field[2];
    return *end == '\0' && errno == 0;
}

enum rpc_status rpc_call(struct rpc *r, const char *command, unsigned limit_ms)
{
    size_t size = strlen(command) + 40;
    char *text = malloc(size);

    start_call(r);
    if (text == NULL)
        return fail(r, RPC_DIED);
    int len = snprintf(text, size, "fl_call %u {%s}%c", ++r->seq, command, END);
    enum rpc_status rc = exchange(r, text, (size_t)len, limit_ms);
    explicit_bzero(text, size);
    free(text);
    drain_stderr(r); /* written before the answer, so it is there */
    if (rc == RPC_OK && !split_reply(r))
        rc = RPC_GARBAGE;
    return rc == RPC_OK ? RPC_OK : fail(r, rc);
}

static bool one_number(const char **p, uint32_t *out)
{
    const char *s = *p;
    int base = s[0] == '0' && s[1] == 'x' ? 16 : 10;
    char *end;

    if (base == 16)
        s += 2;
    if (!isxdigit((unsigned char)s[0])) /* strtoull would let blanks and signs pass */
        return false;
    errno = 0;
    unsigned long long v = strtoull(s, &end, base);
    if (end == s || errno != 0 || v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    *p = end;
    return true;
}

bool rpc_numbers(const struct rpc *r, uint32_t *out, size_t n)
{
    const char *p = r->result;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && *p++ != ' ')
            return false;
        if (!one_number(&p, &out[i]))
            return false;
    }
    return *p == '\0';
}

/* "Error: text", or "file.cfg:1: Error: text" when a configuration file is at fault: what of it to show, or NULL. */
static const char *error_in(const char *line, size_t len)
{
    static const char word[] = "Error: ";
    const char *at = strstr(line, word);

    if (at == NULL || at >= line + len)
        return NULL;
    return at == line ? line + sizeof word - 1 : line;
}

/* What every start prints first says nothing about this one. */
static bool is_banner(const char *line)
{
    static const char *const begins[] = { "Open On-Chip Debugger ", "Licensed under ", "For bug reports, read",
                                          "\thttp://openocd.org/" };

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(line, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

void rpc_complaint(const struct rpc *r, char *out, size_t size)
{
    const char *shown = "";
    size_t len;

    for (const char *line = r->stderr_tail; *line != '\0'; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        const char *error = error_in(line, len);
        if (error != NULL) {
            shown = error;
            break;
        }
        if (len > 1 && strncmp(line, "Info :", 6) != 0 && !is_banner(line))
            shown = line;
    }
    (void)snprintf(out, size, "%.*s", (int)strcspn(shown, "\n"), shown);
}
