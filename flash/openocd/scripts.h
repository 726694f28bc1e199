/* flash/openocd/scripts.h - our Tcl, as strings that end with the 0x1A of the Tcl RPC. */
#ifndef FLASH_OPENOCD_SCRIPTS_H
#define FLASH_OPENOCD_SCRIPTS_H

#include "flash/chips/chips.h"

extern const char openocd_common_tcl[];

/* The controller's own part, or NULL when we have none. */
const char *openocd_controller_tcl(enum flash_controller controller);

#endif
