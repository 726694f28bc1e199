#include "firmware-stub/telemetry.h"

#include "firmware-stub/boot_number.h"
#include "firmware-stub/console.h"
#include "protocol/bytes.h"

#ifndef FL_TELEMETRY_MS
#define FL_TELEMETRY_MS 1000
#endif

enum { RESEND_AFTER = 8 };

/* Stands where a product reads its sensors: number, time, and two made-up readings. */
static void take_sample(struct telemetry *t, uint32_t now_ms, uint8_t out[TELEMETRY_SAMPLE_LEN])
{
    uint32_t n = ++t->samples;
    put32(out, n);
    put32(out + 4, now_ms);
    put32(out + 8, 21000 + n * 37 % 500); /* thousandths of a degree */
    put32(out + 12, 3300 - n % 16);       /* millivolts */
}

static enum device_code send_open(struct telemetry *t, const struct crypto *c, const struct identity *id,
                                  const uint8_t sample[TELEMETRY_SAMPLE_LEN])
{
    uint32_t boot = 0;
    enum device_code code = boot_number_take(&boot);
    if (code != DEVICE_OK)
        return code;
    enum sealed_result r = device_sealed.open(c, &id->device, boot, sample, TELEMETRY_SAMPLE_LEN, t->first, sizeof t->first,
                                              &t->first_len, &t->session);
    if (r != SEALED_OK)
        return r == SEALED_RANDOM ? DEVICE_RANDOM : DEVICE_CRYPTO;
    t->open = true;
    t->counter = 0;
    console_send(t->first, t->first_len);
    return DEVICE_OK;
}

static enum device_code send_data(struct telemetry *t, const struct crypto *c, const struct identity *id,
                                  const uint8_t sample[TELEMETRY_SAMPLE_LEN])
{
    uint8_t frame[TELEMETRY_FRAME_MAX];
    size_t len = 0;
    enum sealed_result r = device_sealed.data(c, &id->device, &t->session, t->counter + 1, sample, TELEMETRY_SAMPLE_LEN,
                                              frame, sizeof frame, &len);
    if (r == SEALED_RANGE) { /* ctr is used up */
        t->open = false;
        bytes_wipe(&t->session, sizeof t->session);
        return send_open(t, c, id, sample);
    }
    if (r != SEALED_OK)
        return DEVICE_CRYPTO;
    t->counter++;
    console_send(frame, len);
    if (t->counter == RESEND_AFTER && (id->policy & POLICY_ONE_WAY) != 0)
        console_send(t->first, t->first_len);
    return DEVICE_OK;
}

enum device_code telemetry_step(struct telemetry *t, const struct crypto *c, const struct identity *id, uint32_t now_ms)
{
    uint8_t sample[TELEMETRY_SAMPLE_LEN];
    if (t->samples != 0 && (int32_t)(now_ms - t->due_ms) < 0)
        return DEVICE_OK;
    t->due_ms = now_ms + FL_TELEMETRY_MS;
    take_sample(t, now_ms, sample);
    return t->open ? send_data(t, c, id, sample) : send_open(t, c, id, sample);
}
