#include "cli/product_policy.h"

#include <string.h>

#include "cli/fault.h"
#include "protocol/frame.h"

/* Does this scheme take that option?  What it may carry stands in its row. */
static enum err_code take_bit(const struct app *app, const struct scheme *s, enum opt_id id, const char *option,
                              enum policy bit, struct product *p, struct err *e)
{
    const bool wanted = app->opt[id] != NULL;

    if (wanted && (s->policy & bit) == 0)
        return err_set(e, &cli_fault[CLI_PRODUCT_OPTION], "parse", NULL, 0, "--%s with '%s'", option, s->name);
    if (wanted)
        p->policy |= (uint16_t)bit;
    return ERR_OK;
}

/* What signs at all signs all, unless somebody chose otherwise. */
static enum err_code take_sign_all(const struct app *app, const struct scheme *s, struct product *p, struct err *e)
{
    const char *word = app->opt[OPT_SIGN_ALL];
    enum err_code rc = take_bit(app, s, OPT_SIGN_ALL, "sign-all", POLICY_SIGN_ALL, p, e);

    if (rc != ERR_OK || (word != NULL && strcmp(word, "yes") == 0))
        return rc;
    if (word != NULL && strcmp(word, "no") != 0)
        return err_set(e, &cli_fault[CLI_PRODUCT_OPTION], "parse", NULL, 0, "--sign-all '%s': yes or no", word);
    p->policy &= (uint16_t)~POLICY_SIGN_ALL;
    if (word == NULL)
        p->policy |= (uint16_t)(s->policy & POLICY_SIGN_ALL);
    return ERR_OK;
}

/* docs/protocol.md has a compact form of a scheme's first frames, or none; of devices that sign only if they sign all. */
static enum err_code take_compact(const struct app *app, const struct scheme *s, struct product *p, struct err *e)
{
    if (app->opt[OPT_COMPACT] == NULL)
        return ERR_OK;
    if (!frame_is_compact(s->id, p->suite, 0))
        return err_set(e, &cli_fault[CLI_NO_COMPACT], "parse", NULL, 0, "'%s'", s->name);
    if (((s->policy & ~p->policy) & POLICY_SIGN_ALL) != 0)
        return err_set(e, &cli_fault[CLI_NO_COMPACT], "parse", NULL, 0, "'%s' with --sign-all no", s->name);
    p->policy &= (uint16_t)~POLICY_TAG16;
    return ERR_OK;
}

enum err_code product_policy(const struct app *app, const struct scheme *s, struct product *p, struct err *e)
{
    enum err_code rc;

    p->policy = POLICY_NVM_REQUIRED | POLICY_TAG16;
    if (app->opt[OPT_TWO_WAY] == NULL)
        p->policy |= POLICY_ONE_WAY;
    if ((rc = take_bit(app, s, OPT_PSK, "psk", POLICY_PSK, p, e)) != ERR_OK ||
        (rc = take_bit(app, s, OPT_FIELD_SIGN_UP, "field-sign-up", POLICY_FIELD_SIGN_UP, p, e)) != ERR_OK)
        return rc;
    rc = take_sign_all(app, s, p, e);
    return rc == ERR_OK ? take_compact(app, s, p, e) : rc;
}
