/* flash/fault.h - every way in which a slot, its programmer or its chip can fail us.  Extend-only: names are for ever. */
#ifndef FLASH_FAULT_H
#define FLASH_FAULT_H

#include "base/err.h"

enum flash_fault_id {
    FLASH_OPENOCD_MISSING,   /* no such program */
    FLASH_OPENOCD_START,     /* it ended or complained before it answered */
    FLASH_OPENOCD_DIED,      /* it ended in mid-work */
    FLASH_OPENOCD_HUNG,      /* it did not answer in time and was killed */
    FLASH_OPENOCD_GARBAGE,   /* it answered something that is no answer */
    FLASH_PROBE_MISSING,     /* the adapter does not answer */
    FLASH_NO_CHIP,           /* nothing on the debug port: absent, unpowered, RDP level 2 */
    FLASH_WRONG_IDCODE,      /* the debug port is another's */
    FLASH_WRONG_CHIP,        /* DBGMCU device id differs */
    FLASH_BAD_UID,           /* all 00 or all FF */
    FLASH_BOARD_CHANGED,     /* the UID is not the one probed before */
    FLASH_READ_PROTECTED,    /* RDP level 1 */
    FLASH_READ_FAILED,       /* the part refused or lost a read */
    FLASH_WRITE_FAILED,      /* contact lost while writing what can be written again */
    FLASH_CONTACT_LOST,      /* contact lost after the first irreversible write */
    FLASH_OTP_CONFLICT,      /* a cell holds something else: nothing was written */
    FLASH_OTP_LOCKED,        /* a block to be written is locked */
    FLASH_OTP_UNREADABLE,    /* ECC error in a cell: torn */
    FLASH_OTP_REFUSED,       /* the controller refused a blank cell: spent or worn */
    FLASH_OTP_READBACK,      /* the cell does not hold what was written */
    FLASH_OTP_RANGE,         /* outside the area, or not on a cell boundary */
    FLASH_FIRMWARE_MISMATCH, /* CRC or sample differs after writing */
    FLASH_RAM_WIPE,          /* RAM could not be wiped */
    FLASH_RDP_FAILED,        /* level not reached */
    FLASH_UNSUPPORTED,       /* this part or adapter cannot do it */
    FLASH_FIRMWARE_MISSING,  /* the firmware file can't be read */
    FLASH_FIRMWARE_BAD,      /* the firmware file is none for this chip */
    FLASH_OTP_TORN,          /* a cell holds part of the wanted value: cut in its pulse (no ECC to tell) */
    FLASH_BOARD_SWAPPED,     /* the same before the first burned cell */
    FLASH_OTP_LOCK_TORN,     /* a lock byte is neither 00 nor FF, and its block still lacks something */
    FLASH_FIRMWARE_FILLED,   /* a place that the firmware keeps free holds something else */
    FLASH_FAULTS
};

/* Indexed by enum flash_fault_id; texts in fault.c. */
extern const struct fault flash_fault[FLASH_FAULTS];

#endif
