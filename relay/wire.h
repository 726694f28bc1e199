/* relay/wire.h - where frames come from and go to: a board's console, or a file of frames.
 * Boundary: a descriptor that somebody else opened; records above, bytes below.  Never waits.
 * Memory: caller's.  Threads: one per object. */
#ifndef RELAY_WIRE_H
#define RELAY_WIRE_H

#include "relay/line.h"

enum { WIRE_OUT = 32 * 1024 /* bytes for a device that wait until its console takes them */ };

struct wire {
    int fd;       /* -1: not open */
    bool console; /* else a file: no way back */
    bool ended;   /* of a file: all was read */
    struct line line;
    size_t at, len; /* in in[] */
    uint8_t in[16384];
    size_t out_at, out_len;
    uint8_t out[WIRE_OUT];
};

void wire_init(struct wire *p, bool console);

/* Take over fd.  What waits for the device is sent there. */
void wire_attach(struct wire *p, int fd);
void wire_close(struct wire *p);

/* Read what is there, if all of the last was used up.  False: a console is gone (the port is closed). */
bool wire_read(struct wire *p);

/* The next record of what was read; LINE_MORE: none. */
enum line_kind wire_next(struct wire *p, uint8_t frame[FRAME_MAX], size_t *len);

/* Hand a frame to the device, now or when its console takes it.  False: no room, or no console. */
bool wire_send(struct wire *p, const uint8_t *frame, size_t len);
void wire_flush(struct wire *p);
bool wire_sends(const struct wire *p); /* something waits */

#endif
