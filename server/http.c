#include "server/http.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/fault.h"
#include "server/http_impl.h"

enum { NS_PER_MS = 1000000, IDLE_MS = 1000, WHOLE_REQUEST = 3 /* x timeout */, DRAIN_GRACE_MS = 300 };

/* ---- connections ---- */

static void peer_came(struct http *h, struct MHD_Connection *c, void **context)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct peer *p = calloc(1, sizeof *p);

    *context = p;
    if (p == NULL) /* served all the same, without a limit of its own */
        return;
    *p = (struct peer){ .next = h->peers, .fd = i != NULL ? i->connect_fd : -1, .since_ns = clock_mono_ns() };
    if (h->peers != NULL)
        h->peers->previous = p;
    h->peers = p;
    metrics_add(&h->p->metrics->connections, 1);
}

static void peer_went(struct http *h, void **context)
{
    struct peer *p = *context;

    *context = NULL;
    if (p == NULL)
        return;
    if (p->next != NULL)
        p->next->previous = p->previous;
    *(p->previous != NULL ? &p->previous->next : &h->peers) = p->next;
    metrics_add(&h->p->metrics->connections, UINT64_MAX); /* one less */
    free(p);
}

static void on_connection(void *http, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        peer_came(http, c, context);
    else
        peer_went(http, context);
}

/* A client that trickles a byte a second is never idle: its request as a whole has an end too. */
static void end_slow(struct http *h)
{
    const uint64_t limit = (uint64_t)WHOLE_REQUEST * h->p->timeout_s * 1000 * NS_PER_MS, now = clock_mono_ns();

    for (struct peer *p = h->peers; p != NULL; p = p->next)
        if (!p->waits && now - p->since_ns > limit)
            (void)shutdown(p->fd, SHUT_RDWR); /* libmicrohttpd sees the end, and closes */
}

/* ---- starting ---- */

/* What a stranger's handshake did wrong is no news; only why we don't start is. */
__attribute__((format(printf, 2, 0))) static void note(void *text, const char *format, va_list ap)
{
    char *out = text;

    (void)vsnprintf(out, sizeof((struct err *)NULL)->subject, format, ap);
    out[strcspn(out, "\r\n")] = '\0';
}

static void want_files(unsigned connections)
{
    struct rlimit files;
    const rlim_t want = (rlim_t)connections + 64;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= want)
        return;
    files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* with fewer, the rest waits to be accepted */
}

static enum err_code start(struct http *h, char *text, struct err *e)
{
    const struct http_parts *p = h->p;

    want_files(p->connections);
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, request_step, h,
        MHD_OPTION_EXTERNAL_LOGGER, note, text, MHD_OPTION_LISTEN_SOCKET, p->listen_fd, MHD_OPTION_HTTPS_MEM_CERT,
        p->token == NULL ? p->tls->certificate : NULL, MHD_OPTION_HTTPS_MEM_KEY, p->tls->key, MHD_OPTION_HTTPS_CERT_CALLBACK,
        tls_token_serve(p->token), MHD_OPTION_HTTPS_PRIORITIES, tls_priorities, MHD_OPTION_CONNECTION_LIMIT, p->connections,
        MHD_OPTION_CONNECTION_TIMEOUT, p->timeout_s, MHD_OPTION_NOTIFY_COMPLETED, request_ended, h,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    if (h->daemon == NULL)
        return err_set(e, &server_fault[SERVER_START], "MHD_start_daemon", NULL, 0, "%s", text);
    return ERR_OK;
}

/* ---- the loop ---- */

static int epoll_of(struct MHD_Daemon *d)
{
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);

    return i != NULL ? i->epoll_fd : -1;
}

static void wait_for_work(struct http *h, int wake_ms, const sigset_t *open)
{
    struct pollfd p = { .fd = epoll_of(h->daemon), .events = POLLIN };
    MHD_UNSIGNED_LONG_LONG lib_ms;
    int ms = h->draining ? DRAIN_GRACE_MS / 10 : IDLE_MS;

    if (MHD_get_timeout(h->daemon, &lib_ms) == MHD_YES && lib_ms < (unsigned)ms)
        ms = (int)lib_ms;
    if (wake_ms >= 0 && wake_ms < ms)
        ms = wake_ms;
    const struct timespec t = { ms / 1000, ms % 1000 * (long)NS_PER_MS };
    (void)ppoll(&p, 1, &t, open); /* a signal is what it also waits for */
}

/* Nobody new; whoever has sent a request gets an answer. */
static bool drained(struct http *h, uint64_t *since_ns)
{
    const uint64_t now = clock_mono_ns();

    if (!h->draining) {
        h->draining = true;
        *since_ns = now;
        const MHD_socket fd = MHD_quiesce_daemon(h->daemon);
        if (fd != MHD_INVALID_SOCKET)
            (void)close(fd); /* else the kernel would go on taking connections that nobody serves */
    }
    const uint64_t ms = (now - *since_ns) / NS_PER_MS;
    return h->peers == NULL || (h->requests == 0 && ms > DRAIN_GRACE_MS) ||
           ms > (uint64_t)WHOLE_REQUEST * h->p->timeout_s * 1000;
}

/* Handshakes that get no signature tell nobody: without the token the worker ends, as without an engine. */
static void look_at_token(struct http *h)
{
    if (h->p->token != NULL && !h->lost)
        h->lost = tls_token_is_lost(h->p->token, &h->why);
}

static void loop(struct http *h, const sigset_t *open)
{
    uint64_t draining_ns = 0, swept_ns = clock_mono_ns();

    while (!(h->p->stop() || h->lost) || !drained(h, &draining_ns)) {
        wait_for_work(h, requests_wake(h, false), open);
        (void)requests_wake(h, false);
        (void)MHD_run(h->daemon);
        look_at_token(h);
        if (clock_mono_ns() - swept_ns > (uint64_t)IDLE_MS * NS_PER_MS) {
            end_slow(h);
            engine_idle(h->p->engine);
            swept_ns = clock_mono_ns();
        }
    }
    (void)requests_wake(h, true); /* none may be suspended at the end */
    (void)MHD_run(h->daemon);
}

enum err_code http_run(const struct http_parts *parts, struct err *e)
{
    struct http *h = calloc(1, sizeof *h);
    char text[sizeof e->subject] = "";
    sigset_t stops, open;
    enum err_code rc;

    if (h == NULL)
        return err_errno(e, &server_fault[SERVER_MEMORY], "calloc", "%zu bytes", sizeof *h);
    h->p = parts;
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stops, &open);
    if ((rc = start(h, text, e)) == ERR_OK) {
        parts->ready(parts->io);
        loop(h, &open);
        MHD_stop_daemon(h->daemon);
        if (h->lost) {
            *e = h->why;
            rc = e->code;
        }
    }
    (void)sigprocmask(SIG_SETMASK, &open, NULL);
    metrics_set(&parts->metrics->connections, 0);
    metrics_set(&parts->metrics->in_progress, 0);
    metrics_set(&parts->metrics->waiting, 0);
    (void)tls_token_serve(NULL);
    free(h);
    return rc;
}
