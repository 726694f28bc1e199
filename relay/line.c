#include "relay/line.h"

#include <ctype.h>
#include <string.h>

#include "base/hex.h"
#include "protocol/cobs.h"
#include "protocol/local.h"
#include "relay/batch.h"

void line_init(struct line *l, enum line_format format, bool amid)
{
    *l = (struct line){ .format = format, .amid = amid };
}

static long from_hex(struct line *l, uint8_t frame[FRAME_MAX])
{
    uint8_t *at = l->record, *end = l->record + l->len;

    while (at < end && isspace(*at))
        at++;
    while (at < end && isspace(end[-1]))
        end--;
    if (memchr(at, '\0', (size_t)(end - at)) != NULL)
        return -1;
    *end = '\0'; /* record[] has a byte more than a record */
    return hex_decode((const char *)at, frame, FRAME_MAX);
}

static bool is_blank(const struct line *l)
{
    for (size_t i = 0; i < l->len; i++)
        if (l->format == LINE_COBS || !isspace(l->record[i]))
            return false;
    return true;
}

/* What began before we listened is told from a whole record by its form. */
static bool is_whole(const uint8_t *bytes, size_t len)
{
    struct frame frame;
    struct local local;

    return frame_parse(bytes, len, &frame) == FRAME_OK || local_parse(bytes, len, &local);
}

/* The record is complete. */
static enum line_kind take(struct line *l, uint8_t frame[FRAME_MAX], size_t *n)
{
    long got = -1;
    bool amid = l->amid, over = l->over, blank = is_blank(l);

    if (!over && !blank)
        got = l->format == LINE_HEX ? from_hex(l, frame) : cobs_decode(l->record, l->len, frame, FRAME_MAX);
    l->len = 0;
    l->over = l->amid = false;
    *n = 0;
    if (blank && !over)
        return LINE_MORE;
    if (got <= 0)
        return amid ? LINE_MORE : LINE_NOISE;
    if (amid && !is_whole(frame, (size_t)got))
        return LINE_MORE;
    if (!local_is(frame, (size_t)got) && !is_up(frame, (size_t)got))
        return LINE_NOISE;
    *n = (size_t)got;
    return local_is(frame, *n) ? LINE_LOCAL : LINE_FRAME;
}

enum line_kind line_feed(struct line *l, const uint8_t *bytes, size_t len, size_t *used, uint8_t frame[FRAME_MAX], size_t *n)
{
    const uint8_t delimiter = l->format == LINE_HEX ? '\n' : 0;

    *n = 0;
    for (*used = 0; *used < len;) {
        const uint8_t byte = bytes[(*used)++];
        enum line_kind kind;

        if (byte == delimiter && (kind = take(l, frame, n)) != LINE_MORE)
            return kind;
        if (byte == delimiter)
            continue;
        if (l->len == LINE_RECORD_MAX)
            l->over = true;
        else
            l->record[l->len++] = byte;
    }
    return LINE_MORE;
}

enum line_kind line_end(struct line *l, uint8_t frame[FRAME_MAX], size_t *n)
{
    *n = 0;
    if (l->format == LINE_COBS) { /* a record that nothing ended was cut */
        l->len = 0;
        return LINE_MORE;
    }
    return take(l, frame, n);
}

size_t line_encode(const uint8_t *frame, size_t len, uint8_t *out, size_t max)
{
    if (max < 1 + COBS_MAX(len))
        return 0;
    out[0] = 0;
    return 1 + cobs_encode(frame, len, out + 1, max - 1);
}
