#include "hsm/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "hsm/fault.h"

void pin_wipe(struct pin *pin)
{
    explicit_bzero(pin, sizeof *pin);
}

/* Read to the end; one trailing newline is taken off: editors add it, tokens do not know it. */
static enum err_code read_all(struct pin *pin, int fd, const char *name, struct err *e)
{
    ssize_t n;

    pin->len = 0;
    while ((n = read(fd, pin->text + pin->len, sizeof pin->text - pin->len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, &hsm_fault[HSM_PIN_SOURCE], "read", "%s", name);
        pin->len += (size_t)n;
        if (pin->len == sizeof pin->text)
            return err_set(e, &hsm_fault[HSM_PIN_SOURCE], "read", NULL, 0, "%s: longer than any PIN", name);
    }
    if (pin->len > 0 && pin->text[pin->len - 1] == '\n')
        pin->len--;
    if (pin->len == 0)
        return err_set(e, &hsm_fault[HSM_PIN_SOURCE], "read", NULL, 0, "%s: empty", name);
    return ERR_OK;
}

static enum err_code from_file(struct pin *pin, const char *path, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum err_code rc;

    if (fd < 0)
        return err_errno(e, &hsm_fault[errno == ELOOP ? HSM_PIN_SOURCE_OPEN_TO_OTHERS : HSM_PIN_SOURCE], "open", "%s", path);
    if (fstat(fd, &st) != 0)
        rc = err_errno(e, &hsm_fault[HSM_PIN_SOURCE], "fstat", "%s", path);
    else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        rc = err_set(e, &hsm_fault[HSM_PIN_SOURCE_OPEN_TO_OTHERS], "open", NULL, 0, "%s: mode %04o", path,
                     (unsigned)(st.st_mode & 07777));
    else
        rc = read_all(pin, fd, path, e);
    close(fd);
    return rc;
}

static enum err_code from_uri(struct pin *pin, const char *uri_source, const char *who, struct err *e)
{
    if (uri_source == NULL)
        return err_set(e, &hsm_fault[HSM_PIN_SOURCE], "pin-source", NULL, 0, "token '%s': its URI names none", who);
    if (strncmp(uri_source, "file:", 5) == 0)
        uri_source += 5;
    if (strncmp(uri_source, "//", 2) == 0)
        uri_source += 2;
    if (*uri_source != '/')
        return err_set(e, &hsm_fault[HSM_PIN_SOURCE], "pin-source", NULL, 0, "token '%s': not an absolute path", who);
    return from_file(pin, uri_source, e);
}

/* Echo off; and no key that would stop or kill us before it is on again. */
static struct termios hide(const struct termios *shown)
{
    struct termios t = *shown;

    t.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
    t.c_cc[VSUSP] = t.c_cc[VQUIT] = _POSIX_VDISABLE;
    return t;
}

/* A whole line, or -1 with errno.  ppoll, for it ends by a signal whose handler has SA_RESTART, and read does not. */
static ssize_t read_line(int fd, struct pin *pin, const sigset_t *mask)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return ppoll(&p, 1, NULL, mask) < 0 ? -1 : read(fd, pin->text, sizeof pin->text);
}

/* SIGINT, SIGTERM and SIGHUP get through only while we wait: so none is missed, and the echo comes back in any case. */
static ssize_t ask(int fd, struct pin *pin, const char *who)
{
    struct termios shown, hidden;
    sigset_t stop, before;
    ssize_t n = -1;
    int error;

    if (tcgetattr(fd, &shown) != 0)
        return -1;
    hidden = hide(&shown);
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stop, &before);
    if (tcsetattr(fd, TCSAFLUSH, &hidden) == 0) { /* before the question: nothing of the answer may be shown */
        (void)dprintf(fd, "PIN of token '%s': ", who);
        n = read_line(fd, pin, &before);
        error = errno;
        (void)tcsetattr(fd, TCSAFLUSH, &shown); /* best effort; what is behind the line never reaches the shell */
        (void)dprintf(fd, "\n");
        errno = error;
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return n;
}

static enum err_code from_prompt(struct pin *pin, const char *who, struct err *e)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    enum err_code rc = ERR_OK;
    ssize_t n;

    if (fd < 0)
        return err_errno(e, &hsm_fault[HSM_PIN_SOURCE], "/dev/tty", "token '%s': no terminal to ask on", who);
    n = ask(fd, pin, who);
    pin->len = n > 0 ? (size_t)n : 0;
    if (n < 0)
        rc = err_errno(e, &hsm_fault[HSM_PIN_SOURCE], "/dev/tty", "token '%s': no PIN given", who);
    else if (pin->len == sizeof pin->text)
        rc = err_set(e, &hsm_fault[HSM_PIN_SOURCE], "/dev/tty", NULL, 0, "token '%s': longer than any PIN", who);
    close(fd);
    if (rc != ERR_OK)
        return rc;
    if (pin->len > 0 && pin->text[pin->len - 1] == '\n')
        pin->len--;
    return pin->len > 0 ? ERR_OK
                        : err_set(e, &hsm_fault[HSM_PIN_SOURCE], "/dev/tty", NULL, 0, "token '%s': no PIN given", who);
}

enum err_code pin_read(struct pin *pin, const struct hsm_pin_source *source, const char *uri_source, const char *who,
                       struct err *e)
{
    enum err_code rc;
    char name[24];

    switch (source->kind) {
    case HSM_PIN_FD:
        (void)snprintf(name, sizeof name, "descriptor %d", source->fd);
        rc = read_all(pin, source->fd, name, e);
        break;
    case HSM_PIN_PROMPT:
        rc = from_prompt(pin, who, e);
        break;
    case HSM_PIN_URI:
    default:
        rc = from_uri(pin, uri_source, who, e);
        break;
    }
    if (rc != ERR_OK)
        pin_wipe(pin);
    return rc;
}
