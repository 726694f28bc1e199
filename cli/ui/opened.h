/* cli/ui/opened.h - one frame and what became of it, as `open` and `serve` show it. */
#ifndef CLI_UI_OPENED_H
#define CLI_UI_OPENED_H

#include <stdbool.h>

#include "verifier/verifier.h"

/* One line on stdout: {"status", "serial", "scheme", "counter", "data", "reason", "received", "signed"}, or the same for
 * people. Not flushed.  ERR_IO: stdout can't be written. */
enum err_code opened_show(const struct opened_frame *o, bool json, struct err *e) __attribute__((warn_unused_result));

#endif
