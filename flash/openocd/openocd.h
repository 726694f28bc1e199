/* flash/openocd/openocd.h - a slot whose programmer is an OpenOCD process.
 * One fresh process per probe: it starts in about 10 ms and carries no state from one board to the next.  All talk goes over
 * its stdin and stdout; no exit status and no message of it is taken for success. */
#ifndef FLASH_OPENOCD_H
#define FLASH_OPENOCD_H

#include "flash/chip.h"

struct openocd_slot { /* all strings outlive the chip */
    const char *name; /* for messages */
    const struct chip_desc *desc;
    const char *adapter; /* OpenOCD configuration file of the programmer */
    const char *openocd; /* absolute path; NULL: /usr/bin/openocd */
    unsigned start_ms;   /* until it talks and has scanned the debug port; 0: 10 s */
    unsigned call_ms;    /* one short operation; 0: 5 s */
    unsigned slow_ms;    /* erase, write and check of the firmware, option bytes; 0: 120 s */
};

/* Allocates; starts nothing: chip_probe does.
 * ERR_CONFIG  the adapter's path has characters that OpenOCD would take for Tcl
 * ERR_NO      no register rules for this part's flash controller */
enum err_code openocd_open(struct chip **out, const struct openocd_slot *slot, struct err *e)
    __attribute__((warn_unused_result));

#endif
