/* tests/verifier/heard.h - what the server sends back to a board. */
#ifndef TESTS_VERIFIER_HEARD_H
#define TESTS_VERIFIER_HEARD_H

#include "tests/verifier/site.h"

static struct {
    unsigned n;
    size_t len;
    uint8_t frame[FRAME_MAX];
} heard;

static inline void hear(void *io, const uint8_t *frame, size_t len)
{
    (void)io;
    heard.n++;
    heard.len = len;
    memcpy(heard.frame, frame, len);
}

/* What goes back for the frame that was offered last. */
static inline void ask_down(void)
{
    const struct frame_sink sink = { hear, NULL };

    memset(&heard, 0, sizeof heard);
    assert_ok(verifier_down(site.verifier, &out, &sink, &e));
}

#endif
