/* station/fault.h - every way in which the transaction itself can fail.  What chip, token and registry say is in their own
 * lists (flash/fault.h, hsm/fault.h, db/fault.h).  Extend-only: names are for ever. */
#ifndef STATION_FAULT_H
#define STATION_FAULT_H

#include "base/err.h"

enum station_fault_id {
    STATION_NO_FAULT, /* so that 0 in a table means none */
    STATION_OTHER_CHIP,
    STATION_SCHEME,
    STATION_LOCK_NEEDS_CONSOLE,
    STATION_CONSOLE_MISSING,
    STATION_NO_MAILBOX,
    STATION_FIRMWARE_TOO_BIG,
    STATION_CLOCK,
    STATION_FOREIGN,     /* cells are burned, and not by this line */
    STATION_EXCHANGED,   /* blank where the journal knows it burned */
    STATION_UNLIKE,      /* cells are neither the image nor the beginning of it */
    STATION_TORN,        /* a cell was cut in its pulse */
    STATION_CLOSED,      /* readout protection, but the journal has no proof */
    STATION_QUARANTINED, /* it was, before */
    STATION_VOID,        /* its serial was given up */
    STATION_IMAGE_DIFFERS,
    STATION_KEY_ROWS,
    STATION_OTHER_KEK,
    STATION_IMAGE,
    STATION_CRYPTO,
    STATION_NO_ANSWER,
    STATION_BAD_ANSWER,
    STATION_DEVICE_SAYS,
    STATION_PROOF,
    STATION_INTERRUPTED, /* another room's fault, after the first irreversible step */
    STATION_CONSOLE_IN_USE,
    STATION_CONSOLE_TIMEOUT,
    STATION_CONSOLE_PROOF, /* its proof over the console does not open */
    STATION_CONSOLE_SAYS,  /* the device says a code there */
    STATION_CONSOLE_STOPPED,
    STATION_UNSTEADY,        /* two looks at the chip say different things; nothing was burned */
    STATION_UNSTEADY_BURNED, /* the same, under an intent */
    STATION_LOCK_MISSING,    /* the lock was ordered, and is not there */
    STATION_PRODUCT_KEYS,    /* fleet key, rotation authority or master of the product */
    STATION_SEED_TORN,       /* the chip can't make a key any more */
    STATION_OTHER_CHIP_KEY,  /* it tells another key than before, or another device's */
    STATION_OTHER_FIRMWARE,  /* fl_rsa_key is missing, or there without need */
    STATION_FAULTS
};

/* Indexed by enum station_fault_id; texts in fault.c. */
extern const struct fault station_fault[STATION_FAULTS];

#endif
