/* flash/openocd/classify.h - what OpenOCD complains of, as one of our faults.
 * Its texts only choose between errors; none of them makes a success. */
#ifndef FLASH_OPENOCD_CLASSIFY_H
#define FLASH_OPENOCD_CLASSIFY_H

#include <stdbool.h>

#include "flash/fault.h"

/* The fault that this log of `init` tells of; FLASH_FAULTS if nothing in it is known to be bad.  failed: `init` said so
 * itself; then texts that are mere warnings otherwise count too.  *line: the line that told, in log; up to its newline. */
enum flash_fault_id classify_attach(const char *log, bool failed, const char **line);

#endif
