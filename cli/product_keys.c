#include "cli/product_keys.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/config.h"
#include "cli/fault.h"
#include "cli/kek.h"
#include "cli/keys.h"
#include "cli/token.h"
#include "db/fleet.h"
#include "hsm/fault.h"
#include "hsm/fleet.h"
#include "station/slots.h"

/* ---- there before ---- */

/* x of a pair's public key; a missing key is told as `missing`, whose action makes it. */
static enum err_code public_x(struct hsm *h, const char *label, enum cli_fault_id missing, uint8_t x[32], struct err *e)
{
    struct hsm_key *k = NULL;
    uint8_t pk[65];
    enum err_code rc = hsm_key_find(h, HSM_RA, label, &k, e);

    if (rc == ERR_OK && (rc = hsm_public(k, pk, e)) == ERR_OK)
        memcpy(x, pk + 1, 32);
    hsm_key_free(k);
    if (rc != ERR_OK && e->fault == &hsm_fault[HSM_KEY_MISSING])
        rc = err_set(e, &cli_fault[missing], "product add", NULL, 0, "key '%s'", label);
    return rc;
}

static enum err_code find_authorities(const struct app *app, struct product *p, struct err *e)
{
    struct hsm *vault = NULL;
    enum err_code rc;

    p->has_ra = slots_need(p, FROM_RA);
    p->has_backup_ra = slots_need(p, FROM_BACKUP_RA);
    if (!p->has_ra && !p->has_backup_ra)
        return ERR_OK;
    rc = token_open(app, ROLE_VAULT, false, &vault, e);
    if (rc == ERR_OK && p->has_ra)
        rc = public_x(vault, "ra", CLI_NO_RA, p->ra_x, e);
    if (rc == ERR_OK && p->has_backup_ra)
        rc = public_x(vault, "ra-backup", CLI_NO_BACKUP_RA, p->backup_ra_x, e);
    hsm_close(vault);
    return rc;
}

/* That of this station's line.  The server must hold it; that the line does, `provision` looks at. */
static enum err_code find_master(const struct product_keys *k, const struct app *app, struct product *p, struct err *e)
{
    const struct master m = master_of(app->config->station);
    uint8_t kcv[3];
    enum err_code rc;

    if (!slots_need(p, FROM_MASTER))
        return ERR_OK;
    (void)snprintf(p->master, sizeof p->master, "%u", app->config->station);
    rc = master_find(k->server, &m, kcv, e);
    if (rc != ERR_OK && e->fault == &hsm_fault[HSM_KEY_MISSING])
        rc = err_set(e, &cli_fault[CLI_NO_MASTER], "product add", NULL, 0, "key '%s'", m.label);
    return rc;
}

enum err_code product_keys_find(struct product_keys *k, const struct app *app, struct product *p, struct err *e)
{
    const bool server = slots_need(p, FROM_FLEET) || slots_need(p, FROM_MASTER);
    enum err_code rc;

    *k = (struct product_keys){ .server = NULL };
    p->epoch = scheme_by_id(p->scheme)->epoch ? 1 : 0;
    rc = find_authorities(app, p, e);
    if (rc == ERR_OK && server)
        rc = token_open(app, ROLE_SERVER, true, &k->server, e);
    return rc == ERR_OK ? find_master(k, app, p, e) : rc;
}

/* ---- the fleet's first key ---- */

static enum err_code check_history(const struct app *app, const char *label, struct err *e)
{
    struct key_history past;
    enum err_code rc = key_history(app, label, "", &past, e);

    if (rc == ERR_OK && (past.ending || past.retired))
        rc = err_set(e, &cli_fault[CLI_KEY_RETIRED], "product add", NULL, 0, "key '%s'", label);
    return rc;
}

/* Devices hold the digest, their firmware the key itself: the station takes both from the row. */
static enum err_code rsa_public(struct hsm_key *key, struct fleet_key *row, struct err *e)
{
    uint8_t pk[REG_RSA_N + REG_RSA_E];
    enum err_code rc;

    if (hsm_rsa_is_native(key)) /* protocol/peer.h looks at the padding itself, and proofs have a label of their own */
        return err_set(e, &cli_fault[CLI_RSA_NATIVE], "product add", NULL, 0, "key '%s'", row->label);
    if ((rc = hsm_rsa_public(key, row->rsa_n, row->rsa_e, e)) != ERR_OK)
        return rc;
    row->has_rsa = true;
    memcpy(pk, row->rsa_n, REG_RSA_N);
    memcpy(pk + REG_RSA_N, row->rsa_e, REG_RSA_E);
    return EVP_Digest(pk, sizeof pk, row->x, NULL, EVP_sha256(), NULL) == 1
               ? ERR_OK
               : err_set(e, &cli_fault[CLI_CRYPTO], "SHA-256", NULL, 0, "OpenSSL");
}

/* Kept at once: a key that a cut login loses could not be made again. */
static enum err_code ensure(struct product_keys *k, const struct app *app, struct fleet_key *row, struct err *e)
{
    const struct hsm_fleet *fleet = hsm_fleet_of(row->suite);
    struct hsm_key *key = NULL;
    enum err_code rc = hsm_key_ensure(k->server, fleet->kind, row->label, &key, &k->made, e);

    if (rc == ERR_OK)
        rc = fleet->name != NULL ? fleet->name(key, row->x, e) : rsa_public(key, row, e);
    hsm_key_free(key);
    return rc == ERR_OK ? hsm_softhsm_keep(app->config->dir, "", e) : rc;
}

static enum err_code record(const struct app *app, struct fleet_key *row, struct err *e)
{
    char value[KEY_VALUE];
    const char *details[] = { row->label, value, NULL };
    struct key_history past;
    enum err_code rc;

    hex_encode(row->x, sizeof row->x, value);
    if ((rc = key_history(app, row->label, value, &past, e)) == ERR_OK && !past.made)
        rc = registry_event(app->registry, "keys.made", details, e);
    return rc == ERR_OK ? registry_fleet_key_add(app->registry, row, e) : rc;
}

static enum err_code make(struct product_keys *k, const struct app *app, const struct product *p, struct fleet_key *row,
                          struct err *e)
{
    enum err_code rc;

    *row = (struct fleet_key){ .fleet = p->fleet, .epoch = p->epoch, .suite = p->suite };
    (void)snprintf(row->label, sizeof row->label, "%s/%u/%u", p->suite == SUITE_RSA ? "rsa" : "fleet", p->fleet, p->epoch);
    rc = check_history(app, row->label, e);
    return rc == ERR_OK ? ensure(k, app, row, e) : rc;
}

enum err_code product_keys_prepare(struct product_keys *k, const struct app *app, const struct product *p, struct err *e)
{
    struct product rehearsal = *p;
    struct fleet_key row;
    enum err_code rc;

    if (p->suite != SUITE_RSA)
        return ERR_OK;
    if ((rc = registry_batch_begin(app->registry, e)) != ERR_OK)
        return rc;
    rc = registry_product_add(app->registry, &rehearsal, e); /* which tells the fleet's number */
    registry_batch_drop(app->registry);
    return rc == ERR_OK ? make(k, app, &rehearsal, &row, e) : rc;
}

enum err_code product_keys_add(struct product_keys *k, const struct app *app, const struct product *p, struct err *e)
{
    struct fleet_key row;
    enum err_code rc;

    if (!slots_need(p, FROM_FLEET))
        return ERR_OK;
    rc = make(k, app, p, &row, e);
    return rc == ERR_OK ? record(app, &row, e) : rc;
}

void product_keys_close(struct product_keys *k)
{
    hsm_close(k->server);
    k->server = NULL;
}
