/* cli/init.c - a working line in one folder: configuration, registry, embedded tokens, keys.  Idempotent: what is there is
 * kept; a cut anywhere leaves what the next run completes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/ceremony.h"
#include "cli/fault.h"
#include "cli/prepare.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/fault.h"
#include "db/mark.h"
#include "db/registry.h"

struct init {
    struct app *app;
    bool config_made, config_extended, registry_made;
    bool missing[ROLES];  /* no section yet: written by us */
    bool embedded[ROLES]; /* the token is ours to make */
    bool token_made[ROLES];
    char module[256];
    struct ceremony keys;
};

static enum err_code make_dir(const char *dir, struct err *e)
{
    struct stat st;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_errno(e, &cli_fault[CLI_INIT_DIR], "mkdir", "%s", dir);
    if (stat(dir, &st) != 0)
        return err_errno(e, &cli_fault[CLI_INIT_DIR], "stat", "%s", dir);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, &cli_fault[CLI_INIT_DIR], "stat", NULL, 0, "%s is no folder", dir);
    return ERR_OK;
}

/* ---- the configuration ---- */

static bool is_embedded(const struct config *c, enum role role)
{
    const struct token *t = &c->token[role];
    char pin[32];

    (void)snprintf(pin, sizeof pin, "/pins/%s.pin", config_role_name(role));
    size_t dir = strlen(c->dir);
    return t->uri == NULL && t->label != NULL && strcmp(t->label, config_role_name(role)) == 0 && t->pin_file != NULL &&
           strncmp(t->pin_file, c->dir, dir) == 0 && strcmp(t->pin_file + dir, pin) == 0;
}

/* What the configuration says already; none is no failure. */
static enum err_code look(struct init *w, struct err *e)
{
    struct app *app = w->app;
    enum err_code rc = config_load(&app->config, app->dir, e);

    w->config_made = rc == ERR_NOINPUT;
    if (rc != ERR_OK && rc != ERR_NOINPUT)
        return rc;
    for (enum role r = 0; r < ROLES; r++) {
        w->missing[r] = w->config_made || app->config->token[r].line == 0;
        w->embedded[r] = w->missing[r] || is_embedded(app->config, r);
        w->config_extended = w->config_extended || (w->missing[r] && !w->config_made);
    }
    config_free(app->config);
    app->config = NULL;
    return ERR_OK;
}

/* The old text, if any, and behind it what was missing. */
static bool put_text(const struct init *w, FILE *in, FILE *out)
{
    char block[4096];
    size_t len;

    while (in != NULL && (len = fread(block, 1, sizeof block, in)) > 0)
        (void)fwrite(block, 1, len, out); /* ferror tells */
    if (w->config_made)
        fputs("# fuseline.conf, made by `fuseline init`; see fuseline(1), CONFIGURATION.  Paths count from this folder.\n"
              "\n[station]\nid = 1\n\n[registry]\npath = registry.db\n",
              out);
    for (enum role r = 0; r < ROLES; r++)
        if (w->missing[r])
            fprintf(out, "\n[hsm %s]\ntoken = %s\nmodule = %s\npin-source = file:pins/%s.pin\n", config_role_name(r),
                    config_role_name(r), w->module, config_role_name(r));
    if (w->config_made)
        fputs("\n# For each fixture a section [slot NAME] with chip and adapter, and console if it has one.\n", out);
    return (in == NULL || ferror(in) == 0) && fflush(out) == 0 && ferror(out) == 0 && fsync(fileno(out)) == 0;
}

/* Whole or not at all: beside it, then renamed.  fsync of the folder: a config that a power cut took would look like no
 * init. */
static enum err_code write_beside(const struct init *w, const char *path, const char *beside, struct err *e)
{
    FILE *in = fopen(path, "re"), *out = NULL;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err_code rc = ERR_OK;

