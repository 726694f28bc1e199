#include "server/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/fault.h"
#include "server/scrape.h"

enum { NS_PER_MS = 1000000, LOOK_MS = 1000, AGAIN_MIN_MS = 100, AGAIN_MAX_MS = 30000, STEADY_MS = 60000 };

struct shared { /* by parent and workers */
    struct rate rate;
    struct {
        struct metrics metrics;
        struct err why; /* of a worker that ended by itself: its pointers are good here, the program is the same */
    } worker[];
};

struct child {
    pid_t pid; /* 0: not running */
    int pidfd;
    bool ready;
    uint64_t began_ns, again_ns;
    unsigned again_ms;
};

struct parent {
    const struct workers_parts *p;
    struct shared *shared;
    size_t shared_len;
    int listen_fd, ready[2];
    sigset_t open; /* the signals as they were */
    struct scrape *scrape;
    struct workers_address address;
    struct child *child;
    uint64_t restarts;
    bool started, stopping, killed;
    uint64_t stopping_ns;
    struct err why; /* of the end; code ERR_OK: told to */
};

void worker_ready(const struct worker *w)
{
    const uint8_t index = (uint8_t)w->index;

    while (write(w->ready_fd, &index, 1) < 0 && errno == EINTR)
        ;
}

/* ---- a worker's process ---- */

/* What the parent has open (metrics, other workers) is none of a worker's business. */
static void close_others(int a, int b)
{
    const unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

    if (low > 3)
        (void)close_range(3, low - 1, 0);
    if (high > low + 1)
        (void)close_range(low + 1, high - 1, 0);
    (void)close_range(high + 1, ~0U, 0);
}

static void live(struct parent *m, unsigned index, pid_t parent) __attribute__((noreturn));
static void live(struct parent *m, unsigned index, pid_t parent)
{
    const struct worker w = { .index = index,
                              .listen_fd = m->listen_fd,
                              .metrics = &m->shared->worker[index].metrics,
                              .rate = &m->shared->rate,
                              .ready_fd = m->ready[1] };
    struct err e = { .code = ERR_OK };

    (void)sigprocmask(SIG_SETMASK, &m->open, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(err_exit_status(ERR_RETRY));
    close_others(m->listen_fd, m->ready[1]);
    const enum err_code rc = m->p->work(m->p->io, &w, &e);
    if (rc != ERR_OK)
        m->shared->worker[index].why = e;
    _exit(err_exit_status(rc));
}

/* ---- the parent ---- */

static enum err_code start_one(struct parent *m, unsigned index, struct err *e)
{
    struct child *c = &m->child[index];
    const pid_t parent = getpid();

    m->shared->worker[index].why = (struct err){ .code = ERR_OK };
    (void)fflush(NULL); /* nothing is to be written twice */
    const pid_t pid = fork();
    if (pid == 0)
        live(m, index, parent);
    if (pid < 0)
        return err_errno(e, &server_fault[SERVER_PROCESS], "fork", "worker %u", index);
    *c = (struct child){ .pid = pid, .pidfd = pidfd_open(pid, 0), .began_ns = clock_mono_ns(), .again_ms = c->again_ms };
    return ERR_OK;
}

static void end_all(struct parent *m, const struct err *why)
{
    if (m->stopping)
        return;
    m->stopping = true;
    m->stopping_ns = clock_mono_ns();
    if (why != NULL)
        m->why = *why;
    (void)close(m->listen_fd); /* nobody new */
    m->listen_fd = -1;
    for (unsigned i = 0; i < m->p->workers; i++)
        if (m->child[i].pid > 0)
            (void)kill(m->child[i].pid, SIGTERM);
}

static bool waiting_mends(const struct err *e)
{
    return e->code == ERR_RETRY || e->code == ERR_UNAVAILABLE || e->fault == &server_fault[SERVER_WORKER];
}

static void ended(struct parent *m, unsigned index, int status)
{
    struct child *c = &m->child[index];
    struct err e = m->shared->worker[index].why;
    const uint64_t now = clock_mono_ns(), lived_ms = (now - c->began_ns) / NS_PER_MS;

    if (c->pidfd >= 0)
        (void)close(c->pidfd);
    c->pid = 0;
    c->pidfd = -1;
    if (e.code == ERR_OK && !(m->stopping && WIFEXITED(status) && WEXITSTATUS(status) == 0))
        (void)err_set(&e, &server_fault[SERVER_WORKER], WIFSIGNALED(status) ? "signal" : "exit", "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), "worker %u", index);
    if (m->stopping || m->p->stop()) /* a signal reaches a whole terminal: a worker may be faster than we */
        return;
    if (!m->started || !waiting_mends(&e)) {
        end_all(m, &e);
        return;
    }
    c->again_ms = c->again_ms == 0 || lived_ms > STEADY_MS ? AGAIN_MIN_MS : c->again_ms * 2;
    if (c->again_ms > AGAIN_MAX_MS)
        c->again_ms = AGAIN_MAX_MS;
    c->again_ns = now + (uint64_t)c->again_ms * NS_PER_MS;
    m->restarts++;
    m->p->ended(m->p->io, index, &e, c->again_ms);
}

static unsigned running(const struct parent *m, bool ready)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->p->workers; i++)
        n += m->child[i].pid > 0 && (!ready || m->child[i].ready);
    return n;
}

static void reap(struct parent *m)
{
    int status;

    for (unsigned i = 0; i < m->p->workers; i++)
        if (m->child[i].pid > 0 && waitpid(m->child[i].pid, &status, WNOHANG) == m->child[i].pid)
            ended(m, i, status);
}

