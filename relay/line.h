/* relay/line.h - from the bytes of a console, or of a file, to records: COBS with 00 behind each, or hexadecimal, one a
 * line. Any bytes at all may come; what is no record is named as such, and reading goes on. Boundary: pure.  Memory:
 * caller's.  Threads: one per object. */
#ifndef RELAY_LINE_H
#define RELAY_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"

enum { LINE_RECORD_MAX = 2 * FRAME_MAX + 64 /* bytes between two delimiters: a hex line, with blanks around it */ };

enum line_format { LINE_COBS, LINE_HEX };

enum line_kind {
    LINE_MORE,  /* no record yet: feed more */
    LINE_FRAME, /* to be sent to the server */
    LINE_LOCAL, /* type 0, for whoever stands at the console (protocol/local.h): never forwarded */
    LINE_NOISE  /* no record, or none that a device sends to a server */
};

struct line {
    enum line_format format;
    bool amid; /* listening began amid a record: the first one may be the rest of one, and must be whole to count */
    bool over; /* the record is longer than any frame's */
    size_t len;
    uint8_t record[LINE_RECORD_MAX + 1];
};

void line_init(struct line *l, enum line_format format, bool amid);

/* Take bytes up to the end of the next record; *used of them are done with.  Unless LINE_MORE, frame[] holds *n bytes (of
 * noise: 0). */
enum line_kind line_feed(struct line *l, const uint8_t *bytes, size_t len, size_t *used, uint8_t frame[FRAME_MAX],
                         size_t *n);

/* The input is at its end: a last line may lack its own. */
enum line_kind line_end(struct line *l, uint8_t frame[FRAME_MAX], size_t *n);

/* 00 | COBS | 00: the first ends whatever of an earlier record reached the device.  Returns the length, 0: max is too small.
 */
size_t line_encode(const uint8_t *frame, size_t len, uint8_t *out, size_t max);

#endif
