/* cli/help.h - what --help and a misuse print, from the command table and from base/err.h. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/cmd.h"

void help_version(FILE *out);

/* Asked-for help: of the command, or of the whole program when cmd is NULL. */
void help_print(FILE *out, const struct cmd *cmd);

/* The synopsis alone, below a misuse.  cmd NULL: of each command whose name begins with `word` as its first word, else of
 * the whole program. */
void help_synopsis(FILE *out, const struct cmd *cmd, const char *word);

#endif
