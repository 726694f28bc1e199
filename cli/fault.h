/* cli/fault.h - the ways in which a command line, its files and its terminal can fail us, and the walk over every room's
 * faults.  Extend-only: names are for ever. */
#ifndef CLI_FAULT_H
#define CLI_FAULT_H

#include <stddef.h>

#include "base/err.h"

enum cli_fault_id {
    CLI_NO_COMMAND,
    CLI_UNKNOWN_COMMAND,
    CLI_UNKNOWN_OPTION,
    CLI_DOUBLED_OPTION,
    CLI_OPTION_VALUE, /* lacks its argument, or has one that it does not take */
    CLI_MISSING_OPTION,
    CLI_OPERAND,    /* a word too many */
    CLI_BAD_NUMBER, /* of an option */
    CLI_BAD_HEX,
    CLI_INPUT_CHOICE, /* not exactly one of --data and --file */
    CLI_INPUT_MISSING,
    CLI_INPUT_READ,
    CLI_INPUT_SIZE,
    CLI_OUTPUT, /* stdout can't be written */
    CLI_NO_MEMORY,
    CLI_INTERRUPTED,        /* by a signal, nothing burned */
    CLI_INTERRUPTED_BURNED, /* by a signal, between two cells */
    CLI_CONFIG_SECTION,
    CLI_CONFIG_KEY,
    CLI_CONFIG_VALUE,
    CLI_CONFIG_CHIP,
    CLI_CONFIG_NO_KEY, /* a required key is missing */
    CLI_CONFIG_SLOT_NAME,
    CLI_CONFIG_ADAPTER, /* the adapter file */
    CLI_NO_SLOT,        /* the config has no such slot */
    CLI_NO_SLOTS,       /* the config has none at all */
    CLI_OPENOCD_VERSION,
    CLI_FAULTS
};

extern const struct fault cli_fault[CLI_FAULTS];

/* The i-th of all faults that the program can report, of every room; NULL behind the last. */
const struct fault *fault_walk(size_t i);

#endif
