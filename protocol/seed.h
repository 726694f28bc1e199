/* protocol/seed.h - the seed of a device's own key (schemes 3, 7, 8), as it lies in OTP: 4 units of 8 bytes, each 7 random
 * bytes and a check byte over them, so that a unit tells by itself whether its pulses were cut.  224 random bits.
 * Boundary: the chip (firmware-stub/make_key.c), or for an injected key the line (station/key.c), gives the randomness.
 * Secrets: key, seed; the caller wipes them.  Source: docs/protocol.md, "Keys made on the chip", "Injected keys". */
#ifndef PROTOCOL_SEED_H
#define PROTOCOL_SEED_H

#include "protocol/otp_image.h"

enum { SEED_UNITS = SLOT_LEN / OTP_UNIT, SEED_UNIT_RANDOM = OTP_UNIT - 1, SEED_KEY_LEN = 32, SEED_SALTS_MAX = 2 };

/* The last byte of that unit; FF: no such unit is ever made. */
uint8_t seed_check_byte(const uint8_t unit[OTP_UNIT]);

/* From 32 random bytes, and up to SEED_SALTS_MAX parts that make two seeds differ even where these do not.  The same in, the
 * same out.  False: the table failed; *seed is not to be used. */
bool seed_make(const struct crypto *c, const uint8_t key[SEED_KEY_LEN], const struct crypto_part *salt, size_t n,
               uint8_t seed[SLOT_LEN]);

#endif
