/* firmware-stub/telemetry.h - what the application has to say, sealed: OPEN with the first sample, then DATA, one each
 * FL_TELEMETRY_MS (build constant, 1000).  One-way devices re-send OPEN's very bytes after DATA 8; when ctr is used up, or
 * after power loss, a new OPEN under a new boot number follows. */
#ifndef FIRMWARE_STUB_TELEMETRY_H
#define FIRMWARE_STUB_TELEMETRY_H

#include "firmware-stub/identity.h"

enum { TELEMETRY_SAMPLE_LEN = 16, TELEMETRY_FRAME_MAX = 73 };

struct telemetry {
    bool open; /* a session lives */
    struct device_session session;
    uint32_t counter; /* of the last DATA */
    uint32_t samples;
    uint32_t due_ms;
    uint8_t first[TELEMETRY_FRAME_MAX]; /* the OPEN, for re-sending */
    size_t first_len;
};

/* Send what is due at now_ms; the first frame is due at once.  Anything but DEVICE_OK: nothing was sent, and no more may be.
 */
enum device_code telemetry_step(struct telemetry *t, const struct crypto *c, const struct identity *id, uint32_t now_ms);

#endif
