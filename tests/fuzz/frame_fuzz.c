/* Any bytes as a frame: what parses lies inside the input, has the size of its form, and adds up. */
#include "protocol/frame.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    struct frame f;
    if (frame_parse(in, len, &f) != FRAME_OK)
        return 0;
    const uint8_t *end = in + len;
    require(len <= FRAME_MAX && f.data_len <= FRAME_DATA_MAX && len == frame_size(f.form, f.data_len));
    require(f.ct == in + f.head_len && f.ct + f.data_len + f.form->tag_len == end);
    require(f.kid == in + 1 && f.kid + f.form->kid_len <= f.ct);
    require(!f.x || (f.x > in && f.x + FRAME_X_LEN == f.ct));
    require(!f.ctr || (f.ctr + f.form->ctr_len == f.ct && f.counter > 0));
    return 0;
}
