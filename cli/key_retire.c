/* cli/key_retire.c - the end of a key.  The log has it twice: `key.retiring` before, with who needs it or why it is forced;
 * `key.retired` when nothing of it is left.  A fleet's key is DESTROYED in the registry first, so that no server tries it
 * any more, and then in the token.  A cut in between: the same command again. */
#include <stdio.h>
#include <string.h>

#include "cli/epoch.h"
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
    struct epoch_facts facts;
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
    d->kind = begins(d->label, "rsa/") ? HSM_RSA : begins(d->label, "tls/") ? HSM_TLS : HSM_FLEET;
    if (begins(d->label, "rsa/") || begins(d->label, "fleet/") || begins(d->label, "tls/"))
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

/* A certificate's key is needed as long as this folder's server has it; other folders are not seen. */
static enum err_code find_need(const struct app *app, struct end *d, struct err *e)
{
    const char *served = app->config->serve.key_label;

    if (d->kind != HSM_TLS)
        return epoch_facts(app, d->label, &d->facts, e);
    if (served == NULL || strcmp(served, d->label) != 0) {
        d->facts = (struct epoch_facts){ .need = EPOCH_UNNEEDED };
        return ERR_OK;
    }
    d->facts = (struct epoch_facts){ .need = EPOCH_NEEDED };
    (void)snprintf(d->facts.why, sizeof d->facts.why, "[serve] in fuseline.conf names it");
    return ERR_OK;
}

static enum err_code may_end(const struct app *app, struct end *d, struct err *e)
{
    enum err_code rc = find_need(app, d, e);

    if (rc != ERR_OK || d->facts.need == EPOCH_UNNEEDED || app->opt[OPT_FORCE] != NULL || d->past.ending)
        return rc; /* what was begun is ended */
    return err_set(e, &cli_fault[d->kind == HSM_TLS ? CLI_KEY_SERVED : CLI_KEY_NEEDED], "key retire", NULL, 0,
                   "key '%s': %s", d->label, d->facts.why);
}

static enum err_code tell_retiring(const struct app *app, const struct end *d, struct err *e)
{
    const char *reason = app->opt[OPT_REASON];
    const char *details[] = { "forced", reason != NULL ? "yes" : "no", "label", d->label,
                              "reason", reason != NULL ? reason : "",  "value", d->value,
                              NULL };

    return d->past.ending ? ERR_OK : registry_event(app->registry, "key.retiring", details, e);
}

/* The steps that are left of a fleet key's way to DESTROYED. */
static enum err_code end_epoch(const struct app *app, const struct end *d, struct err *e)
{
    const struct fleet_key *k = &d->facts.key;
    const char *reason = app->opt[OPT_REASON] != NULL ? app->opt[OPT_REASON] : d->facts.why;
    enum err_code rc = ERR_OK;

    if (!d->facts.is_recorded || k->state == FLEET_KEY_DESTROYED)
        return ERR_OK;
    if (k->state != FLEET_KEY_RETIRED)
        rc = registry_fleet_key_state(app->registry, k->fleet, k->epoch, k->state, FLEET_KEY_RETIRED, reason, e);
    return rc == ERR_OK ? registry_fleet_key_state(app->registry, k->fleet, k->epoch, FLEET_KEY_RETIRED, FLEET_KEY_DESTROYED,
                                                   reason, e)
                        : rc;
}

static enum err_code tell_begin(const struct app *app, const struct end *d, struct err *e)
{
    enum err_code rc = registry_batch_begin(app->registry, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = tell_retiring(app, d, e)) == ERR_OK && (rc = end_epoch(app, d, e)) == ERR_OK)
        return registry_batch_commit(app->registry, e);
    registry_batch_drop(app->registry);
    return rc;
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

/* What this command can't get at, and has the key as long as it is there. */
static const char *unreached(const struct end *d)
{
    return strcmp(d->result, "destroyed") != 0 ? NULL
           : d->role == ROLE_SERVER ? "backups of the server token outside of this folder, and other servers' tokens"
                                    : "backups of the vault token outside of this folder";
}

static enum err_code show(const struct app *app, const struct end *d, struct err *e)
{
    if (app->json)
        return report_object(
            json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s}", "label", d->label, "role", config_role_name(d->role), "kind",
                      key_kind_name(d->kind), "public", d->value[0] != '\0' ? d->value : NULL, "need",
                      d->facts.is_recorded ? d->facts.why : NULL, "unreached", unreached(d), "result", d->result),
            e);
    printf("%-9s key %s, %s, in %s%s%s\n", d->result, d->label, key_kind_name(d->kind), config_role_name(d->role),
           d->value[0] != '\0' ? ": " : "", d->value);
    (void)fflush(stdout); /* what it is first, then what it means; main looks at ferror */
    if (strcmp(d->result, "plan") == 0)
        fputs("fuseline: nothing is destroyed: give --burn to do it\n", stderr);
    if (d->facts.is_recorded && d->facts.why[0] != '\0')
        fprintf(stderr, "fuseline: %s\n", d->facts.why);
    if (unreached(d) != NULL)
        fprintf(stderr, "fuseline: not reached: %s: destroy them too\n", unreached(d));
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
    { "LABEL", NULL, OPT_OPERAND, 0, true, "the key's name: fleet/F/N, rsa/F/N, tls/NAME, ra or ra-backup", false },
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
    "A fleet's key goes once every device has acknowledged a later one, where that can be known, or the deadline of a later\n"
    "one has passed; a certificate's once [serve] no longer names it.  Refused before, but for --force with a reason, which the log keeps.\n"
    "Cut in between, the same command again ends it.\n",
    options,
    CMD_RECORDS,
    run,
};
