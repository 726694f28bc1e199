/* cli/keys.h - the keys of the tokens as the commands `key ...` name and show them.
 * A key's value is what the log has of it (docs/events.md): of a pair its public key as devices have it, the 32 bytes of x
 * or u, of RSA SHA-256(n512 | e4); of a secret key its check value.  Public, all of it. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <jansson.h>

#include "cli/cmd.h"
#include "cli/config.h"
#include "db/registry.h"
#include "hsm/hsm.h"

enum { KEY_VALUE = 65 /* hexadecimal digits and NUL */ };

struct key_row {
    enum role role;
    struct hsm_key_info info;
    char value[KEY_VALUE];
    char made[REG_TIME]; /* by the log; "": it does not know */
    const char *epoch;   /* a fleet's: its state in the registry, "ACTIVE"; NULL: not recorded there */
};

struct key_rows { /* rows_free; zero: empty */
    struct key_row *row;
    size_t n;
};

/* Add the keys of that role's token, by label.  main: --pin-source is meant for it. */
enum err_code key_rows_add(struct key_rows *rows, const struct app *app, enum role role, bool main, struct err *e)
    __attribute__((warn_unused_result));
/* The same of a token that is open. */
enum err_code key_rows_read(struct key_rows *rows, struct hsm *h, enum role role, struct err *e)
    __attribute__((warn_unused_result));
/* Fill in `made` from the log, and `epoch` from the registry. */
enum err_code key_rows_date(struct key_rows *rows, const struct app *app, struct err *e) __attribute__((warn_unused_result));
void key_rows_free(struct key_rows *rows);

json_t *key_json(const struct key_row *k); /* NULL: no memory */
const char *key_kind_name(enum hsm_key_kind kind);
void key_value(const struct hsm_key_info *info, char hex[KEY_VALUE]);

/* --role; without: *given is false.  ERR_USAGE: there is no such role. */
enum err_code key_take_role(const struct app *app, enum role *role, bool *given, struct err *e)
    __attribute__((warn_unused_result));

/* What the log says of a label. */
struct key_history {
    bool made;    /* keys.made with this value */
    bool held;    /* keys.made, whatever the value, and not retired since: the token should have it */
    bool ending;  /* key.retiring without its end, key.retired; whatever the value */
    bool retired; /* key.retired, ever */
};
enum err_code key_history(const struct app *app, const char *label, const char *value, struct key_history *out,
                          struct err *e) __attribute__((warn_unused_result));

#endif
