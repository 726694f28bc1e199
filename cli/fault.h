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
    CLI_CONFIG_ROLE,  /* of an [hsm ROLE] section */
    CLI_CONFIG_TOKEN, /* it names its token in two ways */
    CLI_NO_TOKEN,     /* the role is not configured */
    CLI_NO_PIN,       /* nothing says where it is */
    CLI_PIN_SOURCE,   /* of --pin-source */
    CLI_INIT_DIR,     /* init's folder */
    CLI_INIT_WRITE,   /* its files */
    CLI_PRODUCT_NAME,
    CLI_UNKNOWN_CHIP,
    CLI_UNKNOWN_SCHEME,
    CLI_SCHEME_NOT_READY,
    CLI_LOCK_LEVEL,
    CLI_SERIAL_RANGE,
    CLI_SERIAL,       /* of device show */
    CLI_DEVICE_STATE, /* no such state */
    CLI_PRODUCT_OTHER,
    CLI_FIRMWARE, /* no file for that scheme and chip */
    CLI_CRYPTO,
    CLI_FORMAT,
    CLI_SOURCE_CHOICE, /* frames from two places */
    CLI_CONSOLE,
    CLI_NOT_A_FRAME,
    CLI_OTP_IMAGE,
    CLI_KEK_DIFFERS,
    CLI_CONSOLE_BUSY,
    CLI_INPUT_SHORT, /* an image cut short */
    CLI_SHOW_CHOICE, /* not exactly one of --file and --slot */
    CLI_OTP_TORN,
    CLI_UNKNOWN_CODE,   /* of explain */
    CLI_EXPLAIN_CHOICE, /* codes, --all and --man are given together, or none */
    CLI_DIFFERS,        /* the registry, from itself */
    CLI_REASON,         /* of --accept-registry */
    CLI_NOTHING_ACCEPTED,
    CLI_ROLE,              /* of --role */
    CLI_KEY_CHOICE,        /* options of `key new` that do not go together */
    CLI_KEY_NEEDED,        /* it is not known that nobody needs it */
    CLI_KEY_RETIRED,       /* it was, and its number is used */
    CLI_FORCE,             /* --force and --reason go together */
    CLI_SERVE_CERTIFICATE, /* none, or in two ways */
    CLI_SERVE_PIN,         /* not from a file */
    CLI_NO_CONSOLE,        /* of a slot */
    CLI_PROBABILITY,
    CLI_RELAY_SOURCE,   /* not exactly one of --console and --from */
    CLI_TRUST_CHOICE,   /* --cacert and --pin-sha256 */
    CLI_PRODUCT_OPTION, /* it does not go with the scheme */
    CLI_NO_COMPACT,
    CLI_NO_RA,
    CLI_NO_BACKUP_RA,
    CLI_NO_MASTER,
    CLI_NO_ROTATION,     /* of that scheme or suite */
    CLI_NO_KEY_ROTATION, /* of that key */
    CLI_NO_AUTHORITY,    /* the product names none */
    CLI_RA_OTHER,        /* the vault's is not the one in the devices */
    CLI_EPOCH_NOT_NEXT,
    CLI_ROTATE_UNVERIFIED,
    CLI_NO_REKEY,     /* of that scheme */
    CLI_REKEY_STATE,  /* not DONE */
    CLI_REKEY_CHOICE, /* nobody is named */
    CLI_TLS_LABEL,    /* not tls/NAME */
    CLI_KEY_SERVED,   /* [serve] names it */
    CLI_NO_DOWN,      /* nothing reaches that device, or nobody knows which it is */
    CLI_DOWN_STATE,   /* not DONE */
    CLI_RSA_NATIVE,   /* the module unpads itself */
    CLI_KEY_LOST,     /* the log knows it, and the token has it no more */
    CLI_FAULTS
};

extern const struct fault cli_fault[CLI_FAULTS];

enum cli_good_id { /* what `provision` says when all went well */
                   CLI_DONE,
                   CLI_ALREADY_DONE,
                   CLI_PLAN,
                   CLI_GOODS
};

extern const struct fault cli_good[CLI_GOODS]; /* code ERR_OK */

/* The i-th of all faults that the program can report, of every room; NULL behind the last. */
const struct fault *fault_walk(size_t i);

/* The i-th of all codes that the program answers with: the good ones, then every fault; NULL behind the last. */
const struct fault *code_walk(size_t i);

/* NULL: there is none of that name. */
const struct fault *code_find(const char *name);

#endif
