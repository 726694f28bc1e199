#include <string.h>

#include "base/clock.h"
#include "protocol/bytes.h"
#include "verifier/cache.h"
#include "verifier/fault.h"

static void peer_wipe(struct peer *p)
{
    hsm_key_free(p->skR);
    hsm_key_free(p->mac);
    bytes_wipe(p, sizeof *p);
}

void peers_wipe(struct verifier *v, uint64_t older_than_ns)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (v->peer[i].used && v->peer[i].stamp <= older_than_ns)
            peer_wipe(&v->peer[i]);
}

/* The cached one, or the place of the longest unused one, wiped. */
static struct peer *place_of(struct verifier *v, uint64_t serial, uint16_t fleet, uint8_t epoch)
{
    struct peer *oldest = &v->peer[0];

    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &v->peer[i];
        if (p->used && p->serial == serial && p->fleet == fleet && p->epoch == epoch) {
            p->stamp = clock_mono_ns();
            return p;
        }
        if (p->stamp < oldest->stamp) /* 0: free */
            oldest = p;
    }
    peer_wipe(oldest);
    oldest->serial = serial;
    oldest->fleet = fleet;
    oldest->epoch = epoch;
    return oldest;
}

/* The profile comes from the registry, never from a frame. */
static void set_profile(struct peer *p, const struct product *product)
{
    p->way = way_of(product->scheme);
    p->scheme = peer_scheme_of(product->scheme, product->suite);
    p->field_sign_up = (product->policy & POLICY_FIELD_SIGN_UP) != 0;
    p->one_way = (product->policy & POLICY_ONE_WAY) != 0;
    put32(p->side.serial, (uint32_t)(p->serial >> 32));
    put32(p->side.serial + 4, (uint32_t)p->serial);
    p->side.epoch = p->epoch;
    p->side.profile =
        profile_make(product->scheme, product->suite, product->fleet, product->policy, product->sid_len, product->ctr_len);
}

static enum err_code fill(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                          struct peer **out, struct err *e)
{
    enum err_code rc;

    set_profile(p, product);
    if (p->way == NULL || p->scheme == NULL)
        rc = err_set(e, &verifier_fault[VERIFIER_KEY_ROWS], "scheme", NULL, 0, "product '%s'", product->name);
    else
        rc = p->way->load(v, p, product, k, e);
    if (rc != ERR_OK) {
        peer_wipe(p);
        return rc;
    }
    p->used = true;
    p->stamp = clock_mono_ns();
    *out = p;
    return ERR_OK;
}

enum err_code peer_of_device(struct verifier *v, const struct device *d, struct peer **out, struct err *e)
{
    const uint16_t fleet = (uint16_t)(d->serial >> 48);
    struct product product;
    struct peer *p;
    const struct way *way;
    enum err_code rc;

    *out = NULL;
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (v->peer[i].used && v->peer[i].serial == d->serial) {
            v->peer[i].stamp = clock_mono_ns();
            *out = &v->peer[i];
            return ERR_OK;
        }
    if ((rc = registry_product_get(v->registry, d->product, &product, e)) != ERR_OK)
        return rc;
    if ((way = way_of(product.scheme)) != NULL && way->of_fleet)
        return ERR_OK;
    p = place_of(v, d->serial, fleet, 0);
    return fill(v, p, &product, NULL, out, e);
}

bool fleet_key_opens(enum fleet_key_state s)
{
    return s == FLEET_KEY_ACTIVE || s == FLEET_KEY_PREVIOUS;
}

enum err_code peer_of_fleet(struct verifier *v, const struct fleet_key *k, struct peer **out, struct err *e)
{
    struct product product;
    struct peer *p = place_of(v, 0, k->fleet, k->epoch);
    enum err_code rc;

    if (p->used) {
        *out = p;
        return ERR_OK;
    }
    if ((rc = registry_product_by_fleet(v->registry, k->fleet, &product, e)) != ERR_OK)
        return rc;
    return fill(v, p, &product, k, out, e);
}
