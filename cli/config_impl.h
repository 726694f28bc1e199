/* cli/config_impl.h - inside the reader of fuseline.conf: how a section's keys are described, and what their setters share.
 */
#ifndef CLI_CONFIG_IMPL_H
#define CLI_CONFIG_IMPL_H

#include <stdbool.h>

#include "base/ini.h"
#include "cli/config.h"

struct load {
    struct config *c;
    const struct kind *kind; /* of the present section; NULL before the first */
    bool given[16];          /* its keys, by row */
    enum role role;          /* of the present section, if it is one */
    struct ini_item at;      /* where the section began */
    char section[64];
};

struct key {
    const char *name;
    bool required;
    enum err_code (*set)(struct load *l, const struct ini_item *item, struct err *e);
};

enum err_code config_no_memory(const struct ini_item *item, struct err *e);
enum err_code config_bad_value(const struct ini_item *item, const char *wanted, struct err *e);
bool config_number(const char *text, unsigned long min, unsigned long max, unsigned long *out);
/* A path in the config counts from the config's directory.  Takes the place of *out. */
enum err_code config_set_path(struct load *l, const struct ini_item *item, char **out, struct err *e);

/* [serve]: config_serve.c */
enum { SERVE_KEYS = 8 };
extern const struct key serve_keys[SERVE_KEYS];
bool serve_defaults(struct serve *s); /* false: no memory */

#endif
