/* Any bytes off the wire decode to no more than they were, in no more room than given; any bytes survive the round trip. */
#include <string.h>

#include "protocol/cobs.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    size_t max = len > 0 ? in[0] * (size_t)8 : 0;
    uint8_t *out = malloc(max + 1), *coded = malloc(COBS_MAX(len)), *back = malloc(COBS_MAX(len));
    require(out && coded && back);
    long n = cobs_decode(in, len, out, max);
    require(n >= -1 && n <= (long)max && n <= (long)len);

    size_t m = cobs_encode(in, len, coded, COBS_MAX(len));
    require(m >= 2 && coded[m - 1] == 0 && !memchr(coded, 0, m - 1));
    require(cobs_decode(coded, m - 1, coded, len) == (long)len && memcmp(coded, in, len) == 0);
    free(out);
    free(coded);
    free(back);
    return 0;
}
