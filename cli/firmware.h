/* cli/firmware.h - which firmware file goes with a product. */
#ifndef CLI_FIRMWARE_H
#define CLI_FIRMWARE_H

#include "cli/config.h"
#include "flash/elf.h"

enum { FIRMWARE_PATH_MAX = 4096 + 128 };

/* SCHEME-CHIP.elf (scheme: scheme_form's name) in the configured folder; else beside the program (firmware/) or where `make
 * install` puts it
 * (../share/fuseline/firmware/).  ERR_CONFIG: it is in none of them; the subject names where it was looked for first. */
enum err_code firmware_path(const struct config *c, const char *scheme, const char *chip,
                            char path[static FIRMWARE_PATH_MAX], struct err *e) __attribute__((warn_unused_result));

#endif
