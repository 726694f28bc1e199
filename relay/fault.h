/* relay/fault.h - every way in which relaying can fail.  Extend-only: names are for ever. */
#ifndef RELAY_FAULT_H
#define RELAY_FAULT_H

#include "base/err.h"

enum relay_fault_id {
    RELAY_BUFFER_OPEN, /* the folder */
    RELAY_BUFFER_BUSY,
    RELAY_BUFFER_WRITE,
    RELAY_BUFFER_FULL,
    RELAY_BUFFER_READ,
    RELAY_BUFFER_TORN,
    RELAY_URL,
    RELAY_PIN,
    RELAY_CA,
    RELAY_HTTP, /* the library does not start */
    RELAY_UNREACHABLE,
    RELAY_UNTRUSTED,
    RELAY_STATUS,  /* HTTP other than 200 */
    RELAY_REPLY,   /* 200 with a body that doesn't fit */
    RELAY_REFUSED, /* frames without a receipt are left */
    RELAY_WAITING, /* frames that nobody answered are left */
    RELAY_LOST,    /* frames could not be kept */
    RELAY_NO_MEMORY,
    RELAY_FAULTS
};

extern const struct fault relay_fault[RELAY_FAULTS];

#endif
