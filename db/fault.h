/* db/fault.h - every way in which the registry can fail us.  Extend-only: names are for ever. */
#ifndef DB_FAULT_H
#define DB_FAULT_H

#include "base/err.h"

enum db_fault_id {
    DB_MISSING,
    DB_READ_ONLY,
    DB_NEWER,
    DB_NO_REGISTRY,
    DB_DISK_FULL,
    DB_BUSY,
    DB_IO,
    DB_CORRUPT,
    DB_BUG,
    DB_PRODUCT_EXISTS,
    DB_PRODUCT_UNKNOWN,
    DB_SERIALS_TAKEN,
    DB_SERIALS_USED_UP,
    DB_UID_OTHER_PRODUCT,
    DB_DEVICE_UNKNOWN,
    DB_STATE_CHANGED,
    DB_KEY_KNOWN,
    DB_OUTDATED,
    DB_OLDER,
    DB_MARK_TORN,
    DB_CUT,
    DB_SERIALS_NO_ROOM, /* none behind the last range; there may be gaps before it */
    DB_EPOCH_USED,
    DB_EPOCHS_USED_UP,
    DB_FLEET_KEY_UNKNOWN,
    DB_FLEET_KEY_KNOWN,
    DB_FLEET_KEY_STATE,
    DB_RA_REVOKED,
    DB_KEY_PINNED,
    DB_GENERATION_OTHER,
    DB_GENERATIONS_USED_UP,
    DB_DOWN_USED_UP,
    DB_DOWN_FULL,
    DB_DOWN_UNKNOWN,
    DB_FAULTS
};

/* Indexed by enum db_fault_id; texts in fault.c. */
extern const struct fault db_fault[DB_FAULTS];

#endif
