/* station/recovery.h - where a board stands, and what is to be done with it: the table of docs/recovery.md.
 * Boundary: pure; what the chip holds was read by station/find.c, the journal row comes from the registry.
 * Every pair of chip and journal has exactly one row, so no board is ever "unknown". */
#ifndef STATION_RECOVERY_H
#define STATION_RECOVERY_H

#include "db/registry.h"
#include "station/fault.h"
#include "station/station.h"

enum otp_found { /* what the chip holds, compared with the image of the intent if there is one */
                 FOUND_BLANK,
                 FOUND_PREFIX,      /* the beginning of the image in burn order, without the magic */
                 FOUND_WHOLE,       /* the image */
                 FOUND_WHOLE_UNFIT, /* the image, but firmware or locks are not as the line leaves them; asked for DONE only
                                     */
                 FOUND_OTHER,       /* anything else; without an intent: anything at all, or a locked block */
                 FOUND_TORN, /* a cell can't be read, or was cut in its pulse; or the lock byte of an unfinished block was */
                 FOUND_CLOSED, /* readout protection level 1: OTP can't be read */
                 FOUND_SILENT, /* level 2: no debug port; over the console a device proved that it is the one of the journal
                                */
                 FOUND_KINDS
};

enum { JOURNAL_NONE = DEV_STATES }; /* no row for this UID; else enum device_state */

enum recovery_action {
    RECOVER_GO_ON,     /* take the steps from `first` on */
    RECOVER_REWORK,    /* the same, as an event: DONE -> VERIFIED before */
    RECOVER_ALREADY,   /* it is done; from `first` on there is only to be looked whether it still is */
    RECOVER_REFUSE,    /* `fault`; there is no row that could be quarantined, or it stays as it is */
    RECOVER_QUARANTINE /* `fault`, recorded */
};

struct recovery_row {
    enum otp_found chip;
    unsigned journal; /* bits 1 << state */
    enum recovery_action action;
    enum station_step first;
    enum station_fault_id fault;
};

extern const struct recovery_row recovery_table[];
extern const size_t recovery_rows;

/* The row of this pair; journal is a device_state or JOURNAL_NONE.  Never NULL for values in range. */
const struct recovery_row *recovery_find(enum otp_found chip, unsigned journal);

#endif
