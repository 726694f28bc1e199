#include "flash/openocd/scripts.h"

#include <stddef.h>

/* The .inc files are made from the .tcl files by the Makefile: one number per byte, each with a comma behind it.  Not string
 * literals: C11 promises 4095 characters for those. */
const char openocd_common_tcl[] = {
#include "flash/openocd/common.tcl.inc"
    0x1A, 0
};

static const char stm32l4_tcl[] = {
#include "flash/openocd/stm32l4.tcl.inc"
    0x1A, 0
};

static const char stm32f4_tcl[] = {
#include "flash/openocd/stm32f4.tcl.inc"
    0x1A, 0
};

static const char *const controllers[] = {
    [FLASH_STM32L4] = stm32l4_tcl,
    [FLASH_STM32F4] = stm32f4_tcl,
};

const char *openocd_controller_tcl(enum flash_controller controller)
{
    return (size_t)controller < sizeof controllers / sizeof *controllers ? controllers[controller] : NULL;
}
