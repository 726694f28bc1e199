/* cli/cmd.h - what a command is: one row that feeds dispatch, option parsing, --help and the manual's test.
 * To add a command: one file with its options, its run function and its row; the row's name in commands.c. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct config;
struct slot;
struct chip;
struct registry;

enum opt_id { /* where a value lands in app.opt */
              OPT_DIR,
              OPT_JSON,
              OPT_HELP,
              OPT_VERSION,
              OPT_SLOT,
              OPT_AT,
              OPT_LEN,
              OPT_DATA,
              OPT_FILE,
              OPT_BURN,
              OPT_OPERAND, /* the command's word that is no option; of many the first: app.operand has all */
              OPT_PRODUCT,
              OPT_CHIP,
              OPT_SCHEME,
              OPT_PSK,
              OPT_LOCK,
              OPT_MODEL,
              OPT_SERIALS,
              OPT_PIN_SOURCE,
              OPT_FORMAT,
              OPT_CONSOLE,
              OPT_COUNT,
              OPT_SECONDS,
              OPT_STATE,
              OPT_FROM,
              OPT_KEYS,
              OPT_ACCEPT,
              OPT_ALL,
              OPT_MAN,
              OPT_ROLE,
              OPT_FLEET,
              OPT_SUITE,
              OPT_EPOCH,
              OPT_RSA,
              OPT_RA,
              OPT_BACKUP_RA,
              OPT_FORCE,
              OPT_REASON,
              OPT_SELF_SIGNED,
              OPT_URL,
              OPT_CACERT,
              OPT_PIN_SHA256,
              OPT_BUFFER,
              OPT_ONCE,
              OPT_TIMEOUT,
              OPT_POSTS,
              OPT_DROP,
              OPT_DUPLICATE,
              OPT_DELAY,
              OPT_REORDER,
              OPT_FLIP,
              OPT_SEED,
              OPT_SIGN_ALL,
              OPT_FIELD_SIGN_UP,
              OPT_TWO_WAY,
              OPT_COMPACT,
              OPT_KEY,
              OPT_DEADLINE,
              OPT_TLS,
              OPT_OUT,
              OPT_NAMES,
              OPT_REQUEST,
              OPT_SESSIONS,
              OPTS
};

struct cmd_opt {
    const char *name; /* without the dashes; NULL ends a table; of OPT_OPERAND: as in the synopsis */
    const char *arg;  /* its argument's name in --help; NULL: a flag */
    enum opt_id id;
    char letter; /* short form, 0: none */
    bool required;
    const char *help;
    bool many; /* of OPT_OPERAND: up to OPERANDS_MAX words */
};

enum {                 /* cmd.needs: done by main before run, undone after it */
       CMD_CONFIG = 1, /* app.config is loaded */
       CMD_SLOT = 2,   /* app.slot is the configured slot that --slot names; implies CMD_CONFIG */
       CMD_READS = 4,  /* app.registry is open for reading; implies CMD_CONFIG */
       CMD_RECORDS = 8 /* app.registry is open for writing; implies CMD_CONFIG */
};

enum { OPERANDS_MAX = 32 };

struct app { /* one invocation */
    const char *dir;
    bool json;
    const struct cmd *cmd; /* NULL until it was understood */
    const char *word;      /* the command's first word as typed, NULL: none */
    const char *opt[OPTS]; /* NULL: not given; "" for a flag that is */
    const char *operand[OPERANDS_MAX];
    size_t operands;
    struct config *config;
    const struct slot *slot;
    struct chip *chip; /* opened by slot_open, closed by main */
    struct registry *registry;
};

struct cmd {
    const char *name;     /* "otp read": one or two words */
    const char *synopsis; /* its options, as in the manual */
    const char *summary;  /* one line, lower case */
    const char *details;  /* for --help, whole lines; NULL: none */
    const struct cmd_opt *opts;
    unsigned needs;
    /* Data to stdout, words for people to stderr.  Not ERR_OK with e->fault NULL: the command has reported it all itself. */
    enum err_code (*run)(struct app *app, struct err *e);
};

extern const struct cmd *const cmds[];
extern const size_t cmds_n;

extern const struct cmd_opt common_opts[]; /* every command takes these, before or behind its name */

#endif
