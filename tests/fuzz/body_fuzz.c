/* Any bytes as the body of a request: the frames that it lists tile it, without a gap and without reaching out of it. */
#include "protocol/frame.h"
#include "server/body.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct body body;
    const uint8_t *at = in;

    if (!body_parse(in, len, &body))
        return 0;
    require(len <= BODY_MAX && body.n <= BODY_FRAMES_MAX);
    for (size_t i = 0; i < body.n; i++) {
        require(body.frame[i].len >= 1 && body.frame[i].len <= FRAME_MAX && body.frame[i].at == at + 2);
        at = body.frame[i].at + body.frame[i].len;
    }
    require(at == in + len);
    return 0;
}
