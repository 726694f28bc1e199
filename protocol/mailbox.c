#include "protocol/mailbox.h"

#include <string.h>

static void put32le(uint8_t out[4], uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get32le(const uint8_t in[4])
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (uint32_t)in[i] << (8 * i);
    return v;
}

size_t mailbox_put(uint8_t out[MAILBOX_LEN], enum mailbox_cmd cmd, const uint8_t *data, size_t len)
{
    if (len > MAILBOX_DATA_MAX)
        return 0;
    put32le(out + MAILBOX_OFF_MAGIC, MAILBOX_MAGIC);
    put32le(out + MAILBOX_OFF_STATE, MAILBOX_IDLE);
    put32le(out + MAILBOX_OFF_CMD, cmd);
    put32le(out + MAILBOX_OFF_LEN, (uint32_t)len);
    memcpy(out + MAILBOX_OFF_DATA, data, len);
    return MAILBOX_OFF_DATA + len;
}

bool mailbox_get(const uint8_t *bytes, size_t n, struct mailbox_view *out)
{
    if (n < MAILBOX_OFF_DATA || get32le(bytes + MAILBOX_OFF_MAGIC) != MAILBOX_MAGIC)
        return false;
    uint32_t state = get32le(bytes + MAILBOX_OFF_STATE), len = get32le(bytes + MAILBOX_OFF_LEN);
    if (state > MAILBOX_ERROR || len > MAILBOX_DATA_MAX || len > n - MAILBOX_OFF_DATA)
        return false;
    *out =
        (struct mailbox_view){ (enum mailbox_state)state, get32le(bytes + MAILBOX_OFF_CMD), bytes + MAILBOX_OFF_DATA, len };
    return true;
}
