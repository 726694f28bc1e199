/* cli/interrupt.h - SIGINT, SIGTERM and SIGHUP ask us to stop; a pulse of silicon under way is never abandoned.
 * The request is a flag; a guarded chip looks at it between two of its calls.  Process-wide. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include "flash/chip.h"

/* Take the three signals from now on; SIGPIPE is ignored, so that a closed pipe is an error of write. */
void interrupt_init(void);

bool interrupt_requested(void);

/* A chip that refuses every further call once a stop is requested: ERR_RETRY as long as nothing irreversible was done
 * through it, ERR_INCOMPLETE after.  Takes over inner, also on failure; *out is closed by chip_close. */
enum err_code interrupt_guard(struct chip **out, struct chip *inner, struct err *e) __attribute__((warn_unused_result));

#endif
