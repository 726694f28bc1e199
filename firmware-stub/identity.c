#include "firmware-stub/identity.h"

#include "firmware-stub/cells.h"
#include "firmware-stub/chip.h"
#include "firmware-stub/crypto_bearssl.h"
#include "protocol/bytes.h"

/* Fixed for a product when its firmware is built, and again in its registry profile. */
#ifndef FL_SID_LEN
#define FL_SID_LEN 2
#endif
#ifndef FL_CTR_LEN
#define FL_CTR_LEN 1
#endif

enum device_code identity_load(const struct crypto *c, struct identity *id)
{
    if (!chip_read(chip_otp, id->image, sizeof id->image))
        return DEVICE_OTP_READ;
    enum otp_result r = otp_image_check(c, id->image, cell_burned(NULL, CELL_RETIRED), NULL);
    if (r != OTP_OK)
        return (enum device_code)r; /* one number space: protocol/local.h */
    enum sealed_result s = device_sealed.init(c, id->image, FL_SID_LEN, FL_CTR_LEN, &id->device);
    if (s != SEALED_OK)
        return (enum device_code)(s == SEALED_POINT ? OTP_POINT : OTP_SCHEME); /* another scheme's image */
    id->policy = get16(id->image + OTP_OFF_POLICY);
    return crypto_bearssl_self_test() ? DEVICE_OK : DEVICE_SELF_TEST;
}
