/* server/down.h - where the frames for the devices come from: DOWN, REKEY and ROTATE that wait for whoever was just heard.
 * The receiver knows no scheme: it hands over what it opened and carries back what it is given. */
#ifndef SERVER_DOWN_H
#define SERVER_DOWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "verifier/verifier.h"

enum { DOWN_BYTES_MAX = 32 * 1024 /* of one answer, lengths included; the rest waits for the next request */ };

struct down_list { /* (len2, frame) one behind the other, as they go into the answer */
    uint8_t bytes[DOWN_BYTES_MAX];
    size_t len;
    unsigned n;
};

/* false: no room; keep the frame waiting.  len in 1..FRAME_MAX. */
bool down_add(struct down_list *list, const uint8_t *frame, size_t len);

/* Add to *list what waits for the senders of these frames (refused ones are among them: skip them).  Called once a request,
 * after its transaction was committed and outside any: a DOWN counter is to be committed before its frame is made.
 * Not ERR_OK: the receipts are given all the same, and what was added. */
struct down_source {
    enum err_code (*waiting)(void *io, struct verifier *v, const struct opened_frame *opened, size_t n,
                             struct down_list *list, struct err *e);
    void *io;
};

extern const struct down_source down_none; /* nothing ever waits */
extern const struct down_source
    down_verifier; /* messages, then ROTATE and REKEY: verifier_messages, verifier_down; each frame once */

#endif
