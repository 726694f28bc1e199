/* tests/e2e/vchip_process.h - a simulated board as its own process, for tests that drive it through real OpenOCD.
 * Header only: a test program is one .c file.
 * Every failure here is a broken test environment: it is printed and ends the process with status 99. */
#ifndef TESTS_E2E_VCHIP_PROCESS_H
#define TESTS_E2E_VCHIP_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "flash/chips/chips.h"

struct vchip {
    pid_t pid;
    int control;        /* connected control socket */
    char dir[64];       /* its files, removed by vchip_stop */
    char jtag[96];      /* socket for the adapter configuration */
    char answer[65536]; /* last answer of the control socket, without its newline */
};

enum { START_TRIES = 6000, START_STEP_MS = 10 };

static inline void broken(const char *what, const char *detail)
{
    fprintf(stderr, "test environment: %s: %s\n", what, detail);
    exit(99);
}

static inline int connect_unix(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The folder of the vchip that was built with this test, build/tests/... or build/asan/tests/...; or $BUILD. */
static inline void build_dir(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    out[n > 0 ? n : 0] = 0;
    char *tests = strstr(out, "/tests/");
    if (tests != NULL)
        *tests = 0;
    if (tests == NULL || getenv("BUILD") != NULL)
        snprintf(out, size, "%s", getenv("BUILD") != NULL ? getenv("BUILD") : "build");
}

static inline void exec_vchip(const struct vchip *v, const struct chip_desc *desc)
{
    char build[256], program[300], state[96], control[96], usart[96], log[96];
    build_dir(build, sizeof build);
    snprintf(program, sizeof program, "%s/vchip", build);
    snprintf(state, sizeof state, "%s/state", v->dir);
    snprintf(control, sizeof control, "%s/control", v->dir);
    snprintf(usart, sizeof usart, "%s/usart", v->dir);
    snprintf(log, sizeof log, "%s/log", v->dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(98);
    execl(program, program, "--chip", desc->name, "--state", state, "--jtag", v->jtag, "--control", control, "--usart",
          usart, (char *)NULL);
    perror(program);
    _exit(98);
}

static inline __attribute__((format(printf, 2, 0))) const char *exchange(struct vchip *v, const char *fmt, va_list ap)
{
    char *line = v->answer;
    int n = vsnprintf(line, sizeof v->answer - 1, fmt, ap);
    if (n < 0 || n >= (int)sizeof v->answer - 1)
        broken("control command too long", fmt);
    line[n++] = '\n';
    if (write(v->control, line, (size_t)n) != n)
        broken("control write", strerror(errno));
    for (size_t len = 0; len < sizeof v->answer - 1;) {
        ssize_t got = read(v->control, line + len, sizeof v->answer - 1 - len);
        if (got <= 0)
            broken("control read", fmt);
        len += (size_t)got;
        if (line[len - 1] == '\n') {
            line[len - 1] = 0;
            return line;
        }
    }
    broken("control answer too long", fmt);
    return NULL;
}

/* One control command, printf style; its answer stays valid until the next one. */
static inline __attribute__((format(printf, 2, 3))) const char *vchip_ctl(struct vchip *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *answer = exchange(v, fmt, ap);
    va_end(ap);
    return answer;
}

/* The same, and the answer must begin with "ok". */
static inline __attribute__((format(printf, 2, 3))) void vchip_do(struct vchip *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *answer = exchange(v, fmt, ap);
    va_end(ap);
    if (strncmp(answer, "ok", 2) != 0)
        broken(fmt, answer);
}

/* A counter of the control command `stats`. */
static inline uint64_t vchip_stat(struct vchip *v, const char *name)
{
    char key[64];
    const char *answer = vchip_ctl(v, "stats");
    snprintf(key, sizeof key, " %s=", name);
    const char *at = strstr(answer, key);
    if (at == NULL)
        broken(name, answer);
    return strtoull(at + strlen(key), NULL, 10);
}

/* The part's memory behind everyone's back. */
static inline void vchip_peek(struct vchip *v, uint32_t addr, uint8_t *out, size_t len)
{
    const char *answer = vchip_ctl(v, "peek 0x%08x %zu", addr, len);
    if (strncmp(answer, "ok ", 3) != 0 || hex_decode(answer + 3, out, len) != (long)len)
        broken("peek", answer);
}

/* Start vchip with a new part.  It dies with this process. */
static inline void vchip_start(struct vchip *v, const struct chip_desc *desc)
{
    *v = (struct vchip){ .control = -1, .dir = "/tmp/vchip-test-XXXXXX" };
    if (mkdtemp(v->dir) == NULL)
        broken("mkdtemp", strerror(errno));
    snprintf(v->jtag, sizeof v->jtag, "%s/jtag", v->dir);
    v->pid = fork();
    if (v->pid < 0)
        broken("fork", strerror(errno));
    if (v->pid == 0)
        exec_vchip(v, desc);
    char control[96];
    snprintf(control, sizeof control, "%s/control", v->dir);
    for (int i = 0; i < START_TRIES && v->control < 0; i++) {
        if (waitpid(v->pid, NULL, WNOHANG) == v->pid)
            broken("vchip ended; see", v->dir);
        clock_sleep_ms(START_STEP_MS);
        if (access(v->jtag, F_OK) == 0)
            v->control = connect_unix(control);
    }
    if (v->control < 0)
        broken("no control socket", control);
}

static inline void vchip_stop(struct vchip *v)
{
    static const char *const files[] = { "state", "jtag", "control", "usart", "log" };
    close(v->control);
    kill(v->pid, SIGKILL);
    waitpid(v->pid, NULL, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", v->dir, files[i]);
        unlink(path);
    }
    rmdir(v->dir);
}

#endif
