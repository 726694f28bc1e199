#include "cli/frames.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/console.h"
#include "base/hex.h"
#include "cli/fault.h"
#include "cli/interrupt.h"
#include "protocol/cobs.h"
#include "protocol/local.h"

/* ---- opening ---- */

static void begin(struct frames *f, const char *name, int fd, enum frames_format format)
{
    f->name = name;
    f->fd = fd;
    f->format = format;
    f->console = f->first = f->over = false;
    f->settle = NULL;
    f->end_ns = 0;
    f->at = f->len = f->record_len = 0;
}

enum err_code frames_open_file(struct frames *f, const char *path, enum frames_format format, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(e, &cli_fault[CLI_INPUT_MISSING], "open", "%s", path);
    begin(f, is_stdin ? "stdin" : path, fd, format);
    return ERR_OK;
}

enum err_code frames_open_console(struct frames *f, const char *path, unsigned seconds, struct err *e)
{
    int fd = console_open(path);

    if (fd < 0 && errno == EBUSY)
        return err_set(e, &cli_fault[CLI_CONSOLE_BUSY], "flock", NULL, 0, "%s", path);
    if (fd < 0)
        return err_errno(e, &cli_fault[CLI_CONSOLE], "open", "%s", path);
    begin(f, path, fd, FRAMES_COBS);
    f->console = f->first = true;
    f->end_ns = seconds > 0 ? clock_mono_ns() + seconds * UINT64_C(1000000000) : 0;
    return ERR_OK;
}

void frames_close(struct frames *f)
{
    if (f->fd > STDERR_FILENO)
        (void)close(f->fd); /* nothing was written */
    f->fd = -1;
}

/* ---- bytes ---- */

static int wait_ms(const struct frames *f)
{
    uint64_t now = clock_mono_ns();

    if (f->end_ns == 0)
        return -1;
    return now >= f->end_ns ? 0 : (int)((f->end_ns - now) / 1000000) + 1;
}

/* Read what is there; *more false at the end. */
static enum err_code fill(struct frames *f, bool *more, struct err *e)
{
    enum err_code rc = f->settle != NULL ? f->settle(f->settle_io, e) : ERR_OK;

    if (rc != ERR_OK)
        return rc;
    (void)fflush(stdout); /* whoever reads us gets each answer before we wait; main looks at ferror */
    for (*more = true; !interrupt_requested();) {
        struct pollfd p = { .fd = f->fd, .events = POLLIN };
        int ready = poll(&p, 1, wait_ms(f));

        if (ready == 0) {
            *more = false;
            return ERR_OK;
        }
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = read(f->fd, f->in, sizeof f->in);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0 && errno == EIO && f->console) /* the far end of a pseudo-terminal was closed */
            got = 0;
        if (got < 0)
            return err_errno(e, &cli_fault[CLI_INPUT_READ], "read", "%s", f->name);
        f->at = 0;
        f->len = (size_t)got;
        *more = got > 0;
        return ERR_OK;
    }
    *more = false;
    if (f->console)
        return ERR_OK;
    return err_set(e, &cli_fault[CLI_INTERRUPTED], "read", NULL, 0, "%s", f->name);
}

/* COBS always holds bytes that no text has: its first code byte, of any frame with a zero among its first bytes, and the
 * delimiter.  True once it is known which it is. */
static bool detect(struct frames *f, uint8_t byte)
{
    if (byte == '\n')
        f->format = FRAMES_HEX;
    else if (!isprint(byte) && byte != '\t' && byte != '\r')
        f->format = FRAMES_COBS;
    return f->format != FRAMES_AUTO;
}

/* The next bytes up to a delimiter, in record; *more false: there are none. */
static enum err_code next_record(struct frames *f, bool *more, struct err *e)
{
    enum err_code rc = ERR_OK;

    f->record_len = 0;
    f->over = false;
    for (*more = true;;) {
        if (f->at == f->len && ((rc = fill(f, more, e)) != ERR_OK || !*more))
            break;
        uint8_t byte = f->in[f->at++];
        if (f->format == FRAMES_AUTO)
            (void)detect(f, byte);
        if ((f->format == FRAMES_COBS && byte == 0) || (f->format == FRAMES_HEX && byte == '\n'))
            return ERR_OK;
        if (f->record_len == FRAMES_RECORD_MAX)
            f->over = true;
        else
            f->record[f->record_len++] = byte;
    }
    *more = rc == ERR_OK && f->record_len > 0 && !f->console; /* a last line without its end */
    return rc;
}

/* ---- frames ---- */

static void from_hex(struct frames *f, struct raw_frame *out)
{
    char *text = (char *)f->record;
    size_t len = f->record_len;

    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
    text += strspn(text, " \t");
    len -= (size_t)(text - (char *)f->record);
    bool digits = strspn(text, "0123456789abcdefABCDEF") == len; /* not with a NUL inside */
    bool fits = !f->over && len <= 2 * sizeof f->frame;
    long n = digits && fits ? hex_decode(text, f->frame, sizeof f->frame) : -1;

    *out = (struct raw_frame){ .bytes = f->frame, .len = n > 0 ? (size_t)n : 0 };
    if (n < 0)
        out->bad = digits && !fits ? "frame-long" : "not-hex";
}

static void from_cobs(struct frames *f, struct raw_frame *out)
{
    long n = f->over ? -1 : cobs_decode(f->record, f->record_len, f->frame, sizeof f->frame);

    *out = (struct raw_frame){ .bytes = f->frame, .len = n > 0 ? (size_t)n : 0, .binary = true };
    if (n < 0)
        out->bad = f->record_len > COBS_MAX(FRAME_MAX) ? "frame-long" : "not-cobs";
}

static bool is_blank(const struct frames *f)
{
    for (size_t i = 0; i < f->record_len; i++)
        if (f->format == FRAMES_COBS || !isspace(f->record[i]))
            return false;
    return true;
}

static bool is_whole(const struct raw_frame *r)
{
    struct frame frame;
    struct local local;

    return r->bad == NULL && (frame_parse(r->bytes, r->len, &frame) == FRAME_OK || local_parse(r->bytes, r->len, &local));
}

enum err_code frames_next(struct frames *f, struct raw_frame *out, bool *more, struct err *e)
{
    for (;;) {
        enum err_code rc = next_record(f, more, e);
        bool first = f->first;

        if (rc != ERR_OK || !*more)
            return rc;
        if (is_blank(f))
            continue;
        f->first = false;
        if (f->format == FRAMES_COBS)
            from_cobs(f, out);
        else
            from_hex(f, out);
        if (!first || is_whole(out))
            return ERR_OK; /* else: the rest of a frame that began before we listened */
    }
}
