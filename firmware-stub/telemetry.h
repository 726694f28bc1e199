/* firmware-stub/telemetry.h - what the application has to say, sealed: a first frame with the first sample, then DATA, one
 * each FL_TELEMETRY_MS (build constant, 1000); and what it is told, by DOWN.  One-way devices re-send OPEN's very bytes
 * after DATA 8; when ctr is used up, after power loss and after a ROTATE or REKEY, a first frame under a new boot number
 * follows. */
#ifndef FIRMWARE_STUB_TELEMETRY_H
#define FIRMWARE_STUB_TELEMETRY_H

#include "firmware-stub/identity.h"
#include "firmware-stub/product.h"

enum { TELEMETRY_SAMPLE_LEN = 16 };

struct telemetry {
    bool open; /* a session lives */
    struct device_session session;
    uint32_t counter; /* of the last DATA */
    uint32_t boot;    /* taken already, for the next first frame; 0: to be taken */
    uint32_t samples;
    uint32_t due_ms;
    bool told; /* the next sample is an echo of what DOWN brought: */
    uint8_t echo[TELEMETRY_SAMPLE_LEN];
    uint8_t first[FL_FRAME_MAX]; /* the OPEN, for re-sending */
    size_t first_len;
};

/* Send what is due at now_ms; the first frame is due at once.  Anything but DEVICE_OK: nothing was sent, and no more may be.
 */
enum device_code telemetry_step(struct telemetry *t, const struct crypto *c, const struct identity *id, uint32_t now_ms);

/* A frame came down.  False: it is no DOWN frame of this session, or not above the last one; nothing has changed. */
bool telemetry_hear(struct telemetry *t, const struct crypto *c, const struct identity *id, const uint8_t *frame,
                    size_t len);

/* End the session; the next first frame is due at once, under `boot` if it is not 0. */
void telemetry_restart(struct telemetry *t, uint32_t boot, uint32_t now_ms);

#endif
