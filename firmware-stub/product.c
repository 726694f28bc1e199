/* The rows.  Each lies in a section of its own: the one that the build names is linked, with what it names. */
#include "firmware-stub/product.h"

#include "firmware-stub/crypto_bearssl.h"
#include "firmware-stub/make_key.h"
#include "firmware-stub/obey_rekey.h"
#include "firmware-stub/obey_rotate.h"

extern const struct product product_sealed, product_fleet, product_identity, product_secret, product_derived,
    product_session, product_session_rsa, product_signup, product_fleet_x25519, product_identity_x25519,
    product_session_x25519, product_signup_x25519;

const struct product product_sealed = {
    .scheme = &device_sealed,
    .kem = &kem_p256,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_sealing,
    .self_test = crypto_bearssl_test_sealing,
};

const struct product product_fleet = {
    .scheme = &device_fleet,
    .kem = &kem_p256,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_fleet,
    .self_test = crypto_bearssl_test_fleet,
    .recall = rotate_recall,
    .obey = rotate_obey,
};

const struct product product_identity = {
    .scheme = &device_identity,
    .kem = &kem_p256,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_signing,
    .self_test = crypto_bearssl_test_signing,
    .recall = rotate_recall,
    .obey = rotate_obey,
    .make_key = make_key,
};

const struct product product_secret = {
    .scheme = &device_secret,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_secret,
    .self_test = crypto_bearssl_test_secret,
};

const struct product product_derived = {
    .scheme = &device_derived,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_secret,
    .self_test = crypto_bearssl_test_secret,
    .recall = rekey_recall,
    .obey = rekey_obey,
};

const struct product product_session = {
    .scheme = &device_session,
    .kem = &kem_p256,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_fleet,
    .self_test = crypto_bearssl_test_fleet,
    .recall = rotate_recall,
    .obey = rotate_obey,
};

/* Sealed to the key in the firmware: a ROTATE names a point, which would change nothing that it sends. */
const struct product product_session_rsa = {
    .scheme = &device_session_rsa,
    .kem = &kem_p256, /* to look at what the image may hold */
    .suite = SUITE_RSA,
    .rsa = fl_rsa_key,
    .crypto = crypto_bearssl_rsa,
    .self_test = crypto_bearssl_test_rsa,
};

const struct product product_signup = {
    .scheme = &device_signup,
    .kem = &kem_p256,
    .suite = SUITE_P256_CCM,
    .crypto = crypto_bearssl_signing,
    .self_test = crypto_bearssl_test_signing,
    .recall = rotate_recall,
    .obey = rotate_obey,
    .make_key = make_key,
};

/* ---- suite 2: sealed to X25519, signed with P-256 ---- */

const struct product product_fleet_x25519 = {
    .scheme = &device_fleet,
    .kem = &kem_x25519,
    .suite = SUITE_X25519_CCM,
    .crypto = crypto_bearssl_fleet_x25519,
    .self_test = crypto_bearssl_test_fleet_x25519,
    .recall = rotate_recall,
    .obey = rotate_obey,
};

const struct product product_identity_x25519 = {
    .scheme = &device_identity,
    .kem = &kem_x25519,
    .suite = SUITE_X25519_CCM,
    .crypto = crypto_bearssl_signing_x25519,
    .self_test = crypto_bearssl_test_signing_x25519,
    .recall = rotate_recall,
    .obey = rotate_obey,
    .make_key = make_key,
};

const struct product product_session_x25519 = {
    .scheme = &device_session,
    .kem = &kem_x25519,
    .suite = SUITE_X25519_CCM,
    .crypto = crypto_bearssl_fleet_x25519,
    .self_test = crypto_bearssl_test_fleet_x25519,
    .recall = rotate_recall,
    .obey = rotate_obey,
};

const struct product product_signup_x25519 = {
    .scheme = &device_signup,
    .kem = &kem_x25519,
    .suite = SUITE_X25519_CCM,
    .crypto = crypto_bearssl_signing_x25519,
    .self_test = crypto_bearssl_test_signing_x25519,
    .recall = rotate_recall,
    .obey = rotate_obey,
    .make_key = make_key,
};
