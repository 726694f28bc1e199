#include "firmware-stub/telemetry.h"

#include <string.h>

#include "firmware-stub/boot_number.h"
#include "firmware-stub/console.h"
#include "protocol/bytes.h"

#ifndef FL_TELEMETRY_MS
#define FL_TELEMETRY_MS 1000
#endif

enum { RESEND_AFTER = 8 };

/* ---- the application: two functions to replace ---- */

/* Stands where a product reads its sensors: number, time, and two made-up readings; or what it was told. */
static void take_sample(struct telemetry *t, uint32_t now_ms, uint8_t out[TELEMETRY_SAMPLE_LEN])
{
    uint32_t n = ++t->samples;
    if (t->told) {
        t->told = false;
        memcpy(out, t->echo, TELEMETRY_SAMPLE_LEN);
        return;
    }
    put32(out, n);
    put32(out + 4, now_ms);
    put32(out + 8, 21000 + n * 37 % 500); /* thousandths of a degree */
    put32(out + 12, 3300 - n % 16);       /* millivolts */
}

/* Stands where a product obeys: the next sample repeats it, zeros behind. */
static void take_order(struct telemetry *t, const uint8_t *data, size_t len)
{
    memset(t->echo, 0, sizeof t->echo);
    memcpy(t->echo, data, len < sizeof t->echo ? len : sizeof t->echo);
    t->told = true;
}

/* ---- */

static enum device_code send_open(struct telemetry *t, const struct crypto *c, const struct identity *id,
                                  const uint8_t sample[TELEMETRY_SAMPLE_LEN])
{
    struct counter_record taken = { .boot = t->boot };
    enum device_code code = t->boot != 0 ? DEVICE_OK : boot_number_take(NULL, &taken);
    t->boot = 0;
    if (code != DEVICE_OK)
        return code;
    enum sealed_result r = product->scheme->open(c, &id->device, taken.boot, sample, TELEMETRY_SAMPLE_LEN, t->first,
                                                 sizeof t->first, &t->first_len, &t->session);
    if (r != SEALED_OK)
        return r == SEALED_RANDOM ? DEVICE_RANDOM : DEVICE_CRYPTO;
    t->open = true;
    t->counter = product->scheme->sid ? 0 : 1; /* schemes 4 and 5 have no OPEN: their first frame is DATA 1 */
    console_send(t->first, t->first_len);
    return DEVICE_OK;
}

static enum device_code send_data(struct telemetry *t, const struct crypto *c, const struct identity *id,
                                  const uint8_t sample[TELEMETRY_SAMPLE_LEN], uint32_t now_ms)
{
    uint8_t frame[FL_FRAME_MAX];
    size_t len = 0;
    enum sealed_result r = product->scheme->data(c, &id->device, &t->session, t->counter + 1, sample, TELEMETRY_SAMPLE_LEN,
                                                 frame, sizeof frame, &len);
    if (r == SEALED_RANGE) { /* ctr is used up */
        telemetry_restart(t, 0, now_ms);
        return send_open(t, c, id, sample);
    }
    if (r != SEALED_OK)
        return DEVICE_CRYPTO;
    t->counter++;
    console_send(frame, len);
    if (t->counter == RESEND_AFTER && product->scheme->sid && (id->policy & POLICY_ONE_WAY) != 0)
        console_send(t->first, t->first_len);
    return DEVICE_OK;
}

/* Stays a function of its own: the tests let its code decay. */
__attribute__((noinline, noclone)) enum device_code telemetry_step(struct telemetry *t, const struct crypto *c,
                                                                   const struct identity *id, uint32_t now_ms)
{
    uint8_t sample[TELEMETRY_SAMPLE_LEN];
    if (t->samples != 0 && (int32_t)(now_ms - t->due_ms) < 0)
        return DEVICE_OK;
    t->due_ms = now_ms + FL_TELEMETRY_MS;
    take_sample(t, now_ms, sample);
    return t->open ? send_data(t, c, id, sample, now_ms) : send_open(t, c, id, sample);
}

bool telemetry_hear(struct telemetry *t, const struct crypto *c, const struct identity *id, const uint8_t *frame, size_t len)
{
    static uint8_t data[FRAME_DATA_MAX];
    size_t data_len = 0;
    if (!t->open || product->scheme->down(c, &id->device, &t->session, frame, len, data, &data_len) != SEALED_OK)
        return false;
    take_order(t, data, data_len);
    bytes_wipe(data, sizeof data);
    return true;
}

void telemetry_restart(struct telemetry *t, uint32_t boot, uint32_t now_ms)
{
    t->open = false;
    t->boot = boot;
    t->due_ms = now_ms;
    bytes_wipe(&t->session, sizeof t->session);
}
