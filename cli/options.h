/* cli/options.h - from argv to struct app, by the rows of the command table.  Exact names only: a later option must never
 * change what a script's abbreviation means. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdint.h>

#include "cli/cmd.h"

/* Fill app from the command line: options before the command, the command, its options.
 * ERR_USAGE  *e names the word that is wrong; app->cmd is set once the command was understood.
 * app->json is right even then.  With --help or --version given, missing options and commands are no error. */
enum err_code options_parse(struct app *app, int argc, char *argv[], struct err *e) __attribute__((warn_unused_result));

/* An option's number: decimal or 0x hexadecimal, 0..max. */
enum err_code options_number(const struct app *app, enum opt_id id, unsigned long max, unsigned long *out, struct err *e)
    __attribute__((warn_unused_result));

/* A serial: 16 hexadecimal digits. */
enum err_code options_serial(const char *text, uint64_t *serial, struct err *e) __attribute__((warn_unused_result));

/* A reason for the log: text of at most 200 bytes on one line.  name: of the option, "--reason". */
enum err_code options_reason(const char *reason, const char *name, struct err *e) __attribute__((warn_unused_result));

#endif
