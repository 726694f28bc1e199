#include "protocol/local.h"

#include <string.h>

#include "protocol/frame.h"
#include "protocol/otp_image.h"

enum { RDP_MAX = 2 };

const char *device_code_name(uint8_t code)
{
    static const char *const name[] = {
        "self-test", "random", "boot-full", "boot-write", "crypto", "request",
        "stack",     "fault",  "otp-read",  "otp-write",  "seed",
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
    struct local l = { .type = bytes[0], .body = bytes + 1, .len = len - 1 };
    switch (l.type) {
    case LOCAL_ERROR:
        l = (struct local){ .type = LOCAL_ERROR, .code = bytes[1], .body = bytes + 2, .len = len - 2 };
        if (l.len > LOCAL_TEXT_MAX)
            return false;
        break;
    case LOCAL_CHALLENGE:
        if (l.len != LOCAL_CHALLENGE_LEN)
            return false;
        break;
    case LOCAL_PROOF:
        l = (struct local){ .type = LOCAL_PROOF, .rdp = bytes[1], .body = bytes + 2, .len = len - 2 };
        if (l.rdp > RDP_MAX || l.len > FRAME_MAX)
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

size_t local_challenge(const uint8_t challenge[LOCAL_CHALLENGE_LEN], uint8_t *out, size_t max)
{
    if (LOCAL_CHALLENGE_LEN >= max)
        return 0;
    out[0] = LOCAL_CHALLENGE;
    memcpy(out + 1, challenge, LOCAL_CHALLENGE_LEN);
    return 1 + LOCAL_CHALLENGE_LEN;
}

size_t local_proof(uint8_t rdp, const uint8_t *frame, size_t len, uint8_t *out, size_t max)
{
    if (len + 2 > max)
        return 0;
    out[0] = LOCAL_PROOF;
    out[1] = rdp;
    memcpy(out + 2, frame, len);
    return len + 2;
}
