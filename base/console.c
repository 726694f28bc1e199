#include "base/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int give_up(int fd, int error)
{
    (void)close(fd);
    errno = error;
    return -1;
}

static int open_socket(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof to.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
        return give_up(fd, errno);
    return fd;
}

/* O_NOCTTY: the board's console must not become ours; O_NONBLOCK: a port without carrier must not hang open. */
static int open_port(const char *path)
{
    struct termios t;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || tcgetattr(fd, &t) != 0) /* no terminal: read as it is */
        return fd;
    cfmakeraw(&t);
    t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
    t.c_cflag |= CLOCAL | CREAD;
    (void)cfsetspeed(&t, B115200);
    (void)tcsetattr(fd, TCSANOW, &t); /* a port that can't do it shows in what it delivers */
    return fd;
}

int console_open(const char *path)
{
    struct stat st;
    int fd = stat(path, &st) == 0 && S_ISSOCK(st.st_mode) ? open_socket(path) : open_port(path);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return give_up(fd, EBUSY);
    return fd;
}
