#include "flash/vchip/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

static void say(struct reply *r, const char *verdict, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

static void say(struct reply *r, const char *verdict, const char *fmt, va_list ap)
{
    int n = snprintf(r->text, sizeof r->text, "%s", verdict);

    if (*fmt == '\0')
        r->text[n - 1] = '\0'; /* no blank behind a bare "ok" */
    else
        (void)vsnprintf(r->text + n, sizeof r->text - (size_t)n, fmt, ap); /* the longest, peek, fits */
}

void reply_ok(struct reply *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(r, "ok ", fmt, ap);
    va_end(ap);
}

void reply_error(struct reply *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(r, "error: ", fmt, ap);
    va_end(ap);
}

bool reply_number(struct reply *r, const char *what, const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || v > max) {
        reply_error(r, "%s must be a number from 0 to %llu (decimal or 0x...), not '%.40s'", what, (unsigned long long)max,
                    text);
        return false;
    }
    *out = v;
    return true;
}

bool reply_number32(struct reply *r, const char *what, const char *text, uint32_t *out)
{
    uint64_t v;

    if (!reply_number(r, what, text, UINT32_MAX, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

bool reply_word(struct reply *r, const char *what, const char *text, const char *const words[], unsigned n, unsigned *out)
{
    char list[128] = "";

    for (unsigned i = 0; i < n; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return true;
        }
        (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "", words[i]);
    }
    reply_error(r, "%s must be one of %s, not '%.40s'", what, list, text);
    return false;
}

bool reply_bytes(struct reply *r, const char *text, uint8_t *out, size_t max, size_t *len)
{
    long n = hex_decode(text, out, max);

    if (n <= 0) {
        reply_error(r, "bytes must be 2 to %zu hexadecimal digits, two for each byte", 2 * max);
        return false;
    }
    *len = (size_t)n;
    return true;
}
