/* cli/prepare.h - what a command needs before it runs: configuration, slot, registry.  Undone by main. */
#ifndef CLI_PREPARE_H
#define CLI_PREPARE_H

#include "cli/cmd.h"

/* Fill app->config, app->slot and app->registry by `needs` (cli/cmd.h).  On failure main undoes what was done. */
enum err_code prepare(struct app *app, unsigned needs, struct err *e) __attribute__((warn_unused_result));

#endif
