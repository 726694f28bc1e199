/* hsm/fault.h - every way in which a token can fail us.  Extend-only: names are for ever. */
#ifndef HSM_FAULT_H
#define HSM_FAULT_H

#include "base/err.h"

enum hsm_fault_id {
    HSM_BAD_URI,
    HSM_MODULE_MISSING,
    HSM_NOT_A_MODULE,
    HSM_MODULE_FAILED,
    HSM_TOKEN_MISSING,
    HSM_TOKEN_AMBIGUOUS,
    HSM_PIN_SOURCE,
    HSM_PIN_SOURCE_OPEN_TO_OTHERS,
    HSM_PIN_WRONG,
    HSM_PIN_LAST_TRY,
    HSM_PIN_LOCKED,
    HSM_TOKEN_GONE,
    HSM_KEY_MISSING,
    HSM_KEY_AMBIGUOUS,
    HSM_KEY_WRONG,
    HSM_BLOB_BAD,
    HSM_BAD_POINT,
    HSM_SELF_TEST,
    HSM_MECHANISM,
    HSM_FULL,
    HSM_CALL,
    HSM_INIT,
    HSM_LOCK,
    HSM_LOCK_BUSY,
    HSM_TOKEN_LOST,
    HSM_NOT_ENFORCED,
    HSM_MEMORY,
    HSM_RSA_RANGE,
    HSM_KEY_KEPT,
    HSM_FAULTS
};

/* Indexed by enum hsm_fault_id; texts in fault.c. */
extern const struct fault hsm_fault[HSM_FAULTS];

#endif
