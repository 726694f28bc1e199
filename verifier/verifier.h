/* verifier/verifier.h - the server side: opens what devices send, refuses replays, records frames as received.
 * Boundary: cli (open, serve) above; hsm (the server token), db, protocol below.
 * One struct verifier per process: it holds unwrapped keys and live sessions in bounded caches, wiped after use or idle
 * time. Order: a frame is opened, then recorded in one transaction, and only then its data is given out; whoever has a batch
 * of the registry open gives out nothing before its commit, and closes the verifier if that fails. Secrets: plaintext
 * is the caller's; keys never leave this room.  Errors of one frame are results, not failures of the call.
 * Processes: fork first, open afterwards, as for hsm.h; several verifiers on one registry agree by its UNIQUE constraints.
 * Source: docs/protocol.md, "Counters and replay". */
#ifndef VERIFIER_VERIFIER_H
#define VERIFIER_VERIFIER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "db/registry.h"
#include "hsm/hsm.h"
#include "protocol/crypto.h"
#include "protocol/frame.h"

struct verifier;

/* registry opened for writing; server: the server role's token, holding the KEKs. */
enum err_code verifier_open(struct verifier **out, struct registry *registry, struct hsm *server,
                            const struct crypto *crypto, struct err *e);
void verifier_close(struct verifier *v); /* wipes every key and session; NULL is fine */

/* Wipe what was not used for 15 minutes; each frame does so too, a process that waits for frames must call it now and then.
 */
void verifier_idle(struct verifier *v);

enum frame_status { FRAME_OPENED, FRAME_IS_DUPLICATE, FRAME_REFUSED };
const char *frame_status_name(enum frame_status s); /* "opened", "duplicate", "refused" */

struct opened_frame {
    enum frame_status status;
    /* Of a refusal, stable; else "": frame_result_name and sealed_result_name ("frame-short", "sealed-auth"), or
     *   unknown-serial  no such device, or its serial was given up
     *   not-done        the device has not left the line; nothing is recorded, offer the frame again later
     *   no-session      DATA without its OPEN; nothing is recorded, offer it again once the OPEN was opened
     *   replay          other bytes were recorded at this place of the session; an alarm is
     *   quarantined     opened and recorded, but withheld: no data here until an officer releases the device
     *   no-key          no key in use of that epoch: it was retired, or never was
     *   unpinned        3, 8: the registry holds no key to verify it with
     *   key-conflict    8: signed with another key than the pinned one; both are quarantined now, with the device
     *   key-known       8: a first key that is another device's, or was refused; nothing is pinned
     *   clone           3, 8: another OPEN at that boot was recorded: it is kept as evidence, the device is quarantined
     *   generation-ended  5: late, of a generation that a later one has ended; no alarm
     *   flash-lost      5: under the initial generation again: no data, and verifier_down has the answer */
    const char *reason;
    bool has_serial;              /* false also of what opened, where nobody says whose it is (scheme 6) */
    uint64_t serial;              /* known to be true only when status is OPENED or DUPLICATE; else as claimed */
    const char *scheme;           /* "sealed"; "" if unknown */
    uint16_t fleet;               /* for verifier_down, like the next three; 0 unknown */
    uint8_t epoch;                /* of an OPEN that names one; else 0 */
    uint8_t gen;                  /* 5 */
    uint32_t boot;                /* 24 bits; 0 where a frame has none */
    uint64_t counter;             /* 0 for an OPEN */
    uint8_t session[32];          /* its name in the registry, for verifier_messages; zeros: not known any more */
    uint8_t data[FRAME_DATA_MAX]; /* OPENED and DUPLICATE: the application's bytes.  None of a duplicate whose key is gone */
    size_t len;
    char received[REG_TIME]; /* first receipt */
    bool may_sign;  /* 3, 8: its product's first frames are signed with the device's own key, and perhaps all of them */
    bool is_signed; /* OPENED and DUPLICATE: this frame is; the signature verified.  Else who has the session's key, or the
                       server's, could have made it */
};

/* Open one frame of len bytes, any bytes at all.
 * fleet: where to look for the key of a frame that does not say whose it is, and for the session of DATA; 0: unknown, then
 * at most 8 fleets with the frame's epoch are tried.  A frame that names its device needs none. ERR_OK: *out says what
 * became of it.  Otherwise (token gone, disk full) nothing was recorded: offer the frame again. */
enum err_code verifier_frame_of(struct verifier *v, uint16_t fleet, const uint8_t *frame, size_t len,
                                struct opened_frame *out, struct err *e);
/* The same of an unknown fleet. */
enum err_code verifier_frame(struct verifier *v, const uint8_t *frame, size_t len, struct opened_frame *out, struct err *e);

/* What goes back to the sender of this frame, which verifier_frame filled in and whose record is committed: the fleet's
 * newest ROTATE for an OPEN of an older epoch, the pending REKEY of its device; nothing for a one-way product.  The same
 * frame again gives the same. */
struct frame_sink {
    void (*add)(void *io, const uint8_t *frame, size_t len);
    void *io;
};
enum err_code verifier_down(struct verifier *v, const struct opened_frame *o, const struct frame_sink *sink, struct err *e);

/* Before a board of that product is burned: the server's token holds the key that such a board starts with, so that its
 * proof can be opened.  Says nothing of products whose keys are each device's own, nor of a fleet without an ACTIVE key,
 * which the station refuses.  ERR_CONFIG: the key is not there. */
enum err_code verifier_is_ready(struct verifier *v, const struct product *product, struct err *e);

/* ---- messages: application data for one device ---- */

enum { MESSAGE_MAX = FRAME_DATA_MAX, MESSAGE_OVERHEAD = 49 /* bytes that its payload in the registry has beside it */ };

/* The token key (HSM_MASTER, of the server alone) under which messages wait; whoever queues the first one makes it. */
extern const char verifier_down_key[];

/* Put data, at most MESSAGE_MAX bytes, behind what waits for the device, wrapped (verifier/at_rest.h).  Whether the device
 * can be told anything is the caller's to know.  sessions: as registry_down_queue, whose errors these are, and the token's.
 */
enum err_code verifier_message_queue(struct verifier *v, uint64_t serial, const uint8_t *data, size_t len, unsigned sessions,
                                     uint64_t *id, struct err *e);

/* What the n frames of one request bring about, after their record is committed: messages that they show to have arrived are
 * ended, and each device among them that opened a new frame gets the oldest message that it was not sent in this session,
 * one a request, in the session of its last frame here.  Its counter is committed before it is used; whatever comes in
 * between wastes it, and the message goes into a later session. Not ERR_OK: what was added is good all the same. */
enum err_code verifier_messages(struct verifier *v, const struct opened_frame *o, size_t n, const struct frame_sink *sink,
                                struct err *e);

/* station_prove (station/station.h): io is a struct verifier.  Records nothing.  The form is that of the device's product,
 * and in 3 and 8 the key is the one that the chip made (registry_chip_made), be it pinned by now or not. */
enum err_code verifier_prove(void *io, uint64_t serial, const uint8_t *frame, size_t len, const uint8_t challenge[32],
                             const uint8_t image_digest[32], struct err *e);

#endif
