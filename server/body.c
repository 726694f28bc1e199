#include "server/body.h"

#include "protocol/bytes.h"
#include "protocol/frame.h"

bool body_parse(const uint8_t *bytes, size_t len, struct body *out)
{
    size_t at = 0;

    out->n = 0;
    if (len > BODY_MAX)
        return false;
    while (at < len) {
        if (len - at < 2 || out->n == BODY_FRAMES_MAX)
            return false;
        const uint16_t frame = get16(bytes + at);
        at += 2;
        if (frame == 0 || frame > FRAME_MAX || frame > len - at)
            return false;
        out->frame[out->n].at = bytes + at;
        out->frame[out->n].len = frame;
        out->n++;
        at += frame;
    }
    return true;
}
