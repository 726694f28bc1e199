/* cli/ceremony.h - the keys of the embedded tokens, made by `init`.
 * line: `kek`, `kek-secret`, `master/ID`, copied to server; log: `checkpoint`.  The vault gets none: its rotation authority
 * is made by officers.  Power: a cut anywhere leaves what the next call completes; what is there is kept. */
#ifndef CLI_CEREMONY_H
#define CLI_CEREMONY_H

#include "cli/cmd.h"
#include "cli/config.h"
#include "cli/kek.h"

enum { CEREMONY_CHECKPOINT, CEREMONY_KEK, CEREMONY_KEK_SECRET, CEREMONY_MASTER, CEREMONY_KEYS }; /* in the labels' order */

struct ceremony {
    struct master master;
    struct ceremony_key {
        struct hsm_key_name name;
        const char *where; /* "line and server" */
        bool there, made;
        uint8_t kcv[3];
        uint8_t pk[32]; /* checkpoint */
    } key[CEREMONY_KEYS];
};

/* Make what is missing in the roles whose token is embedded: log; line and server if both are.  app->config is loaded.
 * *c is filled by it; never moved: its names point into it. */
enum err_code ceremony_run(struct ceremony *c, const struct app *app, const bool embedded[ROLES], struct err *e)
    __attribute__((warn_unused_result));

/* The event keys.made for those that the log does not know yet.  app->registry is open. */
enum err_code ceremony_log(const struct ceremony *c, const struct app *app, struct err *e)
    __attribute__((warn_unused_result));

/* As the log has it: the public key of checkpoint, the check value of the others. */
void ceremony_value(const struct ceremony *c, int key, char hex[65]);

#endif
