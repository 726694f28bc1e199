/* firmware-stub/make_key.h - the device key of schemes 3 and 8, made on the chip: no one else ever holds its seed.
 * Boundary: the station's request above, RNG and OTP below.  Only before the image is complete; main.c sees to that.
 * A seed is 4 units of 8 bytes, each 7 bytes from the RNG and a check byte over them, burned in that order: so a unit tells
 * by itself whether its pulses were cut.  224 random bits; only this chip ever reads them.
 * Power: cut anywhere.  Whole units stay and the blank ones get new bytes, for no x went out before all four were read back;
 * a torn unit can't be burned again and is reported for ever.
 * Source: docs/protocol.md, "Keys made on the chip"; docs/firmware.md. */
#ifndef FIRMWARE_STUB_MAKE_KEY_H
#define FIRMWARE_STUB_MAKE_KEY_H

#include "protocol/local.h"
#include "protocol/mailbox.h"
#include "protocol/otp_image.h"

/* Burn what the seed slot still lacks; then x32 | crc4 | otp_mac16 of the draft with this chip's key in it.  Asked again,
 * the same x.
 *   draft  the station's image with its holes (otp_image_draft), of the scheme that this firmware speaks
 * DEVICE_REQUEST  the draft is of another scheme, or its hole is not empty: nothing burned
 * DEVICE_RANDOM   the RNG failed: nothing burned
 * DEVICE_SEED     a unit of the slot is torn, or holds what this firmware never wrote: nothing more is burned
 * DEVICE_OTP_WRITE a unit does not read back as burned;  DEVICE_CRYPTO
 * an otp_result   the finished image would not start */
enum device_code make_key(const struct crypto *c, uint8_t scheme, const uint8_t draft[MAILBOX_KEY_REQUEST_LEN],
                          uint8_t answer[MAILBOX_KEY_ANSWER_LEN]);

#endif
