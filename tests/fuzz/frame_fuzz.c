/* Any bytes as a frame: what parses lies inside the input, has the size of its form, and adds up. */
#include "protocol/frame.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    struct frame f;
    if (frame_parse(in, len, &f) != FRAME_OK)
        return 0;
    const uint8_t *end = in + len;
    require(len <= FRAME_MAX && len == frame_size(f.form, f.data_len));
    require(f.ct == in + f.head_len && f.ct + f.data_len + f.form->tag_len == end);
    require(f.data_len >= f.form->least && f.data_len <= f.form->most && f.form->hdr == in[0]);
    require(!f.kid || (f.kid == in + 1 && f.kid + f.form->kid_len <= f.ct));
    require(!f.epoch || (f.epoch == in + 1 + f.form->kid_len && f.epoch < f.ct));
    require(!f.boot || (f.boot == in + 1 + f.form->kid_len && f.boot + FRAME_BOOT_LEN == f.ctr));
    require(!f.x || (f.x > in && f.x + FRAME_X_LEN == f.ct));
    for (unsigned i = 0; i < 256; i++) { /* a device that waits for one form takes that one alone */
        const struct frame_form *form = frame_form((uint8_t)i);
        struct frame g;
        require(!form || (frame_parse_as(form, in, len, &g) == FRAME_OK) == (i == in[0]));
    }
    require(!f.ctr || (f.ctr + f.form->ctr_len == f.ct && f.counter > 0));
    return 0;
}
