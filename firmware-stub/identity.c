#include "firmware-stub/identity.h"

#include "firmware-stub/cells.h"
#include "firmware-stub/chip.h"
#include "firmware-stub/product.h"
#include "protocol/bytes.h"

/* Fixed for a product when its firmware is built, and again in its registry profile. */
#ifndef FL_SID_LEN
#define FL_SID_LEN 2
#endif
#ifndef FL_CTR_LEN
#define FL_CTR_LEN 1
#endif

/* In a file that is built for the product: the linker sees through it, and the other curve is not there.  What is not of the
 * product's suite is refused below. */
const struct kem *kem_of(uint8_t suite)
{
    (void)suite;
    return product->kem;
}

static bool is_products(const uint8_t image[OTP_IMAGE_LEN])
{
    return image[OTP_OFF_SCHEME] == product->scheme->id && image[OTP_OFF_SUITE] == product->suite;
}

/* Why init refused an image whose every byte is as it was burned. */
static enum device_code refusal(enum sealed_result r)
{
    switch (r) {
    case SEALED_OK:
        return DEVICE_OK;
    case SEALED_POINT:
        return (enum device_code)(product->rsa ? OTP_DIGEST : OTP_POINT); /* RSA: no point but the key in the firmware */
    case SEALED_CRYPTO:
        return DEVICE_CRYPTO;
    default:
        return (enum device_code)OTP_SCHEME; /* another scheme's image */
    }
}

enum device_code identity_load(const struct crypto *c, struct identity *id)
{
    if (!chip_read(chip_otp, id->image, sizeof id->image))
        return DEVICE_OTP_READ;
    enum otp_result r = otp_image_check(c, id->image, cell_burned(NULL, CELL_RETIRED), NULL);
    if ((r == OTP_OK || r >= OTP_SCHEME) && !is_products(id->image))
        r = OTP_SCHEME; /* it is whole, but another firmware's */
    if (r != OTP_OK)
        return (enum device_code)r; /* one number space: protocol/local.h */
    id->device.rsa = product->rsa;
    enum device_code code = refusal(product->scheme->init(c, id->image, FL_SID_LEN, FL_CTR_LEN, &id->device));
    if (code == DEVICE_OK && product->recall != NULL)
        code = product->recall(c, &id->device);
    if (code == DEVICE_OK && !product->self_test())
        code = DEVICE_SELF_TEST;
    id->policy = get16(id->image + OTP_OFF_POLICY);
    return code;
}

bool identity_unfinished(void)
{
    uint8_t unit[OTP_UNIT];
    return chip_read(chip_otp, unit, sizeof unit) && bytes_all(unit, sizeof unit, 0xFF);
}
