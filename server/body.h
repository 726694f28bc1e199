/* server/body.h - the body of POST /v1/frames: (len2, frame) up to 256 times, at most 64 KiB.
 * Boundary: pure; points into the caller's bytes.  What a frame says is not looked at here.
 * Source: docs/protocol.md, "HTTP"; docs/server.md. */
#ifndef SERVER_BODY_H
#define SERVER_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BODY_MAX = 64 * 1024 /* bytes */, BODY_FRAMES_MAX = 256 };

struct body {
    size_t n;
    struct {
        const uint8_t *at;
        uint16_t len; /* 1..FRAME_MAX */
    } frame[BODY_FRAMES_MAX];
};

/* false: a length that is 0, over FRAME_MAX or past the end; a lone last byte; too many frames, or bytes.  *out is then of
 * no use, and nothing of the body may be opened.  An empty body is a list of no frames. */
bool body_parse(const uint8_t *bytes, size_t len, struct body *out);

#endif
