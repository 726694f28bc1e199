#include "protocol/local.h"

#include <string.h>

#include "protocol/frame.h"
#include "protocol/otp_image.h"

const char *device_code_name(uint8_t code)
{
    static const char *const name[] = {
        "self-test", "random", "boot-full", "boot-write", "crypto", "request", "stack", "fault", "otp-read", "otp-write", "seed",
    };
    if (code < OTP_RESULTS)
        return otp_result_name((enum otp_result)code);
    unsigned i = code - (unsigned)DEVICE_SELF_TEST;
    return i < sizeof name / sizeof *name ? name[i] : "unknown";
}

bool local_is(const uint8_t *bytes, size_t len)
{
    return len > 0 && bytes[0] >> 5 == 0; /* type = the top 3 bits */
}

bool local_parse(const uint8_t *bytes, size_t len, struct local *out)
{
    if (len < 2)
        return false;
    struct local l = { bytes[0], 0, bytes + 1, len - 1 };
    switch (l.type) {
    case LOCAL_ERROR:
        l = (struct local){ LOCAL_ERROR, bytes[1], bytes + 2, len - 2 };
        if (l.len > LOCAL_TEXT_MAX)
            return false;
        break;
    case LOCAL_CHALLENGE:
        if (l.len != LOCAL_CHALLENGE_LEN)
            return false;
        break;
    case LOCAL_PROOF:
        if (l.len > FRAME_MAX)
            return false;
        break;
    default:
        return false;
    }
    *out = l;
    return true;
}

size_t local_error(uint8_t code, const char *text, uint8_t *out, size_t max)
{
    size_t len = 0;
    while (len < LOCAL_TEXT_MAX && text[len])
        len++;
    if (len + 2 > max)
        return 0;
    out[0] = LOCAL_ERROR;
    out[1] = code;
    memcpy(out + 2, text, len);
    return len + 2;
}

/* type | body, or 0 if there is no room. */
static size_t put(uint8_t type, const uint8_t *body, size_t len, uint8_t *out, size_t max)
{
    if (len >= max)
        return 0;
    out[0] = type;
    memcpy(out + 1, body, len);
    return len + 1;
}

size_t local_challenge(const uint8_t challenge[LOCAL_CHALLENGE_LEN], uint8_t *out, size_t max)
{
    return put(LOCAL_CHALLENGE, challenge, LOCAL_CHALLENGE_LEN, out, max);
}

size_t local_proof(const uint8_t *frame, size_t len, uint8_t *out, size_t max)
{
    return put(LOCAL_PROOF, frame, len, out, max);
}
