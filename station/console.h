/* station/console.h - the question after the lock: a challenge over the slot's console, until a device proves itself.
 * Boundary: bytes of base/console.h below, records of protocol/local.h inside; whose proof it is, is the caller's to judge.
 * The board may be off when we begin, lose its power while we wait, and take the port away with it: the challenge is sent
 * again and again, a port that went is opened again.  Telemetry is passed over; it is lost to other listeners.
 * Power: changes nothing here; the device takes a boot number for its proof.  Source: docs/protocol.md, "Serial line". */
#ifndef STATION_CONSOLE_H
#define STATION_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/cobs.h"
#include "protocol/frame.h"
#include "protocol/local.h"

enum { CONSOLE_RECORD_MAX = COBS_MAX(1 + FRAME_MAX) };

struct console {
    const char *path; /* NULL: none */
    int fd;           /* -1: closed, or gone */
    uint8_t record[CONSOLE_RECORD_MAX];
    size_t len; /* in record; CONSOLE_RECORD_MAX: too long, skip to the next 00 */
    bool spent; /* of the last question: the device said that it answers one challenge a start, and has */
};

/* ERR_UNAVAILABLE: not there; ERR_RETRY: another process listens. */
enum err_code console_attach(struct console *c, const char *path, struct err *e);
void console_detach(struct console *c);

/* rdp: the readout protection level that the device says it is at.
 * ERR_OK: this frame proves what was asked, the wait is over.  ERR_NO: it does not; *e says why, the wait goes on.
 * Anything else ends the wait. */
typedef enum err_code console_judge(void *io, unsigned rdp, const uint8_t *frame, size_t len, struct err *e);

struct console_question {
    const uint8_t *challenge; /* [LOCAL_CHALLENGE_LEN], drawn for this one question */
    uint32_t limit_ms;        /* for all of it */
    uint32_t again_ms;        /* from one sending to the next */
    uint32_t silent_ms;       /* end earlier if not one byte came by then; 0: never */
    console_judge *judge;
    void *io;
    bool (*stopped)(void *io); /* may be NULL */
    void *stopped_io;
};

/* Ask until a proof is judged good.  What was said before is dropped first.  A device that fails to prove itself gets
 * ten more challenges, for a power cycle.  When time is up *e tells the most telling of what came:
 * ERR_NO          console-proof-refused, console-device-refuses
 * ERR_INCOMPLETE  console-timeout; console-interrupted: `stopped` was true */
enum err_code console_ask(struct console *c, const struct console_question *q, struct err *e);

#endif
