/* cli/input.h - the bytes that a command is given, from --data or --file.
 * They may be secret when they come from a file: read without stdio (whose buffers stay behind), never shown. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/cmd.h"
#include "flash/chips/chips.h"

struct input {
    uint8_t bytes[CHIP_OTP_MAX];
    size_t len; /* 1..CHIP_OTP_MAX */
};

/* FILE with 1 to max raw bytes, max at most CHIP_OTP_MAX; "-" is stdin.  The caller wipes *in.  Errors as input_read. */
enum err_code input_file(const char *path, size_t max, struct input *in, struct err *e) __attribute__((warn_unused_result));

/* --data HEX, or --file FILE with raw bytes, "-" being stdin.  The caller wipes *in.
 * ERR_USAGE  both or none given, or no hexadecimal digits    ERR_INPUT  empty or too long
 * ERR_NOINPUT, ERR_IO  the file    ERR_RETRY  interrupted while waiting for it */
enum err_code input_read(const struct app *app, struct input *in, struct err *e) __attribute__((warn_unused_result));

#endif
