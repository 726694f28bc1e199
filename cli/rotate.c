#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/epoch.h"
#include "cli/fault.h"
#include "cli/options.h"
#include "cli/rotation.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/fault.h"
#include "protocol/scheme.h"

enum { DAYS_MAX = 36500 };

struct wish {
    uint16_t fleet;
    uint8_t only; /* 0: the next */
    bool backup;
    char deadline[REG_TIME];
};

static enum err_code counted(const struct app *app, enum opt_id id, const char *name, unsigned long max, unsigned long *out,
                             struct err *e)
{
    enum err_code rc = options_number(app, id, max, out, e);

    if (rc == ERR_OK && *out == 0)
        rc = err_set(e, &cli_fault[CLI_BAD_NUMBER], "parse", NULL, 0, "--%s '%s': 1 to %lu", name, app->opt[id], max);
    return rc;
}

static enum err_code take(const struct app *app, struct wish *w, struct err *e)
{
    unsigned long fleet = 0, epoch = 0;
    enum err_code rc = counted(app, OPT_FLEET, "fleet", UINT16_MAX, &fleet, e);

    if (rc == ERR_OK && app->opt[OPT_EPOCH] != NULL)
        rc = counted(app, OPT_EPOCH, "epoch", UINT8_MAX, &epoch, e);
    *w = (struct wish){ .fleet = (uint16_t)fleet, .only = (uint8_t)epoch };
    return rc;
}

/* fleet/F/N, as `key list` shows it: to the epoch behind N, so that repeated it does nothing. */
static enum err_code take_label(const struct app *app, struct wish *w, struct err *e)
{
    const char *label = app->opt[OPT_OPERAND];
    unsigned fleet = 0, epoch = 0;
    int end = 0;

    if (sscanf(label, "fleet/%5u/%3u%n", &fleet, &epoch, &end) != 2 || label[end] != '\0' || fleet > UINT16_MAX ||
        epoch == 0)
        return err_set(e, &cli_fault[CLI_NO_KEY_ROTATION], "key rotate", NULL, 0, "key '%s'", label);
    if (epoch >= UINT8_MAX)
        return err_set(e, &db_fault[DB_EPOCHS_USED_UP], "key rotate", NULL, 0, "key '%s'", label);
    *w = (struct wish){ .fleet = (uint16_t)fleet, .only = (uint8_t)(epoch + 1) };
    return ERR_OK;
}

static enum err_code take_terms(const struct app *app, struct wish *w, struct err *e)
{
    unsigned long days = 0;
    enum err_code rc = ERR_OK;

    w->backup = app->opt[OPT_BACKUP_RA] != NULL;
    if (app->opt[OPT_DEADLINE] != NULL && (rc = options_number(app, OPT_DEADLINE, DAYS_MAX, &days, e)) == ERR_OK)
        epoch_deadline(days, w->deadline);
    return rc;
}

static bool is_one_way(const struct product *p)
{
    return (p->policy & POLICY_ONE_WAY) != 0;
}

static enum err_code show_json(const struct rotation *r, const struct wish *w, const char *result, struct err *e)
{
    char x[65], frame[2 * REG_ROTATE + 1];
    const bool made = r->to.has_rotate;
    const char *deadline = made ? r->to.deadline : w->deadline;

    hex_encode(r->to.x, sizeof r->to.x, x);
    hex_encode(r->to.rotate, sizeof r->to.rotate, frame);
    return report_object(json_pack("{s:i, s:s, s:i, s:i, s:s, s:s, s:s?, s:s?, s:s?, s:b, s:s}", "fleet", r->product.fleet,
                                   "product", r->product.name, "from", r->from.epoch, "epoch", r->epoch, "label", r->label,
                                   "signer", r->backup ? "ra-backup" : "ra", "public", made ? x : NULL, "rotate",
                                   made ? frame : NULL, "deadline", deadline[0] != '\0' ? deadline : NULL, "one_way",
                                   is_one_way(&r->product), "result", result),
                         e);
}

static void show_text(const struct rotation *r, const struct wish *w, const char *result)
{
    const bool is_plan = strcmp(result, "plan") == 0;
    const char *deadline = is_plan ? w->deadline : r->to.deadline;

    printf("%-9s fleet %u (%s): epoch %u -> %u, signed by %s%s%s\n", result, r->product.fleet, r->product.name,
           r->from.epoch, r->epoch, r->backup ? "ra-backup" : "ra", deadline[0] != '\0' ? ", deadline " : "", deadline);
    (void)fflush(stdout); /* what it is first, then what it means; main looks at ferror */
    if (is_plan && r->is_there)
        fprintf(stderr, "fuseline: key %s is there and not recorded: it will be taken up\n", r->label);
    if (is_one_way(&r->product))
        fputs("fuseline: the product is one-way: no device will ever hear it, and the server offers it to none\n", stderr);
    if (is_plan && r->backup)
        fputs("fuseline: the backup authority's word ends the first one's, in every device, for ever\n", stderr);
    if (is_plan && deadline[0] == '\0' && !epoch_is_signed(r->product.scheme))
        fputs("fuseline: who has moved can't be known here: without --deadline the old key ends by force alone\n", stderr);
    if (is_plan)
        fputs("fuseline: nothing is made: give --burn to do it\n", stderr);
}

