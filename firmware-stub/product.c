/* The rows.  Each lies in a section of its own: the one that the build names is linked, with what it names. */
#include "firmware-stub/product.h"

#include "firmware-stub/crypto_bearssl.h"

extern const struct product product_sealed;

const struct product product_sealed = {
    .scheme = &device_sealed,
    .crypto = crypto_bearssl_sealing,
    .self_test = crypto_bearssl_test_sealing,
};