static void start_due(struct parent *m)
{
    struct err e;

    for (unsigned i = 0; i < m->p->workers && !m->stopping; i++) {
        struct child *c = &m->child[i];
        if (c->pid > 0 || c->again_ns > clock_mono_ns())
            continue;
        if (start_one(m, i, &e) == ERR_OK)
            continue;
        if (!m->started)
            end_all(m, &e);
        else
            c->again_ns = clock_mono_ns() + (uint64_t)AGAIN_MAX_MS * NS_PER_MS;
    }
}

static void take_ready(struct parent *m)
{
    uint8_t index;

    while (read(m->ready[0], &index, 1) == 1)
        if (index < m->p->workers)
            m->child[index].ready = true;
    if (!m->started && !m->stopping && running(m, true) == m->p->workers) {
        m->started = true;
        m->p->started(m->p->io, &m->address);
    }
}

static void wait_for_news(struct parent *m)
{
    struct pollfd p[WORKERS_MAX + 2];
    nfds_t n = 0;
    int ms = scrape_timeout_ms(m->scrape);
    const uint64_t now = clock_mono_ns();

    ms = ms < 0 ? LOOK_MS : ms;
    p[n++] = (struct pollfd){ .fd = m->ready[0], .events = POLLIN };
    p[n++] = (struct pollfd){ .fd = scrape_fd(m->scrape), .events = POLLIN };
    for (unsigned i = 0; i < m->p->workers; i++) {
        const struct child *c = &m->child[i];
        if (c->pid > 0)
            p[n++] = (struct pollfd){ .fd = c->pidfd, .events = POLLIN };
        else if (c->again_ns <= now)
            ms = 0;
        else if ((c->again_ns - now) / NS_PER_MS + 1 < (unsigned)ms)
            ms = (int)((c->again_ns - now) / NS_PER_MS + 1);
    }
    const struct timespec t = { ms / 1000, ms % 1000 * (long)NS_PER_MS };
    (void)ppoll(p, n, m->stopping ? &(struct timespec){ 0, 100 * NS_PER_MS } : &t, &m->open);
}

static void supervise(struct parent *m)
{
    start_due(m);
    while (!m->stopping || running(m, false) > 0) {
        wait_for_news(m);
        take_ready(m);
        reap(m);
        if (m->p->stop())
            end_all(m, NULL);
        start_due(m);
        scrape_run(m->scrape);
        if (m->stopping && !m->killed && clock_mono_ns() - m->stopping_ns > (uint64_t)WORKERS_DRAIN_S * 1000 * NS_PER_MS) {
            m->killed = true;
            for (unsigned i = 0; i < m->p->workers; i++)
                if (m->child[i].pid > 0)
                    (void)kill(m->child[i].pid, SIGKILL);
        }
    }
}

/* ---- metrics ---- */

static void print_metrics(void *io, FILE *out)
{
    struct parent *m = io;
    const struct metrics *block[WORKERS_MAX];

    for (unsigned i = 0; i < m->p->workers; i++)
        block[i] = &m->shared->worker[i].metrics;
    metrics_print(out, block, m->p->workers, running(m, true), m->restarts);
}

static bool is_healthy(void *io)
{
    const struct parent *m = io;

    return !m->stopping && running(m, true) > 0;
}

/* ---- from start to end ---- */

static enum err_code make_shared(struct parent *m, struct err *e)
{
    const unsigned n = m->p->workers;

    m->shared_len = sizeof *m->shared + n * sizeof m->shared->worker[0];
    m->shared = mmap(NULL, m->shared_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    m->child = calloc(n, sizeof *m->child);
    if (m->shared == MAP_FAILED || m->child == NULL)
        return err_errno(e, &server_fault[SERVER_MEMORY], "mmap", "%zu bytes", m->shared_len);
    m->shared->rate.second = m->p->rate;
    if (getrandom(&m->shared->rate.seed, sizeof m->shared->rate.seed, 0) != sizeof m->shared->rate.seed)
        return err_errno(e, &server_fault[SERVER_MEMORY], "getrandom", "the rate table");
    if (pipe2(m->ready, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_errno(e, &server_fault[SERVER_PROCESS], "pipe", "the workers");
    return ERR_OK;
}

static void undo(struct parent *m)
{
    scrape_close(m->scrape);
    for (int i = 0; i < 2; i++)
        if (m->ready[i] >= 0)
            (void)close(m->ready[i]);
    if (m->listen_fd >= 0)
        (void)close(m->listen_fd);
    free(m->child);
    if (m->shared != MAP_FAILED)
        (void)munmap(m->shared, m->shared_len);
}

enum err_code workers_run(const struct workers_parts *parts, struct err *e)
{
    struct parent m = { .p = parts, .shared = MAP_FAILED, .listen_fd = -1, .ready = { -1, -1 }, .why = { .code = ERR_OK } };
    const struct scrape_source source = { .print = print_metrics, .healthy = is_healthy, .io = &m };
    sigset_t stops;
    enum err_code rc;

    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGHUP);
    m.address.metrics_port = parts->metrics_port;
    if ((rc = make_shared(&m, e)) == ERR_OK &&
        (rc = tcp_listen(parts->listen, &m.listen_fd, &m.address.port, m.address.host, e)) == ERR_OK &&
        (rc = scrape_open(&m.scrape, &m.address.metrics_port, &source, e)) == ERR_OK) {
        (void)sigprocmask(SIG_BLOCK, &stops, &m.open);
        supervise(&m);
        (void)sigprocmask(SIG_SETMASK, &m.open, NULL);
        if ((rc = m.why.code) != ERR_OK)
            *e = m.why;
    }
    undo(&m);
    return rc;
}
