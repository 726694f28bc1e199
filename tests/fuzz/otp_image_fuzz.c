/* Any bytes as an OTP image: what passes the checks is exactly what its fields encode to. */
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/otp_image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct crypto c;
    static const uint8_t base[8] = { 'F', 'L', '1', 'O', 1, 1, 1, 1 };
    if (!c.io)
        require(hpke_host_open(&c) != NULL);

    uint8_t image[OTP_IMAGE_LEN], again[OTP_IMAGE_LEN];
    struct otp_image fields;
    struct otp_image_span span[OTP_SPANS_MAX];
    bool mend = len > 0 && in[0] & 1; /* give it a head, a CRC and a mac, to reach the checks behind them */
    memset(image, 0xFF, sizeof image);
    if (len > 1)
        memcpy(image, in + 1, len - 1 < sizeof image ? len - 1 : sizeof image);
    if (mend) {
        if (in[0] & 2)
            memcpy(image, base, sizeof base);
        require(otp_image_finish(&c, image));
    }
    enum otp_result r = otp_image_check(&c, image, false, &fields);
    require(r < OTP_RESULTS && otp_image_spans(image, span) <= OTP_SPANS_MAX);
    if (r == OTP_OK) {
        require(otp_image_encode(&c, &fields, again) == OTP_OK);
        require(memcmp(image, again, sizeof image) == 0);
    }
    return 0;
}
