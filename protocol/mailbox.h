/* protocol/mailbox.h - how station and firmware talk through RAM before the lock: one request, one answer.
 * Layout of the ELF symbol `fl_mailbox` (.noinit, outside OpenOCD's work area): five fields of little-endian u32 and bytes,
 * read and written by the debug probe.  Whoever writes, writes `state` last.  The station wipes it when done.
 * Station: data, len, cmd, magic, then state = REQUEST; waits for ANSWER or ERROR.  Firmware: BUSY while it works.
 * Boundary: pure; the bytes come from chip.h.  Source: docs/protocol.md, "Mailbox". */
#ifndef PROTOCOL_MAILBOX_H
#define PROTOCOL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAILBOX_DATA_MAX = 1024,
    MAILBOX_OFF_MAGIC = 0,
    MAILBOX_OFF_STATE = 4,
    MAILBOX_OFF_CMD = 8,
    MAILBOX_OFF_LEN = 12,
    MAILBOX_OFF_DATA = 16,
    MAILBOX_LEN = MAILBOX_OFF_DATA + MAILBOX_DATA_MAX,

    MAILBOX_PROOF_REQUEST_LEN = 32,      /* challenge32; the answer is the proof frame */
    MAILBOX_KEY_REQUEST_LEN = 176,       /* the image with holes */
    MAILBOX_KEY_ANSWER_LEN = 32 + 4 + 16 /* x32 crc4 otp_mac16 */
};
#define MAILBOX_MAGIC UINT32_C(0x464C4D42) /* "FLMB" */
#define MAILBOX_SYMBOL "fl_mailbox"

enum mailbox_state { MAILBOX_IDLE, MAILBOX_REQUEST, MAILBOX_BUSY, MAILBOX_ANSWER, MAILBOX_ERROR };
enum mailbox_cmd { MAILBOX_PROOF = 1, MAILBOX_MAKE_KEY = 2 };

/* The firmware's own view, on a little-endian CPU; declared volatile there. */
struct mailbox {
    uint32_t magic, state, cmd, len;
    uint8_t data[MAILBOX_DATA_MAX];
};

/* What the station read, decoded. */
struct mailbox_view {
    enum mailbox_state state;
    uint32_t cmd;
    const uint8_t *data; /* into bytes */
    size_t len;          /* 0..MAILBOX_DATA_MAX; in ERROR: code1 (protocol/local.h), then text */
};

/* The request as the station writes it: everything but `state`'s value, which is MAILBOX_IDLE here and written last.
 * Returns the bytes to write from offset 0, or 0 if len > MAILBOX_DATA_MAX. */
size_t mailbox_put(uint8_t out[MAILBOX_LEN], enum mailbox_cmd cmd, const uint8_t *data, size_t len);

/* Decode what was read, MAILBOX_OFF_DATA bytes or more.  False: no magic, a state that does not exist, a length above
 * MAILBOX_DATA_MAX, or above n - MAILBOX_OFF_DATA. */
bool mailbox_get(const uint8_t *bytes, size_t n, struct mailbox_view *out);

#endif
