/* server/engine.h - one request without HTTP: the body's frames through the verifier as one transaction, and the answer.
 * Boundary: server/http.c above; verifier and registry below; who shows what was opened is cli.
 * Order: every frame is opened and recorded, the transaction is committed, the data is shown, the answer is given.  A cut
 * anywhere leaves either nothing recorded, or frames whose sender has no receipt and offers them again: then they are
 * duplicates, and shown as such.  So what is shown is shown at least once.
 * Memory: one heap object of about 200 KiB.  Threads: none; one engine per process. */
#ifndef SERVER_ENGINE_H
#define SERVER_ENGINE_H

#include <stdbool.h>

#include "server/body.h"
#include "server/down.h"
#include "server/metrics.h"
#include "verifier/verifier.h"

enum {
    RECEIPT_LEN = 9, /* 01 or 00, SHA-256(frame)[0:8] */
    ANSWER_MAX = BODY_FRAMES_MAX * RECEIPT_LEN + DOWN_BYTES_MAX,
    NO_FLEET = -1
};

struct engine_parts {
    struct registry *registry;
    /* Open (again) the verifier on that registry: at the start, and after a failed transaction, of whose sessions nobody may
     * know any more. */
    enum err_code (*verifier)(void *io, struct verifier **out, struct err *e);
    /* Show what was opened or is a duplicate, committed; never a refusal.  In order. */
    enum err_code (*show)(void *io, const struct opened_frame *opened, struct err *e);
    void *io;
    const struct down_source *down;
    struct metrics *metrics; /* its writer is this process */
};

struct engine;

enum err_code engine_open(struct engine **out, const struct engine_parts *parts, struct err *e);
void engine_close(struct engine *g); /* NULL is fine; closes the verifier */

enum engine_result {
    ENGINE_ANSWER,   /* *answer is it */
    ENGINE_BAD_BODY, /* a bad length: nothing was opened */
    ENGINE_FAILED    /* nothing is receipted: the sender keeps its frames.  *e tells why */
};

struct answer {
    uint8_t bytes[ANSWER_MAX];
    size_t len;
    unsigned refused; /* frames with 00 */
};

/* fleet: of the path, or NO_FLEET: where to look for the key of a frame that does not say whose it is. */
enum engine_result engine_request(struct engine *g, long fleet, const uint8_t *body, size_t len, struct answer *answer,
                                  struct err *e);

/* Now and then, while no request comes: keys that nobody uses are wiped. */
void engine_idle(struct engine *g);

/* The failure is one that no later request overcomes (the token went away, nobody takes the data): the process must end.
 * What waiting mends, as a full disk, is none. */
bool engine_is_lost(const struct err *e);

#endif
