/* db/device_key.h - the public keys that devices sign with (schemes 3, 7, 8): made on the chip or injected, pinned for ever.
 * Boundary: as db/registry.h.  A key is in one device alone: UNIQUE over all, the refused ones included. */
#ifndef DB_DEVICE_KEY_H
#define DB_DEVICE_KEY_H

#include "db/registry.h"

enum device_key_state {
    DEVICE_KEY_NONE,
    DEVICE_KEY_MADE,  /* the chip told it, or the line drew it; the record is not DONE yet */
    DEVICE_KEY_PINNED /* frames of this serial are verified with it */
};

/* The key of that serial; *x is zeros if there is none. */
enum err_code registry_device_key(struct registry *r, uint64_t serial, uint8_t x[32], enum device_key_state *state,
                                  struct err *e);

/* BURNING: what the chip answered when it was asked to make its key: x, and the image with its holes filled in as far as
 * others may know (the chip's own CRC, otp_mac and digest of x; the secret slot stays blank).  A chip gives the same answer
 * however often it is asked.  ERR_CONFLICT the row is not BURNING, x is another device's, or this device's is another one
 * (the chip can't have two). */
enum err_code registry_chip_made(struct registry *r, uint64_t serial, const uint8_t x[32], const uint8_t image[REG_IMAGE],
                                 struct err *e);

/* LOCKED -> DONE, and x pinned, in one transaction; else as registry_pin and registry_advance, and nothing happened. */
enum err_code registry_done_pinned(struct registry *r, uint64_t serial, const uint8_t x[32], const char *detail,
                                   struct err *e);

/* Pin x; by: "line", or "open" for a field sign-up, where the first OPEN pins (in one batch with its frame).  The same x is
 * pinned already: ERR_OK, nothing happens.  ERR_CONFLICT, nothing recorded: `key-pinned`, this serial has another key
 * (then: registry_pin_conflict), or `key-known`, this key is another device's, or was refused. */
enum err_code registry_pin(struct registry *r, uint64_t serial, const uint8_t x[32], const char *by, struct err *e);

/* A different key came for a pinned serial: the device is quarantined with reason "key-conflict", an event tells both keys,
 * and x is refused in every other device's place from now on; at most PIN_CONFLICTS_MAX such keys of a device are kept, and
 * what is known already is told no second time.  From any state.  ERR_CONFLICT: x is the pinned one. */
enum { PIN_CONFLICTS_MAX = 16 };
enum err_code registry_pin_conflict(struct registry *r, uint64_t serial, const uint8_t x[32], struct err *e);

#endif
