/* db/down.h - frames to devices: counters that are never used twice, and what waits for whom.
 * Boundary: as db/registry.h.  A counter is a committed row before anything is encrypted with it: a cut wastes it, and never
 * gives it out again.  After an older copy of the registry was accepted (db/mark.h) there is no DOWN in a session or boot
 * that the copy knows.  Payloads are opaque and at rest: the caller queues them wrapped, never as plaintext. */
#ifndef DB_DOWN_H
#define DB_DOWN_H

#include "db/registry.h"

enum { DOWN_PAYLOAD_MAX = 1024 /* bytes */, DOWN_WAITING_MAX = 16 /* of a device */ };

/* The next DOWN counter, 1..255, of the session that f belongs to (scheme, session; in 4, 5 serial, gen, boot).
 * ERR_NO used up, or a session of before an older copy was accepted: wait for the device's next OPEN (4, 5: boot). */
enum err_code registry_down_next(struct registry *r, const struct frame_row *f, uint8_t *ctr, struct err *e);

struct down {
    uint64_t id, serial;
    uint8_t payload[DOWN_PAYLOAD_MAX];
    uint16_t len;
    uint8_t ctr; /* set by registry_down_take */
    char queued[REG_TIME];
};

/* Behind those that wait.  ERR_NO: DOWN_WAITING_MAX wait already.  ERR_NOINPUT no such device. */
enum err_code registry_down_queue(struct registry *r, uint64_t serial, const uint8_t *payload, size_t len, uint64_t *id,
                                  struct err *e);

/* The oldest of the device's that was not sent in this session yet, with a counter of it; nobody else gets the same one for
 * this session.  Not done, it is taken again in the next session.  Errors as registry_down_next. */
enum err_code registry_down_take(struct registry *r, const struct frame_row *f, struct down *d, bool *found, struct err *e);

/* It waits no more: delivered, or taken back.  reason goes into the event.  ERR_NOINPUT: it doesn't wait. */
enum err_code registry_down_done(struct registry *r, uint64_t id, const char *reason, struct err *e);

typedef enum err_code registry_down_each(void *io, const struct down *d, struct err *e); /* ctr 0 */
/* All that waits, oldest first; serial 0: for every device. */
enum err_code registry_down_list(struct registry *r, uint64_t serial, registry_down_each *each, void *io, struct err *e);

#endif
