/* Any bytes as a server's answer to a batch of 0 to 3 frames: what is taken accounts for every byte. */
#include <string.h>

#include "relay/batch.h"
#include "relay/digest.h"
#include "tests/fuzz/fuzz.h"

static struct batch batch; /* too big for libFuzzer's stack */

/* An answer would never guess a digest: with the first bit set, those that were sent are put in. */
static void lend_digests(uint8_t *answer, size_t len)
{
    for (size_t i = 0; i < batch.n && (i + 1) * RECEIPT_LEN <= len; i++)
        memcpy(answer + i * RECEIPT_LEN + 1, batch.item[i].digest, RECEIPT_DIGEST);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    struct reply r;
    const uint8_t *frame;
    size_t n, sum = 0;

    if (len == 0)
        return 0;
    batch_init(&batch);
    for (uint8_t i = 0; i < (in[0] >> 1) % 4; i++)
        require(batch_add(&batch, i, true, &i, 1));
    uint8_t *answer = malloc(len);
    require(answer != NULL);
    memcpy(answer, in + 1, --len);
    if (in[0] & 1)
        lend_digests(answer, len);
    if (reply_parse(&batch, answer, len, &r) == REPLY_OK) {
        while (reply_down(&r, &frame, &n)) {
            require(frame > answer && frame + n <= answer + len && n > 0 && n <= FRAME_MAX);
            sum += 2 + n;
        }
        require(batch.n * RECEIPT_LEN + sum == len);
    }
    free(answer);
    return 0;
}
