/* flash/vchip/fault.h - the ways in which a simulated part's state file can fail us.  Extend-only: names are for ever. */
#ifndef VCHIP_FAULT_H
#define VCHIP_FAULT_H

#include "base/err.h"

enum vchip_fault_id {
    VCHIP_STATE_OPEN,   /* there, but can't be opened or mapped */
    VCHIP_STATE_CREATE, /* absent, and can't be made */
    VCHIP_STATE_FORMAT, /* not a state file, cut short, or of another version */
    VCHIP_STATE_CHIP,   /* of another chip */
    VCHIP_STATE_IN_USE, /* another process (or another part in this one) holds it */
    VCHIP_NO_MEMORY,
    VCHIP_FAULTS
};

/* Indexed by enum vchip_fault_id. */
extern const struct fault vchip_fault[VCHIP_FAULTS];

#endif
