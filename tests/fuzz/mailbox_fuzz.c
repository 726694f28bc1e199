/* Any RAM as a mailbox, any console record: what is accepted lies inside the input. */
#include "protocol/local.h"
#include "protocol/mailbox.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    struct mailbox_view v;
    if (mailbox_get(in, len, &v)) {
        require(v.state <= MAILBOX_ERROR && v.len <= MAILBOX_DATA_MAX);
        require(v.data == in + MAILBOX_OFF_DATA && v.data + v.len <= in + len);
    }
    struct local l;
    if (local_parse(in, len, &l)) {
        require(local_is(in, len) && l.body + l.len == in + len);
        require(l.type != LOCAL_CHALLENGE || l.len == LOCAL_CHALLENGE_LEN);
        require(device_code_name(l.code) != NULL);
    }
    return 0;
}
