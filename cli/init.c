/* cli/init.c - a working line in one folder: configuration, registry, embedded tokens, KEKs.  Idempotent: what is there is
 * kept; a cut anywhere leaves what the next run completes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/kek.h"
#include "cli/prepare.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/registry.h"

struct init {
    struct app *app;
    bool config_made, config_extended, registry_made, keys_made;
    bool missing[ROLES];  /* no section yet: written by us */
    bool embedded[ROLES]; /* the token is ours to make */
    bool token_made[ROLES];
    char module[256];
    uint8_t kcv[KEKS][3];
    bool has_kcv;
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

/* ---- tokens and keys ---- */

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

static enum err_code make_keks(struct init *w, struct hsm *line, struct err *e)
{
    enum err_code rc = ERR_OK;

    for (int i = 0; i < KEKS && rc == ERR_OK; i++) {
        struct hsm_key *key = NULL;
        bool made = false;

        rc = hsm_key_ensure(line, keks[i].kind, keks[i].label, &key, &made, e);
        if (rc == ERR_OK)
            rc = hsm_key_kcv(key, w->kcv[i], e);
        w->keys_made = w->keys_made || made;
        hsm_key_free(key);
    }
    w->has_kcv = rc == ERR_OK;
    return rc;
}

static enum err_code copy_keks(const struct init *w, struct hsm *line, struct hsm *server, struct err *e)
{
    static const struct hsm_pin_source by_uri = { .kind = HSM_PIN_URI, .fd = -1 };
    char *uri = malloc(TOKEN_URI_MAX);
    enum err_code rc;

    if (uri == NULL)
        return err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", w->app->dir);
    rc = hsm_softhsm_so_uri(w->app->dir, config_role_name(ROLE_LINE), uri, TOKEN_URI_MAX, e);
    if (rc == ERR_OK)
        rc = hsm_keys_copy(line, uri, &by_uri, server, keks, KEKS, e);
    free(uri);
    return rc;
}

static enum err_code make_keys(struct init *w, struct err *e)
{
    struct hsm *line = NULL, *server = NULL;
    enum err_code rc;

    if (!w->embedded[ROLE_LINE] || !w->embedded[ROLE_SERVER])
        return ERR_OK;
    rc = token_open(w->app, ROLE_LINE, false, &line, e);
    if (rc == ERR_OK)
        rc = token_open(w->app, ROLE_SERVER, false, &server, e);
    if (rc == ERR_OK)
        rc = make_keks(w, line, e);
    if (rc == ERR_OK)
        rc = copy_keks(w, line, server, e);
    hsm_close(server);
    hsm_close(line);
    for (enum role r = ROLE_LINE; r <= ROLE_SERVER && rc == ERR_OK; r++)
        rc = hsm_softhsm_keep(w->app->dir, config_role_name(r), e);
    return rc;
}

/* ---- the registry ---- */

static enum err_code make_registry(struct init *w, struct err *e)
{
    struct app *app = w->app;

    w->registry_made = access(app->config->registry, F_OK) != 0;
    return registry_open(&app->registry, app->config->registry, REGISTRY_CREATE, e);
}

struct search {
    const char *text;
    bool found;
};

static enum err_code look_for(void *io, const struct event_row *ev, struct err *e)
{
    struct search *s = io;

    (void)e;
    s->found = s->found || strstr(ev->canonical, s->text) != NULL;
    return ERR_OK;
}

/* Once in the log, however often init was cut before it came to this. */
static enum err_code log_keys(const struct init *w, struct err *e)
{
    struct search s = { .text = "\"event\":\"keys.made\"" };
    char kcv[KEKS][7];
    enum err_code rc = ERR_OK;

    if (w->has_kcv)
        rc = registry_events(w->app->registry, 0, look_for, &s, e);
    if (!w->has_kcv || rc != ERR_OK)
        return rc;
    for (int i = 0; i < KEKS; i++)
        hex_encode(w->kcv[i], sizeof w->kcv[i], kcv[i]);
    if (s.found)
        return ERR_OK;
    return registry_event(w->app->registry, "keys.made",
                          (const char *const[]){ keks[0].label, kcv[0], keks[1].label, kcv[1], NULL }, e);
}

/* ---- the command ---- */

static enum err_code show_json(const struct init *w, struct err *e)
{
    json_t *tokens = json_array(), *keys = json_array();
    char kcv[7];

    for (enum role r = 0; r < ROLES; r++)
        if (json_array_append_new(tokens, json_pack("{s:s, s:b, s:b}", "role", config_role_name(r), "embedded",
                                                    w->embedded[r], "made", w->token_made[r])) != 0)
            goto fail;
    for (int i = 0; i < KEKS && w->has_kcv; i++) {
        hex_encode(w->kcv[i], sizeof w->kcv[i], kcv);
        if (json_array_append_new(keys, json_pack("{s:s, s:s}", "label", keks[i].label, "kcv", kcv)) != 0)
            goto fail;
    }
    return report_object(json_pack("{s:o, s:s, s:s, s:o, s:o}", "dir", report_string(w->app->dir), "config",
                                   w->config_made       ? "made"
                                   : w->config_extended ? "extended"
                                                        : "kept",
                                   "registry", w->registry_made ? "made" : "kept", "tokens", tokens, "keys", keys),
                         e);
fail:
    json_decref(tokens);
    json_decref(keys);
    return report_object(NULL, e);
}

static void show_text(const struct init *w)
{
    const struct config *c = w->app->config;
    char kcv[7];

    printf("%-9s %s\n", w->config_made ? "made" : w->config_extended ? "extended" : "kept", c->path);
    printf("%-9s %s\n", w->registry_made ? "made" : "kept", c->registry);
    for (enum role r = 0; r < ROLES; r++)
        printf("%-9s token of role %s%s\n", w->token_made[r] ? "made" : "kept", config_role_name(r),
               w->embedded[r] ? "" : ", not the embedded one: its keys are left to a ceremony");
    for (int i = 0; i < KEKS && w->has_kcv; i++) {
        hex_encode(w->kcv[i], sizeof w->kcv[i], kcv);
        printf("%-9s key %s, check value %s, in line and server\n", w->keys_made ? "made" : "kept", keks[i].label, kcv);
    }
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
        (rc = make_registry(&w, e)) != ERR_OK || (rc = make_keys(&w, e)) != ERR_OK || (rc = log_keys(&w, e)) != ERR_OK)
        return rc;
    if (app->json)
        return show_json(&w, e);
    show_text(&w);
    return ERR_OK;
}

static const struct cmd_opt options[] = {
    { "DIR", NULL, OPT_OPERAND, 0, true, "the folder, made if it is not there" },
    { 0 },
};

extern const struct cmd cmd_init;
const struct cmd cmd_init = {
    "init",
    "DIR",
    "make a folder that can provision: configuration, registry, tokens, keys",
    "Makes what is missing and keeps what is there, so it can be repeated: fuseline.conf, registry.db, and an embedded\n"
    "SoftHSM2 token for each role that has no section [hsm ROLE] yet.  PINs are drawn at random into DIR/pins, mode 0400.\n"
    "The keys `kek` and `kek-secret` are made in the line token and copied to the server token.  Asks nothing.\n"
    "A role that has another token is left alone.\n",
    options,
    0,
    run,
};
