/* The rows.  Each lies in a section of its own: the one that the build names is linked, with what it names. */
#include "firmware-stub/product.h"

#include "firmware-stub/crypto_bearssl.h"
#include "firmware-stub/obey_rekey.h"

extern const struct product product_sealed, product_secret, product_derived;

const struct product product_sealed = {
    .scheme = &device_sealed,
    .crypto = crypto_bearssl_sealing,
    .self_test = crypto_bearssl_test_sealing,
};

const struct product product_secret = {
    .scheme = &device_secret,
    .crypto = crypto_bearssl_secret,
    .self_test = crypto_bearssl_test_secret,
};

const struct product product_derived = {
    .scheme = &device_derived,
    .crypto = crypto_bearssl_secret,
    .self_test = crypto_bearssl_test_secret,
    .recall = rekey_recall,
    .obey = rekey_obey,
};
