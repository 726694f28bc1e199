#include <stdio.h>
#include <string.h>

#include "cli/fault.h"
#include "cli/keys.h"
#include "cli/options.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "hsm/fault.h"

struct wish {
    enum hsm_key_kind kind;
    enum role role;
    char label[HSM_LABEL];
    bool once; /* used once, whoever made it: FLEET/EPOCH, NAME of TLS */
};

static enum err_code choice(const char *what, struct err *e)
{
    return err_set(e, &cli_fault[CLI_KEY_CHOICE], "parse", NULL, 0, "%s", what);
}

/* A number from 1 on. */
static enum err_code counted(const struct app *app, enum opt_id id, const char *name, unsigned long max, unsigned long *out,
                             struct err *e)
{
    enum err_code rc = options_number(app, id, max, out, e);

    if (rc == ERR_OK && *out == 0)
        rc = err_set(e, &cli_fault[CLI_BAD_NUMBER], "parse", NULL, 0, "--%s '%s': 1 to %lu", name, app->opt[id], max);
    return rc;
}

static enum err_code take_fleet(const struct app *app, struct wish *w, struct err *e)
{
    const bool rsa = app->opt[OPT_RSA] != NULL;
    unsigned long fleet, epoch = 1, suite = 1;
    enum err_code rc = counted(app, rsa ? OPT_RSA : OPT_FLEET, rsa ? "rsa" : "fleet", UINT16_MAX, &fleet, e);

    if (rc == ERR_OK && app->opt[OPT_EPOCH] != NULL)
        rc = counted(app, OPT_EPOCH, "epoch", UINT8_MAX, &epoch, e);
    if (rc == ERR_OK && app->opt[OPT_SUITE] != NULL)
        rc = counted(app, OPT_SUITE, "suite", 2, &suite, e);
    if (rc != ERR_OK)
        return rc;
    *w = (struct wish){ rsa ? HSM_RSA : suite == 2 ? HSM_FLEET_X25519 : HSM_FLEET, ROLE_SERVER, "", true };
    (void)snprintf(w->label, sizeof w->label, "%s/%lu/%lu", rsa ? "rsa" : "fleet", fleet, epoch);
    return ERR_OK;
}

static enum err_code take_tls(const struct app *app, struct wish *w, struct err *e)
{
    *w = (struct wish){ HSM_TLS, ROLE_SERVER, "", true };
    const int n = snprintf(w->label, sizeof w->label, "tls/%s", app->opt[OPT_TLS]);
    return n < (int)sizeof w->label && config_is_tls_label(w->label)
               ? ERR_OK
               : choice("a TLS key's name has 1 to 28 letters, digits, dots, - and _", e);
}

static enum err_code take(const struct app *app, struct wish *w, struct err *e)
{
    static const enum opt_id ways[] = { OPT_FLEET, OPT_RSA, OPT_RA, OPT_BACKUP_RA, OPT_TLS };
    int given = 0;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        given += app->opt[ways[i]] != NULL;
    if (given != 1)
        return choice("exactly one of --fleet, --ra, --backup-ra, --rsa and --tls", e);
    if (app->opt[OPT_SUITE] != NULL && app->opt[OPT_FLEET] == NULL)
        return choice("--suite goes with --fleet", e);
    if (app->opt[OPT_FLEET] != NULL || app->opt[OPT_RSA] != NULL)
        return take_fleet(app, w, e);
    if (app->opt[OPT_EPOCH] != NULL)
        return choice("--epoch goes with --fleet or --rsa", e);
    if (app->opt[OPT_TLS] != NULL)
        return take_tls(app, w, e);
    *w = (struct wish){ HSM_RA, ROLE_VAULT, "", false };
    (void)snprintf(w->label, sizeof w->label, "%s", app->opt[OPT_RA] != NULL ? "ra" : "ra-backup");
    return ERR_OK;
}

static enum err_code find(const struct wish *w, const struct key_rows *rows, struct key_row **out, struct err *e)
{
    for (size_t i = 0; i < rows->n && *out == NULL; i++)
        if (rows->row[i].info.kind == w->kind && rows->row[i].info.state == HSM_KEY_WHOLE &&
            strcmp(rows->row[i].info.label, w->label) == 0)
            *out = &rows->row[i];
    return *out != NULL ? ERR_OK
                        : err_set(e, &hsm_fault[HSM_KEY_MISSING], "key new", NULL, 0, "key '%s' was made, and is not there",
                                  w->label);
}

/* Devices in the field may know the key that this label had: another one under it would be told apart by nobody. */
static enum err_code check_not_lost(struct hsm *h, const struct wish *w, bool held, struct err *e)
{
    struct hsm_key *k = NULL;
    enum err_code rc = held ? hsm_key_find(h, w->kind, w->label, &k, e) : ERR_OK;

