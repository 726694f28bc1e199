#include "flash/vchip/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static const struct fault fault_taken = {
    "vchip-usart-taken", ERR_CREATE, "the serial line's path is taken by something that is no symlink; it stays as it is",
    "give another path", FATE_BY_CODE
};
static const struct fault fault_create = { "vchip-usart", ERR_CREATE, "the serial line cannot be made",
                                           "check that its folder exists and may be written", FATE_BY_CODE };

struct pty {
    int master, slave; /* slave: held open, so that the master never reports a hang-up when a client leaves */
    char *path;
};

static enum err_code make_room(const char *path, struct err *e)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? ERR_OK : err_errno(e, &fault_create, "lstat", "%s", path);
    if (!S_ISLNK(st.st_mode))
        return err_set(e, &fault_taken, "symlink", NULL, 0, "%s", path);
    return unlink(path) == 0 ? ERR_OK : err_errno(e, &fault_create, "unlink", "%s", path);
}

static bool open_pair(struct pty *p, char name[static 64])
{
    struct termios t;

    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (p->master < 0 || grantpt(p->master) != 0 || unlockpt(p->master) != 0 || ptsname_r(p->master, name, 64) != 0)
        return false;
    p->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p->slave < 0 || tcgetattr(p->slave, &t) != 0)
        return false;
    cfmakeraw(&t);
    return tcsetattr(p->slave, TCSANOW, &t) == 0;
}

enum err_code pty_open(struct pty **out, const char *path, struct err *e)
{
    struct pty *p = calloc(1, sizeof *p);
    char name[64];
    enum err_code rc;

    if (p == NULL)
        return err_errno(e, &fault_create, "calloc", "%s", path);
    p->master = p->slave = -1;
    if ((rc = make_room(path, e)) != ERR_OK)
        goto fail;
    if (!open_pair(p, name) || symlink(name, path) != 0 || (p->path = strdup(path)) == NULL) {
        rc = err_errno(e, &fault_create, "openpt", "%s", path);
        goto fail;
    }
    *out = p;
    return ERR_OK;
fail:
    pty_close(p);
    return rc;
}

void pty_close(struct pty *p)
{
    if (p == NULL)
        return;
    if (p->path != NULL)
        (void)unlink(p->path); /* gone already is as good */
    if (p->slave >= 0)
        close(p->slave);
    if (p->master >= 0)
        close(p->master);
    free(p->path);
    free(p);
}

int pty_fd(const struct pty *p)
{
    return p->master;
}

void pty_write(struct pty *p, const uint8_t *bytes, size_t n)
{
    ssize_t done = write(p->master, bytes, n);

    (void)done; /* full: nobody listens, see the header */
}

size_t pty_read(struct pty *p, uint8_t *bytes, size_t max)
{
    ssize_t n = read(p->master, bytes, max);

    return n > 0 ? (size_t)n : 0;
}
