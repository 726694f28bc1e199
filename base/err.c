#include "base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    int exit;
    const char *meaning;
    enum board_fate fate;
} codes[ERR_CODES] = {
    [ERR_OK] = { 0, "done, or already exactly so", FATE_SHIP },
    [ERR_NO] = { 1, "checked, and the answer is no", FATE_REWORK },
    [ERR_USAGE] = { 64, "the command line is wrong", FATE_RETRY },
    [ERR_INPUT] = { 65, "the input's content is wrong", FATE_RETRY },
    [ERR_NOINPUT] = { 66, "the input is not there", FATE_RETRY },
    [ERR_UNAVAILABLE] = { 69, "no token, programmer, chip or registry", FATE_RETRY },
    [ERR_INTERNAL] = { 70, "a bug of ours: please report it", FATE_RETRY },
    [ERR_CREATE] = { 73, "an output cannot be created", FATE_RETRY },
    [ERR_IO] = { 74, "reading or writing failed", FATE_RETRY },
    [ERR_RETRY] = { 75, "failed for now, nothing was burned: try again", FATE_RETRY },
    [ERR_PROTOCOL] = { 76, "the programmer or the peer broke its protocol", FATE_RETRY },
    [ERR_RIGHTS] = { 77, "PIN, permission or read protection", FATE_RETRY },
    [ERR_CONFIG] = { 78, "the configuration is wrong", FATE_RETRY },
    [ERR_CONFLICT] = { 80, "another chip or identity is there: nothing was written", FATE_SCRAP },
    [ERR_INCOMPLETE] = { 81, "interrupted after the first burn: repeat to complete", FATE_RETRY },
    [ERR_DAMAGED] = { 82, "the part is damaged: quarantine it", FATE_SCRAP },
};

/* Length of the character at p: ASCII that prints, or UTF-8 from U+00A0 up; 0: neither.  The C1 controls below steer a
 * terminal as escape sequences do. */
static size_t printable(const unsigned char *p)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

    if (n == 1)
        return iscntrl(p[0]) ? 0 : 1;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) /* also the end of a text that was cut */
            return 0;
    return p[0] == 0xC2 && p[1] < 0xA0 ? 0 : n;
}

static void clean(char *text)
{
    for (size_t n; *text != '\0'; text += n) {
        n = printable((const unsigned char *)text);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
    }
}

static enum err_code __attribute__((format(printf, 6, 0)))
err_fill(struct err *e, const struct fault *f, const char *op, const char *source, long native, const char *fmt, va_list ap)
{
    *e = (struct err){ .code = f->code, .fault = f, .op = op, .source = source, .native = native };
    (void)vsnprintf(e->subject, sizeof e->subject, fmt, ap); /* cut, by contract */
    clean(e->subject);
    return e->code;
}

enum err_code err_set(struct err *e, const struct fault *f, const char *op, const char *source, long native, const char *fmt,
                      ...)
{
    va_list ap;

    va_start(ap, fmt);
    enum err_code rc = err_fill(e, f, op, source, native, fmt, ap);
    va_end(ap);
    return rc;
}

enum err_code err_errno(struct err *e, const struct fault *f, const char *op, const char *fmt, ...)
{
    long native = errno;
    va_list ap;

    va_start(ap, fmt);
    enum err_code rc = err_fill(e, f, op, "errno", native, fmt, ap);
    va_end(ap);
    return rc;
}

int err_exit_status(enum err_code code)
{
    return codes[code].exit;
}

const char *err_code_meaning(enum err_code code)
{
    return codes[code].meaning;
}

enum board_fate fault_fate(const struct fault *f)
{
    return f->fate != FATE_BY_CODE ? f->fate : codes[f->code].fate;
}

const char *board_fate_name(enum board_fate fate)
{
    static const char *const names[BOARD_FATES] = { "", "ship", "retry", "rework", "scrap" };

    return names[fate];
}

static int badness(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return 0;
    case ERR_DAMAGED:
        return 4;
    case ERR_CONFLICT:
        return 3;
    case ERR_INCOMPLETE:
        return 2;
    default:
        return 1;
    }
}

enum err_code err_worse(enum err_code a, enum err_code b)
{
    return badness(b) > badness(a) ? b : a;
}
