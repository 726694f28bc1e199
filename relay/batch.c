#include "relay/batch.h"

#include <string.h>

#include "relay/digest.h"

void batch_init(struct batch *b)
{
    b->n = b->len = 0;
}

bool batch_add(struct batch *b, uint64_t order, bool whole, const uint8_t *frame, size_t len)
{
    uint8_t digest[DIGEST_LEN];
    struct batch_item *item = &b->item[b->n];

    if (b->n == BATCH_FRAMES || 2 + len > BATCH_BYTES - b->len)
        return false;
    digest_of(frame, len, digest);
    *item = (struct batch_item){ .order = order, .whole = whole };
    memcpy(item->digest, digest, RECEIPT_DIGEST);
    b->body[b->len] = (uint8_t)(len >> 8);
    b->body[b->len + 1] = (uint8_t)len;
    memcpy(b->body + b->len + 2, frame, len);
    b->len += 2 + len;
    b->n++;
    return true;
}

bool reply_down(struct reply *r, const uint8_t **frame, size_t *len)
{
    if (r->end - r->down < 2)
        return false;
    size_t n = (size_t)r->down[0] << 8 | r->down[1];
    if (n == 0 || n > FRAME_MAX || n > (size_t)(r->end - r->down) - 2)
        return false;
    *frame = r->down + 2;
    *len = n;
    r->down += 2 + n;
    return true;
}

/* The frames behind the receipts fill the rest exactly. */
static bool down_is_whole(struct reply r)
{
    const uint8_t *frame;
    size_t len;

    while (reply_down(&r, &frame, &len))
        ;
    return r.down == r.end;
}

enum reply_result reply_parse(const struct batch *b, const uint8_t *bytes, size_t len, struct reply *out)
{
    struct reply r;

    if (len < b->n * RECEIPT_LEN)
        return REPLY_SHORT;
    for (size_t i = 0; i < b->n; i++, bytes += RECEIPT_LEN, len -= RECEIPT_LEN) {
        if (bytes[0] > 1)
            return REPLY_BYTE;
        if (memcmp(bytes + 1, b->item[i].digest, RECEIPT_DIGEST) != 0)
            return REPLY_DIGEST;
        r.accepted[i] = bytes[0] == 1;
    }
    r.down = bytes;
    r.end = bytes + len;
    if (!down_is_whole(r))
        return REPLY_LENGTH;
    memcpy(out->accepted, r.accepted, b->n * sizeof *r.accepted);
    out->down = r.down;
    out->end = r.end;
    return REPLY_OK;
}

const char *reply_result_name(enum reply_result r)
{
    static const char *const name[REPLY_RESULTS] = { "ok", "short", "status byte", "digest", "length" };

    return (unsigned)r < REPLY_RESULTS ? name[r] : "unknown";
}

bool is_down(const uint8_t *frame, size_t len)
{
    static const uint8_t hdr[] = { 0x69, 0x71, 0x80, 0x81, 0xC0 }; /* docs/protocol.md, "Frames" */

    return len > 0 && len <= FRAME_MAX && memchr(hdr, frame[0], sizeof hdr) != NULL;
}

bool is_up(const uint8_t *frame, size_t len)
{
    unsigned type = len > 0 ? frame[0] >> 5 : 0;

    return len <= FRAME_MAX && (type == 1 || type == 2);
}
