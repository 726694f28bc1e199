#include "relay/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void wire_init(struct wire *p, bool console)
{
    p->fd = -1;
    p->console = console;
    p->ended = false;
    p->at = p->len = p->out_at = p->out_len = 0;
}

void wire_attach(struct wire *p, int fd)
{
    p->fd = fd;
    p->at = p->len = 0;
    line_init(&p->line, p->console ? LINE_COBS : LINE_HEX, p->console);
}

void wire_close(struct wire *p)
{
    if (p->fd > STDERR_FILENO)
        (void)close(p->fd); /* what was written there nobody confirms */
    p->fd = -1;
}

/* Standard input's descriptor is shared with others and must not become non-blocking: it is asked first. */
static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

bool wire_read(struct wire *p)
{
    if (p->fd < 0 || p->ended || p->at < p->len || !readable(p->fd))
        return true;
    ssize_t n = read(p->fd, p->in, sizeof p->in);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    p->at = 0;
    p->len = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return true;
    if (p->console)
        wire_close(p);
    p->ended = !p->console;
    return !p->console;
}

enum line_kind wire_next(struct wire *p, uint8_t frame[FRAME_MAX], size_t *len)
{
    size_t used;
    enum line_kind kind = line_feed(&p->line, p->in + p->at, p->len - p->at, &used, frame, len);

    p->at += used;
    return kind == LINE_MORE && p->ended ? line_end(&p->line, frame, len) : kind;
}

bool wire_send(struct wire *p, const uint8_t *frame, size_t len)
{
    if (!p->console)
        return false;
    memmove(p->out, p->out + p->out_at, p->out_len - p->out_at);
    p->out_len -= p->out_at;
    p->out_at = 0;
    size_t n = line_encode(frame, len, p->out + p->out_len, sizeof p->out - p->out_len);
    p->out_len += n;
    wire_flush(p);
    return n > 0;
}

void wire_flush(struct wire *p)
{
    if (p->fd < 0 || !wire_sends(p))
        return;
    size_t len = p->out_len - p->out_at;
    ssize_t n = send(p->fd, p->out + p->out_at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == ENOTSOCK)
        n = write(p->fd, p->out + p->out_at, len); /* opened non-blocking: base/console.h */
    if (n > 0)
        p->out_at += (size_t)n; /* else: full, or gone, which reading finds out */
}

bool wire_sends(const struct wire *p)
{
    return p->out_at < p->out_len;
}
