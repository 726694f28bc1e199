/* Schemes 2, 3, 6 and 8: the fleet's key of one epoch, in the token under the label that its row names. */
#include <string.h>

#include "hsm/fault.h"
#include "hsm/fleet.h"
#include "protocol/kem.h"
#include "protocol/scheme.h"
#include "verifier/cache.h"
#include "verifier/fault.h"

static enum err_code no_key(const struct fleet_key *k, const char *op, struct err *e)
{
    return err_set(e, &verifier_fault[VERIFIER_FLEET_KEY], op, NULL, 0, "fleet %u, epoch %u, key '%s'", k->fleet, k->epoch,
                   k->label);
}

enum err_code verifier_is_ready(struct verifier *v, const struct product *product, struct err *e)
{
    const struct way *way = way_of(product->scheme);
    struct fleet_key k;
    struct peer *p;
    struct err none;

    if (way == NULL || !way->of_fleet || registry_fleet_key_active(v->registry, product->fleet, &k, &none) != ERR_OK)
        return ERR_OK;
    return peer_of_fleet(v, &k, &p, e);
}

enum err_code load_fleet(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                         struct err *e)
{
    const bool rsa = k->suite == SUITE_RSA;
    enum err_code rc;

    (void)product;
    if (!rsa && !kem_of(k->suite)->point(v->crypto, k->x, p->side.pkRm))
        return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "public key", NULL, 0, "fleet %u, epoch %u", k->fleet, k->epoch);
    rc = hsm_key_find(v->server, hsm_fleet_of(k->suite)->kind, k->label, &p->skR, e);
    if (rc != ERR_OK && e->fault == &hsm_fault[HSM_KEY_MISSING])
        return no_key(k, "find", e);
    if (rc == ERR_OK && rsa && hsm_rsa_is_native(p->skR)) /* padding in the token: protocol/peer.h takes it off itself */
        return no_key(k, "raw RSA", e);
    return rc;
}
