/* First frames that open a session: under a device's own key (1), or under a fleet's in one epoch (2, 3, 6, 8). */
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/scheme.h"
#include "verifier/fault.h"
#include "verifier/job.h"

/* ---- under a device's own key ---- */

static enum err_code open_own(struct job *j, struct err *e)
{
    enum sealed_result r = SEALED_FORM;
    const char *why = NULL;
    enum err_code rc = job_claimed(j, j->f.kid, j->f.form->kid_len, e);

    if (rc == ERR_NOINPUT)
        return job_refuse(j, "unknown-serial");
    if (rc != ERR_OK || (rc = job_hear(j, &why, e)) != ERR_OK)
        return rc;
    if (why != NULL)
        return job_refuse(j, why);
    if ((rc = peer_of_device(j->v, &j->device, &j->peer, e)) != ERR_OK)
        return rc;
    if (j->peer == NULL || j->peer->way->by_boot)
        return job_refuse_sealed(j, SEALED_FORM, e);
    j->out->scheme = scheme_by_id(j->peer->way->scheme)->name;
    if ((rc = session_from_open(j->v, j->peer, NULL, &j->f, &j->session, &r, e)) != ERR_OK)
        return rc;
    if (r == SEALED_OK)
        r = j->peer->scheme->open(j->v->crypto, &j->peer->side, &j->session, &j->f, NULL, &j->text);
    return r == SEALED_OK ? job_deliver(j, e) : job_refuse_sealed(j, r, e);
}

/* ---- under a fleet's ---- */

struct finding {
    struct verifier *v;
    const struct frame *f;
    uint16_t fleet;
    bool rsa;
    struct candidates *out;
};

static enum err_code candidate(void *io, const struct fleet_key *k, struct err *e)
{
    struct finding *at = io;
    struct product product;
    enum err_code rc;

    if (at->out->n == CANDIDATES_MAX || (at->fleet != 0 && k->fleet != at->fleet) || (k->suite == SUITE_RSA) != at->rsa)
        return ERR_OK;
    if ((rc = registry_product_by_fleet(at->v->registry, k->fleet, &product, e)) != ERR_OK)
        return rc;
    if (product.scheme == at->f->form->scheme)
        at->out->key[at->out->n++] = *k;
    return ERR_OK;
}

enum err_code candidates_find(struct verifier *v, const struct frame *f, uint16_t fleet, struct candidates *out,
                              struct err *e)
{
    struct finding at = { v, f, fleet, f->epoch == NULL, out };

    return registry_fleet_key_usable(v->registry, at.rsa ? 0 : *f->epoch, 0, candidate, &at, e);
}

static enum err_code try_key(struct verifier *v, const struct frame *f, const struct fleet_key *k, const uint8_t *proof,
                             struct peer **p, struct peer_session *s, struct peer_text *text, enum sealed_result *r,
                             struct err *e)
{
    enum err_code rc = peer_of_fleet(v, k, p, e);

    if (rc == ERR_OK)
        rc = session_from_open(v, *p, NULL, f, s, r, e);
    if (rc == ERR_OK && *r == SEALED_OK)
        *r = (*p)->scheme->open(v->crypto, &(*p)->side, s, f, proof, text);
    if (rc != ERR_OK || *r != SEALED_OK)
        *p = NULL;
    return rc;
}

/* A fleet whose key the token lacks hides no other fleet's frame: that is a failure only if nobody opens it. */
enum err_code candidates_try(struct verifier *v, const struct frame *f, uint16_t fleet, const uint8_t *proof,
                             struct peer **p, struct peer_session *s, struct peer_text *text, enum sealed_result *r,
                             struct err *e)
{
    struct candidates who = { .n = 0 };
    struct err own;
    enum err_code failed = ERR_OK, rc = candidates_find(v, f, fleet, &who, e);

    *p = NULL;
    *r = SEALED_RESULTS; /* nobody was tried */
    for (size_t i = 0; i < who.n && rc == ERR_OK && *p == NULL; i++) {
        rc = try_key(v, f, &who.key[i], proof, p, s, text, r, &own);
        if (rc != ERR_OK)
            *e = own;
        if (rc != ERR_OK && own.fault == &verifier_fault[VERIFIER_FLEET_KEY]) {
            failed = rc;
            rc = ERR_OK;
        }
    }
    return rc == ERR_OK && *p == NULL ? failed : rc;
}

static enum err_code open_of_fleet(struct job *j, struct err *e)
{
    enum sealed_result r;
    enum err_code rc = candidates_try(j->v, &j->f, j->fleet, NULL, &j->peer, &j->session, &j->text, &r, e);

    if (rc != ERR_OK)
        return rc;
    if (r == SEALED_RESULTS)
        return job_refuse_gone(j, "no-key", e);
    return j->peer != NULL ? job_deliver_named(j, e) : job_refuse_sealed(j, r, e);
}

enum err_code open_first(struct job *j, struct err *e)
{
    const struct way *way = way_of(j->f.form->scheme);

    if (way == NULL)
        return job_refuse_sealed(j, SEALED_FORM, e);
    j->is_open = true;
    return way->of_fleet ? open_of_fleet(j, e) : open_own(j, e);
}
