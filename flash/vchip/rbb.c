#include "flash/vchip/rbb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flash/vchip/fault.h"
#include "flash/vchip/listen.h"

struct rbb {
    struct jtag *jtag;
    int listener, client; /* client: -1 = none */
    char *path;
    char in[4096], out[4096]; /* OpenOCD sends 512 at a time; every character has at most one reply */
};

enum err_code rbb_open(struct rbb **out, const char *path, struct jtag *jtag, struct err *e)
{
    struct rbb *r = calloc(1, sizeof *r);
    char *copy = strdup(path);
    enum err_code rc;

    if (r == NULL || copy == NULL)
        rc = err_errno(e, &vchip_fault[VCHIP_NO_MEMORY], "calloc", "%s", path);
    else
        rc = listen_open(&r->listener, path, e);
    if (rc != ERR_OK) {
        free(copy);
        free(r);
        return rc;
    }
    r->jtag = jtag;
    r->client = -1;
    r->path = copy;
    *out = r;
    return ERR_OK;
}

void rbb_close(struct rbb *r)
{
    if (r == NULL)
        return;
    rbb_drop(r);
    listen_close(r->listener, r->path);
    free(r->path);
    free(r);
}

int rbb_fd(const struct rbb *r)
{
    return r->client >= 0 ? r->client : r->listener;
}

void rbb_drop(struct rbb *r)
{
    if (r->client < 0)
        return;
    close(r->client);
    r->client = -1;
    jtag_reset_pins(r->jtag, false, false); /* nobody pulls them any more: nRST has a pull-up, nTRST too */
}

/* One character; returns the number of reply characters (0 or 1). */
static size_t character(struct rbb *r, char c, char *reply)
{
    if (c >= '0' && c <= '7') {
        unsigned pins = (unsigned)(c - '0');
        jtag_pins(r->jtag, (pins & 4) != 0, (pins & 2) != 0, (pins & 1) != 0);
    } else if (c == 'R') {
        *reply = jtag_tdo(r->jtag) ? '1' : '0';
        return 1;
    } else if (c >= 'r' && c <= 'u') {
        unsigned pins = (unsigned)(c - 'r');
        jtag_reset_pins(r->jtag, (pins & 2) != 0, (pins & 1) != 0);
    } else if (c == 'Q') {
        rbb_drop(r);
    } /* 'B' and 'b' are a lamp that we don't have; of others the protocol says nothing */
    return 0;
}

static void send_all(struct rbb *r, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(r->client, r->out + sent, len - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            rbb_drop(r);
            return;
        }
    }
}

unsigned rbb_serve(struct rbb *r)
{
    if (r->client < 0)
        r->client = listen_accept(r->listener);
    if (r->client < 0)
        return 0;
    ssize_t n = recv(r->client, r->in, sizeof r->in, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        rbb_drop(r);
        return 0;
    }
    size_t len = 0;
    ssize_t i = 0;
    while (i < n && r->client >= 0) /* the board may drop the link from inside a clock edge */
        len += character(r, r->in[i++], r->out + len);
    if (r->client >= 0)
        send_all(r, len);
    return (unsigned)i;
}
