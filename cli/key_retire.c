/* cli/key_retire.c - the end of a key.  The log has it twice: `key.retiring` before, with who needs it or why it is forced;
 * `key.retired` when nothing of it is left.  A cut in between: the same command again. */
#include <stdio.h>
#include <string.h>

#include "cli/fault.h"
#include "cli/keys.h"
#include "cli/options.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "hsm/fault.h"

struct end {
    const char *label;
    enum hsm_key_kind kind;
    enum role role;
    char value[KEY_VALUE]; /* "": it is cut, or gone */
    bool there;
    struct key_history past;
    const char *result;
};

static bool begins(const char *label, const char *prefix)
{
    return strncmp(label, prefix, strlen(prefix)) == 0;
}

/* Which keys end, and where they are: docs/hsm.md. */
static enum err_code take_label(struct end *d, struct err *e)
{
    d->role = ROLE_SERVER;
    d->kind = begins(d->label, "rsa/") ? HSM_RSA : HSM_FLEET;
    if (begins(d->label, "rsa/") || begins(d->label, "fleet/"))
        return ERR_OK;
    d->role = ROLE_VAULT;
    d->kind = HSM_RA;
    if (strcmp(d->label, "ra") == 0 || strcmp(d->label, "ra-backup") == 0)
        return ERR_OK;
    return err_set(e, &hsm_fault[HSM_KEY_KEPT], "key retire", NULL, 0, "key '%s'", d->label);
}

static enum err_code take(const struct app *app, struct end *d, struct err *e)
{
    const char *reason = app->opt[OPT_REASON];
    enum err_code rc;

    d->label = app->opt[OPT_OPERAND];
    if ((app->opt[OPT_FORCE] != NULL) != (reason != NULL) || (reason != NULL && *reason == '\0'))
        return err_set(e, &cli_fault[CLI_FORCE], "parse", NULL, 0, "key retire");
    rc = reason != NULL ? options_reason(reason, "--reason", e) : ERR_OK;
    return rc == ERR_OK ? take_label(d, e) : rc;
}

/* Its kind and value, from the token. */
static enum err_code look(struct end *d, struct hsm *h, struct err *e)
{
    struct key_rows rows = { .n = 0 };
    enum err_code rc = key_rows_read(&rows, h, d->role, e);

    for (size_t i = 0; i < rows.n && rc == ERR_OK; i++) {
        const struct key_row *k = &rows.row[i];

        if (strcmp(k->info.label, d->label) != 0)
            continue;
        d->there = true;
        if (k->info.state == HSM_KEY_FOREIGN)
            rc = err_set(e, &hsm_fault[HSM_KEY_WRONG], "key retire", NULL, 0, "key '%s': not made by this house", d->label);
        else if (k->info.kind != HSM_KEY_KINDS)
            d->kind = k->info.kind;
        if (k->value[0] != '\0')
            (void)snprintf(d->value, sizeof d->value, "%s", k->value);
    }
    key_rows_free(&rows);
    return rc;
}

static enum err_code may_end(const struct app *app, const struct end *d, struct err *e)
{
    enum key_need need = KEY_NEED_UNKNOWN;
    enum err_code rc = key_need(app, d->label, &need, e);

    if (rc != ERR_OK || need == KEY_UNNEEDED || app->opt[OPT_FORCE] != NULL || d->past.ending)
        return rc; /* what was begun is ended */
    return err_set(e, &cli_fault[CLI_KEY_NEEDED], "key retire", NULL, 0, "key '%s': %s", d->label,
                   need == KEY_NEEDED ? "devices have it" : "the registry can't tell who needs it");
}

static enum err_code tell_begin(const struct app *app, const struct end *d, struct err *e)
{
    const char *reason = app->opt[OPT_REASON];
    const char *details[] = { "forced", reason != NULL ? "yes" : "no", "label", d->label,
                              "reason", reason != NULL ? reason : "",  "value", d->value,
                              NULL };

    return d->past.ending ? ERR_OK : registry_event(app->registry, "key.retiring", details, e);
}

