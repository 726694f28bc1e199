/* Fleets as the log tells of them: rotation authorities and keys, each against its row. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "db/check_impl.h"
#include "db/fault.h"
#include "db/fleet.h"

enum { RA = 0, BACKUP_RA = 256 }; /* in the place of an epoch: the authorities' keys */

struct told_key {
    uint16_t fleet, epoch;
    uint8_t x[32];
    enum fleet_key_state state;
    bool is_row;
};

static struct told_key *find(struct check *c, uint16_t fleet, uint16_t epoch)
{
    for (size_t i = 0; i < c->keys; i++)
        if (c->key[i].fleet == fleet && c->key[i].epoch == epoch)
            return &c->key[i];
    return NULL;
}

static enum err_code add(struct check *c, uint16_t fleet, uint16_t epoch, const char *x, struct err *e)
{
    struct told_key *more = reallocarray(c->key, c->keys + 1, sizeof *more);

    if (more == NULL)
        return err_errno(e, &db_fault[DB_IO], "realloc", "%zu keys", c->keys);
    c->key = more;
    c->key[c->keys] = (struct told_key){ .fleet = fleet, .epoch = epoch, .state = FLEET_KEY_ACTIVE };
    (void)hex_decode(x, c->key[c->keys++].x, 32);
    return ERR_OK;
}

static enum err_code added(struct check *c, const struct leaf *l, uint16_t fleet, uint16_t epoch, struct err *e)
{
    for (size_t i = 0; i < c->keys; i++)
        if (c->key[i].fleet == fleet && c->key[i].epoch != RA && c->key[i].epoch != BACKUP_RA &&
            c->key[i].state == FLEET_KEY_ACTIVE)
            c->key[i].state = FLEET_KEY_PREVIOUS;
    return add(c, fleet, epoch, leaf_text(l, "x"), e);
}

static enum err_code authorities(struct check *c, const struct leaf *l, uint16_t fleet, struct err *e)
{
    const char *ra = leaf_text(l, "ra_x"), *backup = leaf_text(l, "backup_ra_x");
    enum err_code rc = ra[0] != '\0' ? add(c, fleet, RA, ra, e) : ERR_OK;

    return rc == ERR_OK && backup[0] != '\0' ? add(c, fleet, BACKUP_RA, backup, e) : rc;
}

enum err_code check_fleet_event(struct check *c, const struct leaf *l, struct err *e)
{
    static const struct {
        const char *event;
        enum fleet_key_state to;
    } moves[] = {
        { "fleet.key-retired", FLEET_KEY_RETIRED },
        { "fleet.key-restored", FLEET_KEY_PREVIOUS },
        { "fleet.key-destroyed", FLEET_KEY_DESTROYED },
    };
    const uint16_t fleet = (uint16_t)leaf_number(l, "fleet"), epoch = (uint16_t)leaf_number(l, "epoch");
    struct told_key *k;

    if (strcmp(l->event, "product.added") == 0)
        return authorities(c, l, fleet, e);
    if (strcmp(l->event, "fleet.key-added") == 0)
        return added(c, l, fleet, epoch, e);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (strcmp(l->event, moves[i].event) == 0 && (k = find(c, fleet, epoch)) != NULL)
            k->state = moves[i].to;
    return ERR_OK;
}

/* ---- the rows ---- */

static enum err_code differs(struct check *c, uint16_t fleet, uint16_t epoch, const char *is, const char *should,
                             struct err *e)
{
    char text[128];

    if (epoch == RA || epoch == BACKUP_RA)
        (void)snprintf(text, sizeof text, "fleet %u, %s: %s", fleet, epoch == RA ? "RA" : "backup RA", is);
    else
        (void)snprintf(text, sizeof text, "fleet %u, epoch %u: %s", fleet, epoch, is);
    return check_differs(c, DIFF_FLEET_KEY, NULL, text, should, e);
}

static enum err_code same(struct check *c, uint16_t fleet, uint16_t epoch, const uint8_t x[32], enum fleet_key_state state,
                          struct err *e)
{
    struct told_key *t = find(c, fleet, epoch);
    char is[65], should[65];

    if (t == NULL)
        return differs(c, fleet, epoch, "a key that no event tells of", "no key", e);
    t->is_row = true;
    hex_encode(x, 32, is);
    hex_encode(t->x, 32, should);
    if (strcmp(is, should) != 0)
        return differs(c, fleet, epoch, is, should, e);
    return state == t->state ? ERR_OK
                             : differs(c, fleet, epoch, fleet_key_state_name(state), fleet_key_state_name(t->state), e);
}

/* The station burns x and puts the other two into the firmware. */
static enum err_code check_rsa(struct check *c, const struct fleet_key *k, struct err *e)
{
    uint8_t pk[REG_RSA_N + REG_RSA_E], digest[32];

    memcpy(pk, k->rsa_n, REG_RSA_N);
    memcpy(pk + REG_RSA_N, k->rsa_e, REG_RSA_E);
    if (EVP_Digest(pk, sizeof pk, digest, NULL, EVP_sha256(), NULL) == 1 && memcmp(digest, k->x, sizeof digest) == 0)
        return ERR_OK;
    return differs(c, k->fleet, k->epoch, "modulus and exponent of another key", "those whose digest is x", e);
}

static enum err_code check_key(void *io, const struct fleet_key *k, struct err *e)
{
    enum err_code rc = k->has_rsa ? check_rsa(io, k, e) : ERR_OK;

    if (rc != ERR_OK)
        return rc;
    return same(io, k->fleet, k->epoch, k->x, k->state, e);
}

static enum err_code check_product(void *io, const struct product *p, struct err *e)
{
    enum err_code rc = p->has_ra ? same(io, p->fleet, RA, p->ra_x, FLEET_KEY_ACTIVE, e) : ERR_OK;

    return rc == ERR_OK && p->has_backup_ra ? same(io, p->fleet, BACKUP_RA, p->backup_ra_x, FLEET_KEY_ACTIVE, e) : rc;
}

enum err_code check_fleets(struct check *c, struct err *e)
{
    enum err_code rc = registry_products(c->r, check_product, c, e);

    if (rc == ERR_OK)
        rc = registry_fleet_key_list(c->r, 0, check_key, c, e);
    for (size_t i = 0; i < c->keys && rc == ERR_OK; i++)
        if (!c->key[i].is_row)
            rc = differs(c, c->key[i].fleet, c->key[i].epoch, "no key", "the key that the log tells of", e);
    return rc;
}