    if (fd < 0 || (out = fdopen(fd, "w")) == NULL) {
        rc = err_errno(e, &cli_fault[CLI_INIT_WRITE], "open", "%s", beside);
        if (fd >= 0)
            (void)close(fd);
    } else if (!put_text(w, in, out) || rename(beside, path) != 0) {
        rc = err_errno(e, &cli_fault[CLI_INIT_WRITE], "write", "%s", path);
    }
    if (out != NULL)
        (void)fclose(out); /* flushed and synced */
    if (in != NULL)
        (void)fclose(in);
    if (rc != ERR_OK)
        (void)unlink(beside);
    int dir = open(w->app->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        (void)fsync(dir); /* best effort: the next init does it again */
        (void)close(dir);
    }
    return rc;
}

static enum err_code write_config(const struct init *w, struct err *e)
{
    char *path = NULL, *beside = NULL, *real = NULL;
    enum err_code rc = ERR_OK;

    if (!w->config_made && !w->config_extended)
        return ERR_OK;
    if (asprintf(&path, "%s/fuseline.conf", w->app->dir) < 0)
        path = NULL;
    if (path != NULL && !w->config_made && (real = realpath(path, NULL)) != NULL) { /* a link stays a link */
        free(path);
        path = real;
    }
    if (path == NULL || asprintf(&beside, "%s.new", path) < 0) {
        beside = NULL;
        rc = err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", w->app->dir);
    }
    if (rc == ERR_OK)
        rc = write_beside(w, path, beside, e);
    free(path);
    free(beside);
    return rc;
}

/* ---- tokens ---- */

static enum err_code make_tokens(struct init *w, struct err *e)
{
    char *uri = malloc(TOKEN_URI_MAX);
    enum err_code rc = ERR_OK;

    if (uri == NULL)
        return err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", w->app->dir);
    for (enum role r = 0; r < ROLES && rc == ERR_OK; r++) {
        if (!w->embedded[r])
            continue;
        rc = hsm_softhsm_init(w->app->dir, config_role_name(r), uri, TOKEN_URI_MAX, &w->token_made[r], e);
        const char *module = rc == ERR_OK ? strstr(uri, "module-path=") : NULL;
        if (module != NULL)
            (void)snprintf(w->module, sizeof w->module, "%.*s", (int)strcspn(module + 12, "&"), module + 12);
    }
    free(uri);
    return rc;
}

/* ---- the registry ---- */

static enum err_code make_registry(struct init *w, struct err *e)
{
    struct app *app = w->app;

    char mark[MARK_PATH_MAX];
    enum err_code rc;

    w->registry_made = access(app->config->registry, F_OK) != 0;
    registry_mark_path(app->config->registry, mark);
    if (w->registry_made && access(mark, F_OK) == 0) /* it was lost: a new one would give out its serials again */
        return err_set(e, &db_fault[DB_OLDER], "open", NULL, 0, "%s is gone, but not %s", app->config->registry, mark);
    rc = registry_open(&app->registry, app->config->registry, REGISTRY_CREATE, e);
    return rc == ERR_OK ? prepare_mark(app, NULL, NULL, e) : rc;
}

/* ---- the command ---- */

static json_t *json_keys(const struct ceremony *c)
{
    json_t *keys = json_array();
    char kcv[7], value[65];

    for (int i = 0; i < CEREMONY_KEYS && keys != NULL; i++) {
        const struct ceremony_key *k = &c->key[i];

        hex_encode(k->kcv, sizeof k->kcv, kcv);
        ceremony_value(c, i, value);
        if (k->there &&
            json_array_append_new(keys, json_pack("{s:s, s:s, s:b, s:s?}", "label", k->name.label, "kcv", kcv, "made",
                                                  k->made, "public", i == CEREMONY_CHECKPOINT ? value : NULL)) != 0) {
            json_decref(keys);
            keys = NULL;
        }
    }
    return keys;
}

static enum err_code show_json(const struct init *w, struct err *e)
{
    json_t *tokens = json_array(), *keys = json_keys(&w->keys);

