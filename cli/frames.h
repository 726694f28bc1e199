/* cli/frames.h - frames from a file, a pipe or a board's console, one after the other: hexadecimal, one a line, or binary
 * in COBS (protocol/cobs.h).  Any bytes at all may come; what is no frame is handed on as such, and reading goes on.
 * Memory: none on the heap.  Threads: one per object. */
#ifndef CLI_FRAMES_H
#define CLI_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/frame.h"

enum frames_format { FRAMES_AUTO, FRAMES_HEX, FRAMES_COBS };

enum { FRAMES_RECORD_MAX = 2 * FRAME_MAX + 64 /* bytes between two delimiters: a hex line, with blanks around it */ };

struct frames {
    const char *name; /* for messages */
    int fd;
    bool console, first; /* of a console: listening begins amid a frame */
    enum frames_format format;
    uint64_t end_ns;                                  /* of CLOCK_MONOTONIC; 0: none */
    enum err_code (*settle)(void *io, struct err *e); /* NULL, or called before each read, which may wait */
    void *settle_io;
    uint8_t in[32768];
    size_t at, len; /* in in[] */
    uint8_t record[FRAMES_RECORD_MAX + 1];
    size_t record_len;
    bool over; /* the record is longer than any frame's */
    uint8_t frame[FRAME_MAX + 1];
};

struct raw_frame {
    const uint8_t *bytes; /* valid until the next call */
    size_t len;
    const char *bad; /* NULL, or why there are no bytes: "not-hex", "not-cobs", "frame-long" */
    bool binary;     /* came in COBS: may be a local record (protocol/local.h) */
};

/* path "-": stdin.  ERR_NOINPUT */
enum err_code frames_open_file(struct frames *f, const char *path, enum frames_format format, struct err *e)
    __attribute__((warn_unused_result));
/* A serial port (set to 115200 baud, raw), a pseudo-terminal or a UNIX socket; always COBS.  seconds 0: without end. */
enum err_code frames_open_console(struct frames *f, const char *path, unsigned seconds, struct err *e)
    __attribute__((warn_unused_result));
void frames_close(struct frames *f);

/* *more false: the end of the file, the time is up, or a console was interrupted.
 * ERR_IO; ERR_RETRY: interrupted while reading a file. */
enum err_code frames_next(struct frames *f, struct raw_frame *out, bool *more, struct err *e)
    __attribute__((warn_unused_result));

#endif
