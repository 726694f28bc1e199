#include "server/scrape.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/fault.h"
#include "server/tcp.h"
#include "server/route.h"

enum { CONNECTIONS = 16, TIMEOUT_S = 5, MEMORY_MAX = 16 * 1024 };

struct scrape {
    struct scrape_source source;
    struct MHD_Daemon *daemon;
    int listen_fd;
};

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *allow, size_t len, char *text)
{
    struct MHD_Response *a = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result rc = MHD_NO;

    if (a == NULL)
        return MHD_NO;
    if (MHD_add_response_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8") == MHD_YES &&
        (allow == NULL || MHD_add_response_header(a, MHD_HTTP_HEADER_ALLOW, allow) == MHD_YES))
        rc = MHD_queue_response(c, status, a);
    MHD_destroy_response(a);
    return rc;
}

static enum MHD_Result print(struct scrape *s, struct MHD_Connection *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    enum MHD_Result rc = MHD_NO;

    if (out == NULL)
        return MHD_NO;
    s->source.print(s->source.io, out);
    if (fclose(out) == 0)
        rc = answer(c, MHD_HTTP_OK, NULL, len, text);
    free(text);
    return rc;
}

static enum MHD_Result step(void *io, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                            const char *data, size_t *len, void **context)
{
    static int seen;
    struct scrape *s = io;
    struct route_match m;
    char nothing[] = "";
    unsigned status = route_find(method, url, &m);

    (void)version;
    (void)data;
    if (*context == NULL) { /* the answer comes when the request is there */
        *context = &seen;
        return MHD_YES;
    }
    if (*len > 0) {
        *len = 0;
        return MHD_YES;
    }
    if (m.route == ROUTE_FRAMES)
        return answer(c, MHD_HTTP_NOT_FOUND, NULL, 0, nothing);
    if (status != 0)
        return answer(c, status, m.allow, 0, nothing);
    if (m.route == ROUTE_METRICS)
        return print(s, c);
    return answer(c, s->source.healthy(s->source.io) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, NULL, 0, nothing);
}

enum err_code scrape_open(struct scrape **out, unsigned *port, const struct scrape_source *source, struct err *e)
{
    char address[32], host[TCP_HOST_MAX];
    struct scrape *s = calloc(1, sizeof *s);
    enum err_code rc;

    if (s == NULL)
        return err_errno(e, &server_fault[SERVER_MEMORY], "calloc", "%zu bytes", sizeof *s);
    s->source = *source;
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", *port);
    if ((rc = tcp_listen(address, &s->listen_fd, port, host, e)) == ERR_OK) {
        s->daemon =
            MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, step, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd,
                             MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                             (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX, MHD_OPTION_END);
        if (s->daemon == NULL) {
            rc = err_set(e, &server_fault[SERVER_START], "MHD_start_daemon", NULL, 0, "%s", address);
            (void)close(s->listen_fd);
        }
    }
    if (rc != ERR_OK) {
        free(s);
        return rc;
    }
    *out = s;
    return ERR_OK;
}

void scrape_close(struct scrape *s)
{
    if (s == NULL)
        return;
    MHD_stop_daemon(s->daemon); /* closes its socket */
    free(s);
}

int scrape_fd(const struct scrape *s)
{
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    return i != NULL ? i->epoll_fd : -1;
}

int scrape_timeout_ms(const struct scrape *s)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
        return -1;
    return ms > 1000 ? 1000 : (int)ms;
}

void scrape_run(struct scrape *s)
{
    (void)MHD_run(s->daemon);
}