static enum err_code show(const struct app *app, const struct rotation *r, const struct wish *w, const char *result,
                          struct err *e)
{
    if (app->json)
        return show_json(r, w, result, e);
    show_text(r, w, result);
    return ERR_OK;
}

/* The vault is opened for the plan too: a rotation whose authority is not there is none. */
static enum err_code rotate(struct rotation *r, const struct app *app, const struct wish *w, struct hsm *server,
                            struct hsm *vault, const char **result, struct err *e)
{
    struct hsm_key *ra = NULL;
    enum err_code rc = rotation_look(r, app, w->fleet, w->backup, w->only, server, e);

    *result = r->is_done ? "kept" : "plan";
    if (rc != ERR_OK || r->is_done)
        return rc;
    if ((rc = rotation_authority(r, vault, &ra, e)) == ERR_OK && app->opt[OPT_BURN] != NULL &&
        (rc = rotation_make(r, app, server, ra, w->deadline, e)) == ERR_OK)
        *result = "rotated";
    hsm_key_free(ra);
    return rc;
}

static enum err_code go(struct app *app, struct wish *w, struct err *e)
{
    struct hsm *server = NULL, *vault = NULL;
    const char *result = "plan";
    struct rotation r;
    enum err_code rc = take_terms(app, w, e);

    if (rc == ERR_OK && (rc = token_open(app, ROLE_VAULT, true, &vault, e)) == ERR_OK &&
        (rc = token_open(app, ROLE_SERVER, false, &server, e)) == ERR_OK &&
        (rc = rotate(&r, app, w, server, vault, &result, e)) == ERR_OK)
        rc = show(app, &r, w, result, e);
    hsm_close(server);
    hsm_close(vault);
    return rc;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct wish w;
    enum err_code rc = take(app, &w, e);

    return rc == ERR_OK ? go(app, &w, e) : rc;
}

static enum err_code run_label(struct app *app, struct err *e)
{
    struct wish w;
    enum err_code rc = take_label(app, &w, e);

    return rc == ERR_OK ? go(app, &w, e) : rc;
}

static const struct cmd_opt options[] = {
    { "fleet", "F", OPT_FLEET, 0, true, "the fleet, 1..65535", false },
    { "epoch", "N", OPT_EPOCH, 0, false, "only to this epoch, as the plan says: repeated, it does nothing", false },
    { "backup-ra", NULL, OPT_BACKUP_RA, 0, false, "signed by the backup authority, which ends the first one's word", false },
    { "deadline", "DAYS", OPT_DEADLINE, 0, false, "from now: then the keys before it may go, whoever has them", false },
    { "burn", NULL, OPT_BURN, 0, false, "really do it: an epoch is used up, and devices will move", false },
    PIN_SOURCE_OPT("vault"),
    { 0 },
};

extern const struct cmd cmd_rotate;
const struct cmd cmd_rotate = {
    "rotate",
    "--fleet F [--epoch N] [--backup-ra] [--deadline DAYS] [--burn] [--pin-source SOURCE]",
    "give a fleet its next key, signed by its rotation authority",
    "Makes the key of the next epoch in the server token, lets the authority in the vault token sign it, and records both:\n"
    "from then on the server answers who comes with an older epoch by this ROTATE.  Cut off, the same command completes it;\n"
    "an epoch never has two keys.  A fleet has 255 epochs.  --backup-ra is for sealed-fleet alone.\n",
    options,
    CMD_RECORDS,
    run,
};

static const struct cmd_opt label_options[] = {
    { "LABEL", NULL, OPT_OPERAND, 0, true, "the key to leave: fleet/F/N, as `fuseline key list` shows it", false },
    { "backup-ra", NULL, OPT_BACKUP_RA, 0, false, "signed by the backup authority, which ends the first one's word", false },
    { "deadline", "DAYS", OPT_DEADLINE, 0, false, "from now: then the keys before it may go, whoever has them", false },
    { "burn", NULL, OPT_BURN, 0, false, "really do it: an epoch is used up, and devices will move", false },
    PIN_SOURCE_OPT("vault"),
    { 0 },
};

extern const struct cmd cmd_key_rotate;
const struct cmd cmd_key_rotate = {
    "key rotate",
    "LABEL [--backup-ra] [--deadline DAYS] [--burn] [--pin-source SOURCE]",
    "give the fleet of that key its next one",
    "fleet/F/N: the same as `rotate --fleet F` with the epoch behind N.  Of the other keys none has a next one: docs/keys.md says for\n"
    "each what there is instead.\n",
    label_options,
    CMD_RECORDS,
    run_label,
};
