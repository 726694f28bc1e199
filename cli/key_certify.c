/* cli/key_certify.c - the certificate of a key that stays in the server token. */
#include <stdio.h>

#include "cli/config.h"
#include "cli/fault.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "server/tls.h"

static enum err_code certify(const struct app *app, const char *label, struct err *e)
{
    struct hsm *h = NULL;
    struct hsm_key *k = NULL;
    enum err_code rc = token_open(app, ROLE_SERVER, true, &h, e);

    if (rc == ERR_OK && (rc = hsm_key_find(h, HSM_TLS, label, &k, e)) == ERR_OK)
        rc = tls_certify(k, app->opt[OPT_NAMES], app->opt[OPT_REQUEST] != NULL, app->opt[OPT_OUT], e);
    hsm_key_free(k);
    hsm_close(h);
    return rc;
}

static enum err_code run(struct app *app, struct err *e)
{
    const char *label = app->opt[OPT_OPERAND], *out = app->opt[OPT_OUT];
    const char *result = app->opt[OPT_REQUEST] != NULL ? "request" : "certificate";

    if (!config_is_tls_label(label))
        return err_set(e, &cli_fault[CLI_TLS_LABEL], "parse", NULL, 0, "'%s'", label);
    enum err_code rc = certify(app, label, e);
    if (rc != ERR_OK)
        return rc;
    if (app->json)
        return report_object(json_pack("{s:s, s:o, s:s}", "label", label, "file", report_string(out), "result", result), e);
    printf("%-11s of %s: %s\n", result, label, out);
    return ERR_OK;
}

static const struct cmd_opt options[] = {
    { "LABEL", NULL, OPT_OPERAND, 0, true, "the key's name: tls/NAME", false },
    { "out", "FILE", OPT_OUT, 0, true, "where to, in PEM; never one that is there", false },
    { "names", "LIST", OPT_NAMES, 0, false,
      "DNS names and addresses, by commas (default: localhost, its addresses, this machine)", false },
    { "request", NULL, OPT_REQUEST, 0, false, "a request (PKCS#10), for an authority to make the certificate of", false },
    PIN_SOURCE_OPT("server"),
    { 0 },
};

extern const struct cmd cmd_key_certify;
const struct cmd cmd_key_certify = {
    "key certify",
    "LABEL --out FILE [--names LIST] [--request] [--pin-source SOURCE]",
    "make the certificate of a key of `key new --tls`, or ask for one",
    "Signed by the key itself, for ten years: phones must be told its fingerprint, which `serve` prints, by another way.  With\n"
    "--request an authority vouches for it.  [serve] then names it: certificate = FILE, and key = hsm:tls/NAME.\n",
    options,
    CMD_CONFIG,
    run,
};
