#include "flash/vchip/listen.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const struct fault fault_path = { "vchip-socket-path", ERR_USAGE, "the socket's path is empty or too long",
                                         "give a path of at most 107 bytes", FATE_BY_CODE };
static const struct fault fault_taken = { "vchip-socket-taken", ERR_CREATE,
                                          "the socket's path is in use, or is no socket; nothing was changed",
                                          "give another path, or end the program that listens there", FATE_BY_CODE };
static const struct fault fault_create = { "vchip-socket", ERR_CREATE, "the socket cannot be made",
                                           "check that its folder exists and may be written", FATE_BY_CODE };

static bool someone_listens(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return true;
    bool refused = connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 && errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

/* Take away what a killed server left; keep everything else. */
static enum err_code make_room(const struct sockaddr_un *addr, struct err *e)
{
    struct stat st;

    if (lstat(addr->sun_path, &st) < 0)
        return errno == ENOENT ? ERR_OK : err_errno(e, &fault_create, "lstat", "%s", addr->sun_path);
    if (!S_ISSOCK(st.st_mode) || someone_listens(addr))
        return err_set(e, &fault_taken, "bind", NULL, 0, "%s", addr->sun_path);
    if (unlink(addr->sun_path) < 0)
        return err_errno(e, &fault_create, "unlink", "%s", addr->sun_path);
    return ERR_OK;
}

enum err_code listen_open(int *out, const char *path, struct err *e)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    enum err_code rc;

    if (len == 0 || len >= sizeof addr.sun_path)
        return err_set(e, &fault_path, "bind", NULL, 0, "%s", path);
    memcpy(addr.sun_path, path, len);
    if ((rc = make_room(&addr, e)) != ERR_OK)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Linux gives the file the mode of the unbound socket (unix(7)), so that it is never open to others. */
    if (fd >= 0 && fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)&addr, sizeof addr) == 0) {
        if (listen(fd, 4) == 0) {
            *out = fd;
            return ERR_OK;
        }
        (void)unlink(path); /* the failure of listen is what is reported */
    }
    rc = err_errno(e, &fault_create, "bind", "%s", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

void listen_close(int fd, const char *path)
{
    close(fd);
    (void)unlink(path); /* gone already is as good */
}

int listen_accept(int fd)
{
    /* A client that never reads must not hold the board up for ever. */
    static const struct timeval patience = { .tv_sec = 1 };
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (client >= 0)
        (void)setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* a limit, no promise */
    return client;
}
