/* firmware-stub/product.h - what differs between the firmwares of the schemes: one row each (product.c), named by the build
 * (-DFL_PRODUCT=product_NAME).  Who branches on a scheme calls a member of the row instead; what no row names is not linked.
 * Boundary: main.c above; protocol/device_NAME.c, the crypto back end and the chip below. */
#ifndef FIRMWARE_STUB_PRODUCT_H
#define FIRMWARE_STUB_PRODUCT_H

#include "protocol/counter.h"
#include "protocol/device.h"
#include "protocol/kem.h"
#include "protocol/local.h"
#include "protocol/mailbox.h"

/* Bytes of the longest frame that is sent: 23 with 16 bytes of data has 173; the build for RSA says 513. */
#ifndef FL_FRAME_MAX
#define FL_FRAME_MAX 176
#endif

struct product {
    const struct device_scheme *scheme;
    const struct kem *kem;                                           /* of the key it seals to; NULL: none */
    uint8_t suite;                                                   /* of its image */
    const uint8_t *rsa;                                              /* n512 e4, or NULL */
    struct crypto (*crypto)(bool (*random)(void *, void *, size_t)); /* only what the scheme uses; the rest NULL */
    bool (*self_test)(void);                                         /* known answers of the same */

    /* Bring what the last ROTATE or REKEY left into *d, at the start.  NULL: the scheme has neither. */
    enum device_code (*recall)(const struct crypto *c, struct device_side *d);

    /* Carry out a ROTATE or REKEY frame as it came over the console.  DEVICE_OK: *d is as the frame says, and *taken is the
     * boot number that was taken on the way, for the next first frame; its record is on flash.  DEVICE_REQUEST: refused,
     * nothing has changed.  Anything else: flash or OTP failed, and nothing may be sent.  NULL: the scheme has neither. */
    enum device_code (*obey)(const struct crypto *c, struct device_side *d, const uint8_t *frame, size_t len,
                             uint32_t *taken);

    /* make_key.h, or NULL. */
    enum device_code (*make_key)(const struct crypto *c, uint8_t scheme, const uint8_t draft[MAILBOX_KEY_REQUEST_LEN],
                                 uint8_t answer[MAILBOX_KEY_ANSWER_LEN]);
};

enum { RSA_KEY_LEN = 512 + 4 }; /* n512 e4 */

/* The server's RSA key: rsa_key.S, linked into the RSA form alone.  Blank in the build; the station puts the key of the
 * board's fleet there when it writes the flash. */
extern const uint8_t fl_rsa_key[RSA_KEY_LEN];

extern const struct product FL_PRODUCT;
static const struct product *const product = &FL_PRODUCT;

#endif
