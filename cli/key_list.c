#include <stdio.h>
#include <string.h>

#include "cli/fault.h"
#include "cli/keys.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "hsm/fault.h"

static void show_line(const struct key_row *k)
{
    static const char *const notes[] = { "", "  cut: of no use", "  not made by this house" };

    printf("%-6s  %-32s  %-12s  %-64s  %s%s%s%s%s\n", config_role_name(k->role), k->info.label, key_kind_name(k->info.kind),
           k->value, k->made, k->info.copied ? "  a copy" : "", k->epoch != NULL ? "  " : "",
           k->epoch != NULL ? k->epoch : "", notes[k->info.state]);
}

static enum err_code show(const struct app *app, const struct key_rows *rows, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (!app->json)
        printf("%-6s  %-32s  %-12s  %-64s  %s\n", "ROLE", "LABEL", "KIND", "PUBLIC KEY OR CHECK VALUE", "MADE");
    for (size_t i = 0; i < rows->n && rc == ERR_OK; i++)
        if (app->json)
            rc = report_object(key_json(&rows->row[i]), e);
        else
            show_line(&rows->row[i]);
    return rc;
}

/* A vault that lies in a safe must not hide the other tokens: it is told, and the rest shown. */
static enum err_code add_all(const struct app *app, struct key_rows *rows, struct err *e)
{
    enum err_code worst = ERR_OK;

    for (enum role r = 0; r < ROLES; r++) {
        enum err_code rc = app->config->token[r].line != 0 ? key_rows_add(rows, app, r, false, e) : ERR_OK;

        if (rc == ERR_OK)
            continue;
        report_text(stderr, e);
        worst = rc;
    }
    return worst;
}

static enum err_code run_list(struct app *app, struct err *e)
{
    struct key_rows rows = { .n = 0 };
    enum err_code rc, missing = ERR_OK;
    enum role role;
    bool given;

    if ((rc = key_take_role(app, &role, &given, e)) != ERR_OK)
        return rc;
    if (given)
        rc = key_rows_add(&rows, app, role, true, e);
    else
        missing = add_all(app, &rows, e);
    if (rc == ERR_OK && (rc = key_rows_date(&rows, app, e)) == ERR_OK)
        rc = show(app, &rows, e);
    key_rows_free(&rows);
    if (rc == ERR_OK && missing != ERR_OK) {
        struct err last = *e;

        if (app->json)
            rc = report_object(json_pack("{s:o}", "error", report_json(&last)), e);
        e->fault = rc == ERR_OK ? NULL : e->fault; /* told above */
        rc = rc == ERR_OK ? missing : rc;
    }
    return rc;
}

static const struct cmd_opt list_options[] = {
    { "role", "ROLE", OPT_ROLE, 0, false, "only that token: line, server, log or vault", false },
    PIN_SOURCE_OPT("--role"),
    { 0 },
};

extern const struct cmd cmd_key_list;
const struct cmd cmd_key_list = {
    "key list",
    "[--role ROLE] [--pin-source SOURCE]",
    "list the keys that the tokens hold",
    "A pair is shown by its public key as devices have it (of RSA its SHA-256), a secret key by its check value.\n"
    "A token that can't be had is told, and the others are shown: the exit status is its failure's.\n",
    list_options,
    CMD_READS,
    run_list,
};

/* ---- show ---- */

static enum err_code find(const struct app *app, struct key_rows *rows, const char *label, struct err *e)
{
    enum err_code rc;
    enum role only;
    bool given;

    if ((rc = key_take_role(app, &only, &given, e)) != ERR_OK)
        return rc;
    for (enum role r = 0; r < ROLES; r++)
        if ((!given || r == only) && (given || app->config->token[r].line != 0) &&
            (rc = key_rows_add(rows, app, r, given, e)) != ERR_OK)
            return rc;
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->row[i].info.label, label) == 0)
            rows->row[n++] = rows->row[i];
    rows->n = n;
    if (n == 0)
        return err_set(e, &hsm_fault[HSM_KEY_MISSING], "key show", NULL, 0, "no key '%s'", label);
    return key_rows_date(rows, app, e);
}

static void show_text(const struct key_row *k)
{
    const struct hsm_key_info *i = &k->info;

    printf("%s: %s, in %s%s%s\n", i->label, key_kind_name(i->kind), config_role_name(k->role), i->copied ? ", a copy" : "",
           i->state == HSM_KEY_CUT       ? ", cut: of no use"
           : i->state == HSM_KEY_FOREIGN ? ", not made by this house"
                                         : "");
    if (i->state != HSM_KEY_WHOLE)
        return;
    printf("  check value  %02x%02x%02x\n", i->kcv[0], i->kcv[1], i->kcv[2]);
    if (i->pk_len > 0)
        printf("  %-11s  %s\n", i->kind == HSM_RSA ? "SHA-256" : "public", k->value);
    printf("  made         %s\n", k->made[0] != '\0' ? k->made : "not by this registry's log");
    if (k->epoch != NULL)
        printf("  epoch        %s\n", k->epoch);
}

static enum err_code run_show(struct app *app, struct err *e)
{
    struct key_rows rows = { .n = 0 };
    enum err_code rc = find(app, &rows, app->opt[OPT_OPERAND], e);

    for (size_t i = 0; i < rows.n && rc == ERR_OK; i++)
        if (app->json)
            rc = report_object(key_json(&rows.row[i]), e);
        else
            show_text(&rows.row[i]);
    key_rows_free(&rows);
    return rc;
}

static const struct cmd_opt show_options[] = {
    { "LABEL", NULL, OPT_OPERAND, 0, true, "the key's name", false },
    { "role", "ROLE", OPT_ROLE, 0, false, "only that token: line, server, log or vault", false },
    PIN_SOURCE_OPT("--role"),
    { 0 },
};

extern const struct cmd cmd_key_show;
const struct cmd cmd_key_show = {
    "key show",
    "LABEL [--role ROLE] [--pin-source SOURCE]",
    "show one key, in each token that holds it",
    NULL,
    show_options,
    CMD_READS,
    run_show,
};
