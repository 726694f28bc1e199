/* relay/batch.h - one POST: its body, and what the server may answer.
 *   body   = (len2, frame)*                                    at most 256 frames, 64 KiB
 *   answer = per frame, in order, status1 | SHA-256(frame)[0:8]; then (len2, frame)* of frames for devices
 * status 01: the frame may be forgotten.  00: not opened; keep it, try again later.
 * Boundary: pure; no key, no look into a frame.  Threads: any.  Source: docs/protocol.md, "HTTP". */
#ifndef RELAY_BATCH_H
#define RELAY_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"

enum {
    BATCH_FRAMES = 256,
    BATCH_BYTES = 64 * 1024,
    RECEIPT_DIGEST = 8,
    RECEIPT_LEN = 1 + RECEIPT_DIGEST,
    REPLY_MAX = BATCH_FRAMES * (RECEIPT_LEN + 2 + FRAME_MAX) /* bytes; no honest answer is longer */
};

struct batch_item {
    uint64_t order;                 /* of the buffered frame (relay/buffer.h) */
    uint8_t digest[RECEIPT_DIGEST]; /* of the bytes that are sent */
    bool whole;                     /* they are the frame as it is buffered, no damaged copy */
};

struct batch {
    size_t n, len;
    struct batch_item item[BATCH_FRAMES];
    uint8_t body[BATCH_BYTES];
};

enum reply_result {
    REPLY_OK,
    REPLY_SHORT,  /* cut, or empty */
    REPLY_BYTE,   /* a status that is neither 00 nor 01 */
    REPLY_DIGEST, /* a receipt of another frame */
    REPLY_LENGTH, /* a frame for a device of no length, too long, or cut */
    REPLY_RESULTS
};

struct reply {
    bool accepted[BATCH_FRAMES]; /* by item */
    const uint8_t *down, *end;   /* of what is left for reply_down; into the caller's bytes */
};

void batch_init(struct batch *b);

/* len: 1..FRAME_MAX.  False: no room. */
bool batch_add(struct batch *b, uint64_t order, bool whole, const uint8_t *frame, size_t len);

/* Every byte is looked at before any of it counts: *out is untouched unless REPLY_OK. */
enum reply_result reply_parse(const struct batch *b, const uint8_t *bytes, size_t len, struct reply *out);
const char *reply_result_name(enum reply_result r); /* "short"; never NULL */

/* The next frame for a device; false: no more. */
bool reply_down(struct reply *r, const uint8_t **frame, size_t *len);

/* A header that a server may send to a device: DOWN, ROTATE or REKEY.  All else, the local records of a console above all
 * (protocol/local.h), is not for devices to hear from afar. */
bool is_down(const uint8_t *frame, size_t len);

/* A first byte that a device may send to a server: OPEN or DATA of any kind. */
bool is_up(const uint8_t *frame, size_t len);

#endif