    for (enum role r = 0; r < ROLES; r++)
        if (json_array_append_new(tokens, json_pack("{s:s, s:b, s:b}", "role", config_role_name(r), "embedded",
                                                    w->embedded[r], "made", w->token_made[r])) != 0) {
            json_decref(tokens);
            json_decref(keys);
            return report_object(NULL, e);
        }
    return report_object(json_pack("{s:o, s:s, s:s, s:o, s:o}", "dir", report_string(w->app->dir), "config",
                                   w->config_made       ? "made"
                                   : w->config_extended ? "extended"
                                                        : "kept",
                                   "registry", w->registry_made ? "made" : "kept", "tokens", tokens, "keys", keys),
                         e);
}

static void show_keys(const struct ceremony *c)
{
    for (int i = 0; i < CEREMONY_KEYS; i++) {
        const struct ceremony_key *k = &c->key[i];
        char value[65];

        ceremony_value(c, i, value);
        if (k->there)
            printf("%-9s key %s, %s %s, in %s\n", k->made ? "made" : "kept", k->name.label,
                   i == CEREMONY_CHECKPOINT ? "Ed25519" : "check value", value, k->where);
    }
}

static void show_text(const struct init *w)
{
    const struct config *c = w->app->config;

    printf("%-9s %s\n", w->config_made ? "made" : w->config_extended ? "extended" : "kept", c->path);
    printf("%-9s %s\n", w->registry_made ? "made" : "kept", c->registry);
    for (enum role r = 0; r < ROLES; r++)
        printf("%-9s token of role %s%s\n", w->token_made[r] ? "made" : "kept", config_role_name(r),
               w->embedded[r] ? "" : ", not the embedded one: its keys are left to a ceremony");
    show_keys(&w->keys);
    (void)fflush(stdout); /* what there is first; main looks at ferror */
    if (c->n_slots == 0)
        fprintf(stderr, "fuseline: next: add a [slot NAME] section to %s, then `fuseline -C %s doctor`\n", c->path, c->dir);
}

static enum err_code run(struct app *app, struct err *e)
{
    struct init w = { .app = app };
    enum err_code rc;

    if (app->opt[OPT_DIR] != NULL)
        return err_set(e, &cli_fault[CLI_DOUBLED_OPTION], "parse", NULL, 0, "'-C' and '%s'", app->opt[OPT_OPERAND]);
    app->dir = app->opt[OPT_OPERAND];
    if ((rc = make_dir(app->dir, e)) != ERR_OK || (rc = look(&w, e)) != ERR_OK || (rc = make_tokens(&w, e)) != ERR_OK ||
        (rc = write_config(&w, e)) != ERR_OK || (rc = prepare(app, CMD_CONFIG, e)) != ERR_OK ||
        (rc = make_registry(&w, e)) != ERR_OK || (rc = ceremony_run(&w.keys, app, w.embedded, e)) != ERR_OK ||
        (rc = ceremony_log(&w.keys, app, e)) != ERR_OK)
        return rc;
    if (app->json)
        return show_json(&w, e);
    show_text(&w);
    return ERR_OK;
}

static const struct cmd_opt options[] = {
    { "DIR", NULL, OPT_OPERAND, 0, true, "the folder, made if it is not there", false },
    { 0 },
};

extern const struct cmd cmd_init;
const struct cmd cmd_init = {
    "init",
    "DIR",
    "make a folder that can provision: configuration, registry, tokens, keys",
    "Makes what is missing and keeps what is there, so it can be repeated: fuseline.conf, registry.db, and an embedded\n"
    "SoftHSM2 token for each role that has no section [hsm ROLE] yet.  PINs are drawn at random into DIR/pins, mode 0400.\n"
    "The keys `kek`, `kek-secret` and `master/ID` (the station's id) are made in the line token and copied to the server\n"
    "token; `checkpoint`, the log's Ed25519 signer, in the log token.  The vault token stays empty.  Asks nothing.\n"
    "A role that has another token is left alone.\n",
    options,
    0,
    run,
};
