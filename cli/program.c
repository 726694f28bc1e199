#include "cli/program.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/subprocess.h"

/* Take what is there; fd becomes -1, which poll passes over, at its end. */
static void drain(struct pollfd *p, char *text, size_t size, size_t *len)
{
    char spill[256];
    size_t room = size - 1 - *len;
    ssize_t got;

    if (p->revents == 0)
        return;
    got = room > 0 ? read(p->fd, text + *len, room) : read(p->fd, spill, sizeof spill);
    if (got > 0 && room > 0)
        *len += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        p->fd = -1;
}

int program_output(const char *path, const char *arg, char *text, size_t size, unsigned limit_ms)
{
    const char *argv[] = { path, arg, NULL };
    struct subprocess_spec spec = { .path = path, .argv = argv };
    struct subprocess child;
    size_t len = 0;
    int rc = subprocess_start(&child, &spec);

    if (rc != 0)
        return rc;
    struct pollfd p[] = { { .fd = child.out, .events = POLLIN }, { .fd = child.err, .events = POLLIN } };
    uint64_t end = clock_mono_ns() + limit_ms * 1000000ull;
    for (uint64_t now; (p[0].fd >= 0 || p[1].fd >= 0) && (now = clock_mono_ns()) < end;) {
        int ready = poll(p, 2, (int)((end - now) / 1000000) + 1);

        for (int i = 0; i < 2 && ready > 0; i++)
            drain(&p[i], text, size, &len);
    }
    text[len] = '\0';
    (void)subprocess_stop(&child, 0); /* its words count, not its exit status */
    return p[0].fd < 0 && p[1].fd < 0 ? 0 : ETIMEDOUT;
}
