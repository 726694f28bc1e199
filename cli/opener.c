#include "cli/opener.h"

#include "cli/fault.h"
#include "cli/token.h"
#include "hsm/hpke_host.h"

enum err_code opener_prepare(struct opener *o, const struct app *app, struct registry *registry, struct err *e)
{
    enum err_code rc = token_open(app, ROLE_SERVER, true, &o->server, e);

    o->registry = registry;
    if (rc == ERR_OK && (o->host = hpke_host_open(&o->crypto)) == NULL)
        rc = err_set(e, &cli_fault[CLI_CRYPTO], "EVP", NULL, 0, "OpenSSL");
    return rc;
}

enum err_code opener_open(struct opener *o, const struct app *app, struct registry *registry, struct err *e)
{
    enum err_code rc = opener_prepare(o, app, registry, e);

    return rc == ERR_OK ? verifier_open(&o->verifier, registry, o->server, &o->crypto, e) : rc;
}

void opener_close(struct opener *o)
{
    verifier_close(o->verifier);
    hsm_close(o->server);
    hpke_host_close(o->host);
    *o = (struct opener){ .registry = o->registry };
}
