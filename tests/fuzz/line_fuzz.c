/* Any bytes off a console or out of a file, in any portions: records come out that are whole, the same whatever the portions
 * were, and what is encoded for a device is read back. */
#include <string.h>

#include "protocol/local.h"
#include "relay/batch.h"
#include "relay/line.h"
#include "tests/fuzz/fuzz.h"

/* Returns a sum over all records. */
static uint32_t walk(enum line_format format, bool amid, const uint8_t *in, size_t len, size_t portion)
{
    static struct line l;
    uint8_t frame[FRAME_MAX];
    uint32_t sum = 0;
    size_t n, used;

    line_init(&l, format, amid);
    for (size_t at = 0; at < len; at += used) {
        size_t some = len - at < portion ? len - at : portion;
        enum line_kind kind = line_feed(&l, in + at, some, &used, frame, &n);

        require(used > 0 && used <= some && n <= FRAME_MAX);
        require((kind == LINE_FRAME) == (n > 0 && is_up(frame, n)));
        require((kind == LINE_LOCAL) == (n > 0 && local_is(frame, n)));
        if (kind != LINE_MORE)
            sum = sum * 31 + (uint32_t)kind;
        for (size_t i = 0; i < n; i++)
            sum = sum * 31 + frame[i];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct line l;
    uint8_t coded[2 * FRAME_MAX], back[FRAME_MAX];
    size_t n, used;

    if (len < 2)
        return 0;
    const enum line_format format = in[0] & 1 ? LINE_HEX : LINE_COBS;
    require(walk(format, in[0] & 2, in + 2, len - 2, len) == walk(format, in[0] & 2, in + 2, len - 2, 1u + in[1] % 16));

    if (len <= FRAME_MAX && is_up(in, len)) {
        n = line_encode(in, len, coded, sizeof coded);
        line_init(&l, LINE_COBS, false);
        require(n > len && line_feed(&l, coded, n, &used, back, &n) == LINE_FRAME && n == len && memcmp(back, in, len) == 0);
    }
    return 0;
}
