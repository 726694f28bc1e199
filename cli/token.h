/* cli/token.h - from a role of the configuration to its token: which URI, and where its PIN comes from.
 * Secrets: PINs pass by as a path or a descriptor, never as text. */
#ifndef CLI_TOKEN_H
#define CLI_TOKEN_H

#include "cli/cmd.h"
#include "cli/config.h"
#include "hsm/hsm.h"

enum { TOKEN_URI_MAX = 12 * 1024 /* bytes; three paths of 1 KiB, each byte percent-encoded */ };

/* The role's RFC 7512 URI; pin_file (may be NULL) takes the place of the configured PIN file, for a URI that names none.
 * ERR_CONFIG: the role is not configured, or its paths are too long. */
enum err_code token_uri(const struct config *c, enum role role, const char *pin_file, char uri[static TOKEN_URI_MAX],
                        struct err *e) __attribute__((warn_unused_result));

/* Open the role's token.  Its PIN comes from --pin-source, if `main` says that this is the token the option is meant for;
 * else from its configuration; else from a prompt, if somebody is there to answer. */
enum err_code token_open(const struct app *app, enum role role, bool main, struct hsm **out, struct err *e)
    __attribute__((warn_unused_result));

/* May token_open be called again and again, by several processes: does the PIN come from a file? */
bool token_pin_is_file(const struct app *app, enum role role);

/* The key that [serve] names in the server token.  ERR_CONFIG server-tls-key: there is none. */
enum err_code token_serve_key(struct hsm *server, const char *label, struct hsm_key **out, struct err *e)
    __attribute__((warn_unused_result));

/* The option for the commands that log in. */
#define PIN_SOURCE_OPT(role)                                                                                               \
    {                                                                                                                      \
        "pin-source", "SOURCE", OPT_PIN_SOURCE, 0, false, "the " role " token's PIN: file:PATH (mode 0400) or fd:N", false \
    }

#endif
