/* cli/firmware.h - which firmware file goes with a product. */
#ifndef CLI_FIRMWARE_H
#define CLI_FIRMWARE_H

#include "cli/config.h"
#include "flash/elf.h"

enum { FIRMWARE_PATH_MAX = 4096 + 128 };

/* What stands behind the scheme in the name of its firmware: "-x25519", or nothing. */
const char *firmware_suffix(uint8_t suite);

/* SCHEME-CHIP.elf, of suite 2 SCHEME-x25519-CHIP.elf, in the configured folder; else beside the program (firmware/) or where
 * `make install` puts it
 * (../share/fuseline/firmware/).  ERR_CONFIG: it is in none of them; the subject names where it was looked for first. */
enum err_code firmware_path(const struct config *c, uint8_t scheme, uint8_t suite, const char *chip,
                            char path[static FIRMWARE_PATH_MAX], struct err *e) __attribute__((warn_unused_result));

#endif
