#include "hsm/pin.h"

#include <errno.h>
#include <fcntl.h>
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

static enum err_code from_prompt(struct pin *pin, const char *who, struct err *e)
{
    struct termios shown, hidden;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    ssize_t n = -1;

    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0)
            close(fd);
        return err_errno(e, &hsm_fault[HSM_PIN_SOURCE], "/dev/tty", "token '%s': no terminal to ask on", who);
    }
    hidden = shown;
    hidden.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
    (void)dprintf(fd, "PIN of token '%s': ", who);
    if (tcsetattr(fd, TCSAFLUSH, &hidden) == 0) {
        n = read(fd, pin->text, sizeof pin->text);
        (void)tcsetattr(fd, TCSAFLUSH, &shown); /* best effort: the terminal is the user's */
    }
    (void)dprintf(fd, "\n");
    close(fd);
    pin->len = n > 0 ? (size_t)n : 0;
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
