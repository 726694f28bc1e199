#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/interrupt.h"

static enum err_code bad_size(const char *name, size_t max, struct err *e)
{
    return err_set(e, &cli_fault[CLI_INPUT_SIZE], "read", NULL, 0, "%s: wanted are 1 to %zu bytes", name, max);
}

/* The digits themselves stay out of messages. */
static enum err_code from_hex(const char *text, struct input *in, struct err *e)
{
    if (strlen(text) > 2 * sizeof in->bytes)
        return bad_size("--data", sizeof in->bytes, e);
    long len = hex_decode(text, in->bytes, sizeof in->bytes);
    if (len < 0)
        return err_set(e, &cli_fault[CLI_BAD_HEX], "parse", NULL, 0, "--data with %zu characters", strlen(text));
    in->len = (size_t)len;
    return ERR_OK;
}

/* poll before read: it returns on a signal, where a read would be taken up again. */
static enum err_code wait_readable(int fd, const char *name, struct err *e)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        if (interrupt_requested())
            return err_set(e, &cli_fault[CLI_INTERRUPTED], "poll", NULL, 0, "%s", name);
    return ERR_OK; /* any other failure of poll shows in read */
}

static enum err_code from_fd(int fd, const char *name, size_t max, struct input *in, struct err *e)
{
    uint8_t more;

    for (in->len = 0;;) {
        size_t room = max - in->len;
        enum err_code rc = wait_readable(fd, name, e);

        if (rc != ERR_OK)
            return rc;
        ssize_t got = room > 0 ? read(fd, in->bytes + in->len, room) : read(fd, &more, 1);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return err_errno(e, &cli_fault[CLI_INPUT_READ], "read", "%s", name);
        if (got == 0)
            return in->len > 0 ? ERR_OK : bad_size(name, max, e);
        if (got > 0 && room == 0)
            return bad_size(name, max, e);
        if (got > 0)
            in->len += (size_t)got;
    }
}

enum err_code input_file(const char *path, size_t max, struct input *in, struct err *e)
{
    if (strcmp(path, "-") == 0)
        return from_fd(STDIN_FILENO, "stdin", max, in, e);
    /* Not blocking: a FIFO that nobody writes to would hold open, which no signal gets out of there. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return err_errno(e, &cli_fault[CLI_INPUT_MISSING], "open", "%s", path);
    enum err_code rc = from_fd(fd, path, max, in, e);
    (void)close(fd); /* nothing was written */
    return rc;
}

enum err_code input_read(const struct app *app, struct input *in, struct err *e)
{
    const char *data = app->opt[OPT_DATA], *file = app->opt[OPT_FILE];

    if ((data != NULL) == (file != NULL))
        return err_set(e, &cli_fault[CLI_INPUT_CHOICE], "parse", NULL, 0, "%s",
                       data != NULL ? "both are given" : "none is given");
    if (data != NULL)
        return from_hex(data, in, e);
    return input_file(file, sizeof in->bytes, in, e);
}
