/* db/down.h - frames to devices: counters that are never used twice, and what waits for whom.
 * Boundary: as db/registry.h.  A counter is a committed row before anything is encrypted with it: a cut wastes it, and never
 * gives it out again.  After an older copy of the registry was accepted (db/mark.h) there is no DOWN in a session or boot
 * that the copy knows.  Payloads are opaque and at rest: the caller queues them wrapped, never as plaintext.
 * No device says that it took a DOWN.  So a message is sent once in a session, in so many sessions as whoever queued it
 * allows; a frame of the session that comes long after it went out is taken for a sign that it arrived.
 * Source: docs/server.md, "Messages for devices". */
#ifndef DB_DOWN_H
#define DB_DOWN_H

#include "db/registry.h"

enum {
    DOWN_PAYLOAD_MAX = 1024 /* bytes */,
    DOWN_WAITING_MAX = 16 /* of a device */,
    DOWN_SESSIONS_MAX = 255,
    DOWN_SURE_S = 300 /* what a phone had kept has come in by then: what comes now was said after the message */
};

/* The next DOWN counter, 1..255, of the session that f belongs to (scheme, session; in 4, 5 serial, gen, boot).
 * ERR_NO used up, or a session of before an older copy was accepted: wait for the device's next OPEN (4, 5: boot). */
enum err_code registry_down_next(struct registry *r, const struct frame_row *f, uint8_t *ctr, struct err *e);

struct down {
    uint64_t id, serial;
    uint8_t payload[DOWN_PAYLOAD_MAX];
    uint16_t len;
    uint8_t ctr;            /* set by registry_down_take */
    uint8_t sessions, sent; /* in how many it may be sent, and was */
    char queued[REG_TIME];
};

/* Behind those that wait.  sessions: 1..DOWN_SESSIONS_MAX; 1: it is never sent twice, and may be lost.
 * ERR_NO: DOWN_WAITING_MAX wait already.  ERR_NOINPUT no such device. */
enum err_code registry_down_queue(struct registry *r, uint64_t serial, const uint8_t *payload, size_t len, unsigned sessions,
                                  uint64_t *id, struct err *e);

/* Does anything wait at all?  For who asks after each request: mostly nothing does. */
enum err_code registry_down_any(struct registry *r, bool *any, struct err *e);

/* The oldest of the device's that is to be sent in the session of f, a recorded frame: it was never sent, or last in a
 * session that was first heard before this one.  Changes nothing; ctr 0. */
enum err_code registry_down_peek(struct registry *r, const struct frame_row *f, struct down *d, bool *found, struct err *e);

/* The same one, with a counter of the session; nobody else gets it for this session.  It is taken again in a later session,
 * unless it is done before, or this was the last one allowed: then it is done, "sent".  Errors as registry_down_next. */
enum err_code registry_down_take(struct registry *r, const struct frame_row *f, struct down *d, bool *found, struct err *e);

/* f was recorded.  A new frame ends, "heard", what was sent in its session DOWN_SURE_S ago or earlier.  One that came again
 * (its sender has seen no receipt for it) may have had its answer lost, and the message with it: nothing that this session
 * says ends that any more. */
enum err_code registry_down_heard(struct registry *r, const struct frame_row *f, bool again, struct err *e);

/* It waits no more: taken back.  reason goes into the event.  ERR_NOINPUT: it doesn't wait. */
enum err_code registry_down_done(struct registry *r, uint64_t id, const char *reason, struct err *e);

typedef enum err_code registry_down_each(void *io, const struct down *d, struct err *e); /* ctr 0 */
/* All that waits, oldest first; serial 0: for every device. */
enum err_code registry_down_list(struct registry *r, uint64_t serial, registry_down_each *each, void *io, struct err *e);

#endif