static enum err_code tell_end(const struct app *app, const struct end *d, struct err *e)
{
    const char *details[] = { "label", d->label, NULL };

    return registry_event(app->registry, "key.retired", details, e);
}

static enum err_code destroy(const struct app *app, struct end *d, struct hsm *h, struct err *e)
{
    enum err_code rc = tell_begin(app, d, e);

    if (rc == ERR_OK && (rc = hsm_key_destroy(h, d->kind, d->label, NULL, e)) == ERR_OK)
        rc = tell_end(app, d, e);
    if (rc == ERR_OK)
        d->result = "destroyed";
    return rc;
}

static enum err_code retire(const struct app *app, struct end *d, struct hsm *h, struct err *e)
{
    enum err_code rc;

    if ((rc = look(d, h, e)) != ERR_OK || (rc = key_history(app, d->label, "", &d->past, e)) != ERR_OK)
        return rc;
    if (!d->there && !d->past.ending && !d->past.retired)
        return err_set(e, &hsm_fault[HSM_KEY_MISSING], "key retire", NULL, 0, "token '%s': no key '%s'", hsm_token_label(h),
                       d->label);
    if (!d->there && !d->past.ending) {
        d->result = "gone";
        return ERR_OK;
    }
    if ((rc = may_end(app, d, e)) != ERR_OK)
        return rc;
    d->result = "plan";
    return app->opt[OPT_BURN] != NULL ? destroy(app, d, h, e) : ERR_OK;
}

static enum err_code show(const struct app *app, const struct end *d, struct err *e)
{
    if (app->json)
        return report_object(json_pack("{s:s, s:s, s:s, s:s?, s:s}", "label", d->label, "role", config_role_name(d->role),
                                       "kind", key_kind_name(d->kind), "public", d->value[0] != '\0' ? d->value : NULL,
                                       "result", d->result),
                             e);
    printf("%-9s key %s, %s, in %s%s%s\n", d->result, d->label, key_kind_name(d->kind), config_role_name(d->role),
           d->value[0] != '\0' ? ": " : "", d->value);
    (void)fflush(stdout); /* what it is first, then what it means; main looks at ferror */
    if (strcmp(d->result, "plan") == 0)
        fputs("fuseline: nothing is destroyed: give --burn to do it\n", stderr);
    if (strcmp(d->result, "destroyed") == 0)
        fputs("fuseline: backups of its token still hold it: destroy them too\n", stderr);
    return ERR_OK;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct end d = { .result = "plan" };
    struct hsm *h = NULL;
    enum err_code rc;

    if ((rc = take(app, &d, e)) != ERR_OK)
        return rc;
    if ((rc = token_open(app, d.role, true, &h, e)) == ERR_OK && (rc = retire(app, &d, h, e)) == ERR_OK)
        rc = show(app, &d, e);
    hsm_close(h);
    return rc;
}

static const struct cmd_opt options[] = {
    { "LABEL", NULL, OPT_OPERAND, 0, true, "the key's name: fleet/F/N, rsa/F/N, ra or ra-backup", false },
    { "burn", NULL, OPT_BURN, 0, false, "really destroy it, for ever", false },
    { "force", NULL, OPT_FORCE, 0, false, "even if something may still need it", false },
    { "reason", "TEXT", OPT_REASON, 0, false, "why it is forced: recorded in the log", false },
    PIN_SOURCE_OPT("key's"),
    { 0 },
};

extern const struct cmd cmd_key_retire;
const struct cmd cmd_key_retire = {
    "key retire",
    "LABEL [--burn] [--force --reason TEXT] [--pin-source SOURCE]",
    "destroy a key that nobody needs any more",
    "Destroys both halves in the token, and their kept copies in this folder; backups elsewhere are yours to destroy.\n"
    "Refused as long as something may need it, but for --force with a reason, which the log keeps.\n"
    "Cut in between, the same command again ends it.\n",
    options,
    CMD_RECORDS,
    run,
};
