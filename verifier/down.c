/* What a device that was just heard should hear: the fleet's newest ROTATE, its own pending REKEY.  A one-way product hears
 * nothing: what is meant for it goes to no phone. */
#include <string.h>

#include "db/generation.h"
#include "protocol/counter.h"
#include "protocol/rekey.h"
#include "protocol/scheme.h"
#include "verifier/cache.h"
#include "verifier/verifier.h"

static bool is_lost(const struct opened_frame *o)
{
    return o->status == FRAME_REFUSED && strcmp(o->reason, "flash-lost") == 0;
}

/* ---- ROTATE ---- */

static enum err_code rotate(struct verifier *v, const struct opened_frame *o, const struct frame_sink *sink, struct err *e)
{
    struct fleet_key k;
    struct product p;
    bool found = false;
    enum err_code rc = registry_fleet_rotate(v->registry, o->fleet, &k, &found, e);

    if (rc != ERR_OK || !found || k.epoch <= o->epoch)
        return rc;
    if ((rc = registry_product_by_fleet(v->registry, o->fleet, &p, e)) == ERR_OK && (p.policy & POLICY_ONE_WAY) == 0)
        sink->add(sink->io, k.rotate, sizeof k.rotate);
    return rc;
}

/* ---- REKEY ---- */

/* The pending generation; after a loss of flash with none pending, the current one, which the device has forgotten.
 * False: it has all that there is. */
static bool rekey_to(const struct generations *g, const struct opened_frame *o, struct rekey *to)
{
    const bool lost = is_lost(o);

    if (!g->has_pending && (!lost || g->gen == 0))
        return false;
    to->gen = g->has_pending ? (uint8_t)(g->gen + 1) : g->gen;
    memcpy(to->salt, g->has_pending ? g->pending_salt : g->salt, sizeof to->salt);
    return lost || o->gen < to->gen;
}

/* The device takes the MAC of its own nvm_loss alone: the highest that any of its frames has shown. */
static uint8_t nvm_loss_of(const struct device_seen *s, const struct opened_frame *o)
{
    uint8_t n = s->nvm_loss > s->lost ? s->nvm_loss : s->lost;

    return boot_nvm_loss(o->boot) > n ? boot_nvm_loss(o->boot) : n;
}

static enum err_code make_rekey(const struct peer *p, const struct rekey *to, uint8_t nvm_loss, uint8_t frame[REKEY_LEN],
                                struct err *e)
{
    uint8_t input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    enum err_code rc;

    rekey_head(p->side.serial, to, frame);
    rekey_input(&p->side.profile, nvm_loss, frame, input);
    if ((rc = hsm_hmac(p->mac, input, sizeof input, mac, e)) == ERR_OK)
        rekey_finish(mac, frame);
    return rc;
}

static enum err_code rekey(struct verifier *v, const struct opened_frame *o, const struct frame_sink *sink, struct err *e)
{
    struct generations g;
    struct device_seen seen;
    struct device d;
    struct rekey to;
    struct peer *p = NULL;
    uint8_t frame[REKEY_LEN];
    enum err_code rc = registry_gen(v->registry, o->serial, &g, e);

    if (rc != ERR_OK || !rekey_to(&g, o, &to))
        return rc;
    if ((rc = registry_seen(v->registry, o->serial, &seen, e)) != ERR_OK ||
        (rc = registry_device(v->registry, o->serial, &d, e)) != ERR_OK || (rc = peer_of_device(v, &d, &p, e)) != ERR_OK ||
        p == NULL || p->one_way)
        return rc;
    if ((rc = make_rekey(p, &to, nvm_loss_of(&seen, o), frame, e)) == ERR_OK)
        sink->add(sink->io, frame, sizeof frame);
    return rc;
}

enum err_code verifier_down(struct verifier *v, const struct opened_frame *o, const struct frame_sink *sink, struct err *e)
{
    const struct scheme *s = scheme_by_name(o->scheme);

    if (s == NULL || (o->status == FRAME_REFUSED && !is_lost(o)))
        return ERR_OK;
    if (s->id == 5)
        return rekey(v, o, sink, e);
    return o->epoch != 0 ? rotate(v, o, sink, e) : ERR_OK;
}
