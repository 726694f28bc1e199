#include "flash/vchip/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flash/vchip/fault.h"
#include "flash/vchip/listen.h"

struct client {
    int fd; /* -1: free */
    size_t len;
    bool too_long; /* of this line nothing is kept any more */
    char line[COMMAND_LINE_MAX];
};

struct ctl {
    int listener;
    char *path;
    struct hands hands;
    struct client client[CTL_CLIENTS];
    struct reply reply;
};

enum err_code ctl_open(struct ctl **out, const char *path, const struct hands *hands, struct err *e)
{
    struct ctl *c = calloc(1, sizeof *c);
    char *copy = strdup(path);
    enum err_code rc;
    int fd = -1;

    if (c == NULL || copy == NULL)
        rc = err_errno(e, &vchip_fault[VCHIP_NO_MEMORY], "calloc", "%s", path);
    else
        rc = listen_open(&fd, path, e);
    if (rc != ERR_OK) {
        free(c);
        free(copy);
        return rc;
    }
    c->listener = fd;
    c->path = copy;
    c->hands = *hands;
    for (size_t i = 0; i < CTL_CLIENTS; i++)
        c->client[i].fd = -1;
    *out = c;
    return ERR_OK;
}

void ctl_close(struct ctl *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CTL_CLIENTS; i++)
        if (c->client[i].fd >= 0)
            close(c->client[i].fd);
    listen_close(c->listener, c->path);
    free(c->path);
    free(c);
}

void ctl_poll(const struct ctl *c, struct pollfd fds[static CTL_FDS])
{
    bool room = false;

    for (size_t i = 0; i < CTL_CLIENTS; i++) {
        fds[1 + i] = (struct pollfd){ .fd = c->client[i].fd, .events = POLLIN };
        room = room || c->client[i].fd < 0;
    }
    fds[0] = (struct pollfd){ .fd = room ? c->listener : -1, .events = POLLIN }; /* one too many waits its turn */
}

static void leave(struct client *cl)
{
    close(cl->fd);
    cl->fd = -1;
}

static void enter(struct ctl *c)
{
    int fd = listen_accept(c->listener);

    for (size_t i = 0; i < CTL_CLIENTS && fd >= 0; i++) {
        if (c->client[i].fd >= 0)
            continue;
        c->client[i].fd = fd;
        c->client[i].len = 0;
        c->client[i].too_long = false;
        return;
    }
}

static bool answer(struct client *cl, struct reply *r)
{
    size_t len = strlen(r->text);

    r->text[len++] = '\n'; /* the array has room behind the longest answer */
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(cl->fd, r->text + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

/* A whole line has come. */
static bool take_line(struct ctl *c, struct client *cl)
{
    if (cl->too_long) {
        reply_error(&c->reply, "a line has at most %d characters", COMMAND_LINE_MAX - 1);
    } else {
        cl->line[cl->len] = '\0';
        command_run(&c->hands, cl->line, &c->reply);
    }
    cl->len = 0;
    cl->too_long = false;
    return answer(cl, &c->reply);
}

static bool take_bytes(struct ctl *c, struct client *cl, const char *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (in[i] == '\n') {
            if (!take_line(c, cl))
                return false;
        } else if (cl->len == COMMAND_LINE_MAX - 1) {
            cl->too_long = true;
        } else {
            cl->line[cl->len++] = in[i] != '\0' ? in[i] : '?';
        }
    }
    return true;
}

static void serve_client(struct ctl *c, struct client *cl)
{
    char in[4096];
    ssize_t n = recv(cl->fd, in, sizeof in, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !take_bytes(c, cl, in, (size_t)n))
        leave(cl);
}

void ctl_serve(struct ctl *c, const struct pollfd fds[static CTL_FDS])
{
    for (size_t i = 0; i < CTL_CLIENTS; i++)
        if (c->client[i].fd >= 0 && fds[1 + i].revents != 0)
            serve_client(c, &c->client[i]);
    if (fds[0].revents != 0)
        enter(c);
}