    hsm_key_free(k);
    if (rc == ERR_OK || e->fault != &hsm_fault[HSM_KEY_MISSING])
        return rc;
    return err_set(e, &cli_fault[CLI_KEY_LOST], "key new", NULL, 0, "token '%s': key '%s'", hsm_token_label(h), w->label);
}

/* The kept copy at once: a key that a cut login loses could not be made again. */
static enum err_code ensure(const struct app *app, const struct wish *w, bool held, struct key_rows *rows, bool *made,
                            struct err *e)
{
    struct hsm *h = NULL;
    struct hsm_key *k = NULL;
    enum err_code rc = token_open(app, w->role, true, &h, e);

    if (rc == ERR_OK && (rc = check_not_lost(h, w, held, e)) == ERR_OK &&
        (rc = hsm_key_ensure(h, w->kind, w->label, &k, made, e)) == ERR_OK &&
        (rc = hsm_softhsm_keep(app->config->dir, "", e)) == ERR_OK)
        rc = key_rows_read(rows, h, w->role, e);
    hsm_key_free(k);
    hsm_close(h);
    return rc;
}

static enum err_code record(const struct app *app, const struct key_row *k, struct err *e)
{
    const char *details[] = { k->info.label, k->value, NULL };
    struct key_history past;
    enum err_code rc = key_history(app, k->info.label, k->value, &past, e);

    return rc != ERR_OK || past.made ? rc : registry_event(app->registry, "keys.made", details, e);
}

static enum err_code show(const struct app *app, const struct key_row *k, bool made, struct err *e)
{
    json_t *o;

    if (!app->json) {
        printf("%-9s key %s, %s, in %s: %s\n", made ? "made" : "kept", k->info.label, key_kind_name(k->info.kind),
               config_role_name(k->role), k->value);
        return ERR_OK;
    }
    o = key_json(k);
    if (o != NULL && json_object_set_new(o, "result", json_string(made ? "made" : "kept")) != 0) {
        json_decref(o);
        o = NULL;
    }
    return report_object(o, e);
}

static enum err_code run(struct app *app, struct err *e)
{
    struct key_rows rows = { .n = 0 };
    struct key_row *k = NULL;
    struct key_history past;
    struct wish w;
    bool made = false;
    enum err_code rc;

    if ((rc = take(app, &w, e)) != ERR_OK || (rc = key_history(app, w.label, "", &past, e)) != ERR_OK)
        return rc;
    if (w.once && (past.ending || past.retired))
        return err_set(e, &cli_fault[CLI_KEY_RETIRED], "key new", NULL, 0, "key '%s'", w.label);
    if ((rc = ensure(app, &w, past.held, &rows, &made, e)) == ERR_OK && (rc = find(&w, &rows, &k, e)) == ERR_OK &&
        (rc = record(app, k, e)) == ERR_OK && (rc = key_rows_date(&rows, app, e)) == ERR_OK)
        rc = show(app, k, made, e);
    key_rows_free(&rows);
    return rc;
}

static const struct cmd_opt options[] = {
    { "fleet", "F", OPT_FLEET, 0, false, "the key of that fleet, 1..65535, in the server token", false },
    { "suite", "N", OPT_SUITE, 0, false, "of the fleet: 1 is P-256 (default), 2 is X25519", false },
    { "rsa", "F", OPT_RSA, 0, false, "the RSA-4096 key of that fleet, in the server token", false },
    { "epoch", "N", OPT_EPOCH, 0, false, "1..255 (default 1)", false },
    { "tls", "NAME", OPT_TLS, 0, false, "the key of a certificate of `serve`, in the server token: tls/NAME", false },
    { "ra", NULL, OPT_RA, 0, false, "the rotation authority, in the vault token", false },
    { "backup-ra", NULL, OPT_BACKUP_RA, 0, false, "its backup, in the vault token", false },
    PIN_SOURCE_OPT("key's"),
    { 0 },
};

extern const struct cmd cmd_key_new;
const struct cmd cmd_key_new = {
    "key new",
    "(--fleet F [--suite N] | --rsa F | --ra | --backup-ra | --tls NAME) [--epoch N] [--pin-source SOURCE]",
    "make a fleet's key, a rotation authority, or a certificate's key",
    "Makes it if it is not there, and prints its public key as devices have it: x or u, of RSA the SHA-256.  It never\n"
    "leaves its token.  An epoch, and a NAME, is used once: a key that was retired is never made again.  For --tls see also\n"
    "`fuseline key certify`.\n",
    options,
    CMD_RECORDS,
    run,
};
