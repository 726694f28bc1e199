#include "cli/token.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/fault.h"
#include "cli/interrupt.h"
#include "hsm/fault.h"
#include "server/fault.h"

enum pin_kind { PIN_CONFIGURED, PIN_FILE, PIN_FD };

struct pin_option { /* --pin-source, taken apart */
    enum pin_kind kind;
    const char *file;
    int fd;
};

/* RFC 7512 s.2.3: a path keeps its slashes, a label what is unreserved; the rest is percent-encoded. */
static char *encode(char *out, const char *end, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    for (; out != NULL && *text != '\0'; text++) {
        bool as_is = strchr(plain, *text) != NULL;
        int n = snprintf(out, (size_t)(end - out), as_is ? "%c" : "%%%02X", (unsigned char)*text);

        out = n < end - out ? out + n : NULL;
    }
    return out;
}

static char *append(char *out, const char *end, const char *text)
{
    size_t len = strlen(text);

    if (out == NULL || len >= (size_t)(end - out))
        return NULL;
    memcpy(out, text, len + 1);
    return out + len;
}

/* An attribute whose value is a path; made absolute, for modules do not know where we stand. */
static char *append_path(char *out, const char *end, const char *name, const char *path)
{
    char cwd[PATH_MAX];

    out = append(out, end, name);
    if (path[0] != '/') {
        if (getcwd(cwd, sizeof cwd) == NULL)
            return NULL;
        out = append(encode(out, end, cwd), end, "/");
    }
    return encode(out, end, path);
}

static char *compose(const struct token *t, const char *pin_file, char *out, const char *end)
{
    const char *join = "?";

    if (t->uri != NULL) {
        join = strchr(t->uri, '?') != NULL ? "&" : "?";
        out = append(out, end, t->uri);
    } else {
        out = encode(append(out, end, "pkcs11:token="), end, t->label);
        out = append_path(append(out, end, join), end, "module-path=", t->module);
        join = "&";
    }
    if (pin_file != NULL)
        out = append_path(append(out, end, join), end, "pin-source=file:", pin_file);
    return out;
}

/* hsm/ refuses a pin-value, without a word about a PIN that is missing. */
static bool names_pin(const struct token *t)
{
    return t->uri != NULL && (strstr(t->uri, "pin-source=") != NULL || strstr(t->uri, "pin-value=") != NULL);
}

/* The URI without its own pin-source, which another one takes the place of. */
static void drop_pin(char *uri)
{
    char *at = strstr(uri, "pin-source=");

    if (at == NULL)
        return;
    size_t len = strcspn(at, "&");
    if (at[len] == '&')
        memmove(at, at + len + 1, strlen(at + len + 1) + 1);
    else
        at[-1] = '\0'; /* with the ? or & before it */
}

enum err_code token_uri(const struct config *c, enum role role, const char *pin_file, char uri[static TOKEN_URI_MAX],
                        struct err *e)
{
    struct token t = c->token[role];
    char *stripped = NULL;

    if (t.line == 0)
        return err_set(e, &cli_fault[CLI_NO_TOKEN], "token", NULL, 0, "%s: role '%s'", c->path, config_role_name(role));
    if (pin_file != NULL && names_pin(&t) && (stripped = strdup(t.uri)) != NULL) {
        drop_pin(stripped);
        t.uri = stripped;
    }
    if (pin_file == NULL && !names_pin(&t))
        pin_file = t.pin_file;
    bool fits = compose(&t, pin_file, uri, uri + TOKEN_URI_MAX) != NULL;
    free(stripped);
    if (!fits)
        return err_set(e, &cli_fault[CLI_CONFIG_VALUE], "token", NULL, 0, "%s:%u: [hsm %s]: its paths are too long", c->path,
                       c->token[role].line, config_role_name(role));
    return ERR_OK;
}

static enum err_code parse_option(const char *text, struct pin_option *o, struct err *e)
{
    char *end;

    *o = (struct pin_option){ .kind = PIN_FILE };
    if (strncmp(text, "file:", 5) == 0 && text[5] != '\0') {
        o->file = text + 5;
        return ERR_OK;
    }
    if (strncmp(text, "fd:", 3) == 0 && text[3] >= '0' && text[3] <= '9') {
        unsigned long fd = strtoul(text + 3, &end, 10);

        *o = (struct pin_option){ .kind = PIN_FD, .fd = (int)fd };
        if (*end == '\0' && fd < INT_MAX)
            return ERR_OK;
    }
    return err_set(e, &cli_fault[CLI_PIN_SOURCE], "parse", NULL, 0, "--pin-source"); /* not quoted: it may be a PIN */
}

static enum err_code told_to_stop(struct err *e)
{
    return err_set(e, &cli_fault[CLI_INTERRUPTED], "PIN", NULL, 0, "asked for a PIN");
}

/* The workspace, absolute: the module keeps it for the whole process. */
static enum err_code open_token(const struct config *c, const char *uri, const struct hsm_pin_source *pin, struct hsm **out,
                                struct err *e)
{
    char *workspace = realpath(c->dir, NULL);

    if (workspace == NULL)
        return err_errno(e, &cli_fault[CLI_INIT_DIR], "realpath", "%s", c->dir);
    enum err_code rc = hsm_open(out, uri, pin, workspace, e);
    free(workspace);
    if (rc != ERR_OK && pin->kind == HSM_PIN_PROMPT && e->fault == &hsm_fault[HSM_PIN_SOURCE] && interrupt_requested())
        return told_to_stop(e);
    return rc;
}

enum err_code token_open(const struct app *app, enum role role, bool main, struct hsm **out, struct err *e)
{
    const struct token *t = &app->config->token[role];
    struct hsm_pin_source pin = { .kind = HSM_PIN_URI, .fd = -1 };
    struct pin_option option = { .kind = PIN_CONFIGURED };
    char uri[TOKEN_URI_MAX];
    enum err_code rc = ERR_OK;

    if (main && app->opt[OPT_PIN_SOURCE] != NULL)
        rc = parse_option(app->opt[OPT_PIN_SOURCE], &option, e);
    if (rc == ERR_OK)
        rc = token_uri(app->config, role, option.file, uri, e);
    if (rc != ERR_OK)
        return rc;
    if (option.kind == PIN_FD)
        pin = (struct hsm_pin_source){ .kind = HSM_PIN_FD, .fd = option.fd };
    else if (option.kind == PIN_CONFIGURED && t->pin_file == NULL && !names_pin(t)) {
        if (app->json || !isatty(STDIN_FILENO))
            return err_set(e, &cli_fault[CLI_NO_PIN], "token", NULL, 0, "role '%s'", config_role_name(role));
        if (interrupt_requested()) /* before the question: its signal is past, and would not end it */
            return told_to_stop(e);
        pin.kind = HSM_PIN_PROMPT;
    }
    return open_token(app->config, uri, &pin, out, e);
}

bool token_pin_is_file(const struct app *app, enum role role)
{
    const struct token *t = &app->config->token[role];
    const char *given = app->opt[OPT_PIN_SOURCE];

    return given != NULL ? strncmp(given, "fd:", 3) != 0 : t->pin_file != NULL || names_pin(t);
}

enum err_code token_serve_key(struct hsm *server, const char *label, struct hsm_key **out, struct err *e)
{
    enum err_code rc = hsm_key_find(server, HSM_TLS, label, out, e);

    if (rc != ERR_OK && e->fault == &hsm_fault[HSM_KEY_MISSING])
        return err_set(e, &server_fault[SERVER_TLS_KEY], "token", NULL, 0, "token '%s': no key '%s'",
                       hsm_token_label(server), label);
    return rc;
}
