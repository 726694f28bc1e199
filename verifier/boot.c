/* Schemes 4 and 5: each frame names its device and its boot; in 5 the server tries the generations that it knows. */
#include <string.h>

#include "db/generation.h"
#include "protocol/counter.h"
#include "protocol/scheme.h"
#include "verifier/job.h"

enum err_code boot_gens(struct verifier *v, const struct peer *p, struct peer_gens *known,
                        struct peer_gen out[PEER_GENS_MAX], size_t *n, struct err *e)
{
    struct generations g = { .gen = 0 };
    struct device_seen seen = { .epoch = 0 };
    enum err_code rc = ERR_OK;

    if (p->way->scheme == 5 && (rc = registry_gen(v->registry, p->serial, &g, e)) == ERR_OK)
        rc = registry_seen(v->registry, p->serial, &seen, e);
    if (rc != ERR_OK)
        return rc;
    *known = (struct peer_gens){ .current.gen = g.gen, .nvm_loss = seen.nvm_loss };
    memcpy(known->current.salt, g.salt, sizeof g.salt);
    if (g.has_pending) {
        known->pending.gen = (uint8_t)(g.gen + 1);
        memcpy(known->pending.salt, g.pending_salt, sizeof g.pending_salt);
    }
    *n = peer_boot_gens(known, out);
    return ERR_OK;
}

const struct peer_gen *boot_gen(const struct peer *p, const struct peer_gen *gen)
{
    return p->way->scheme == 5 ? gen : NULL;
}

/* The boot's session under that generation: live, or made in the token. */
static enum err_code session_of_boot(struct job *j, const struct peer_gen *gen, enum sealed_result *r, struct err *e)
{
    const uint8_t *b = j->f.boot;
    const struct live_session *live;
    uint8_t name[P256_LEN];

    registry_boot_session(j->peer->serial, gen->gen, (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2], name);
    if ((live = session_of(j->v, name)) == NULL)
        return session_from_open(j->v, j->peer, boot_gen(j->peer, gen), &j->f, &j->session, r, e);
    j->session = live->session;
    *r = SEALED_OK;
    return ERR_OK;
}

static enum err_code refuse_lost(struct job *j, struct err *e)
{
    const uint32_t boot = j->session.open.boot;
    enum err_code rc = registry_flash_lost(j->v->registry, j->device.serial, boot_nvm_loss(boot), e);

    j->out->fleet = j->peer->fleet;
    j->out->boot = boot;
    return rc == ERR_OK ? job_refuse(j, "flash-lost") : rc;
}

/* It opened under one generation.  One that has ended is the registry's to refuse: a stored frame stays a duplicate. */
static enum err_code opened_at(struct job *j, const struct peer_gens *known, struct err *e)
{
    return peer_boot_means(known, j->gen, j->session.open.boot) == PEER_BOOT_LOST ? refuse_lost(j, e) : job_deliver(j, e);
}

static enum err_code try_gens(struct job *j, struct err *e)
{
    struct peer_gens known;
    struct peer_gen gen[PEER_GENS_MAX];
    size_t n = 0;
    enum sealed_result r = SEALED_FORM;
    enum err_code rc = boot_gens(j->v, j->peer, &known, gen, &n, e);

    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        if ((rc = session_of_boot(j, &gen[i], &r, e)) == ERR_OK && r == SEALED_OK)
            r = j->peer->scheme->data(j->v->crypto, &j->peer->side, &j->session, &j->f, &j->text);
        j->gen = gen[i].gen;
        if (rc == ERR_OK && r == SEALED_OK)
            return opened_at(j, &known, e);
    }
    if (rc != ERR_OK)
        return rc;
    return r == SEALED_AUTH ? job_refuse_gone(j, sealed_result_name(r), e) : job_refuse_sealed(j, r, e);
}

enum err_code open_boot(struct job *j, struct err *e)
{
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
    if (j->peer == NULL || !j->peer->way->by_boot)
        return job_refuse_sealed(j, SEALED_FORM, e);
    j->out->scheme = scheme_by_id(j->peer->way->scheme)->name;
    return try_gens(j, e);
}
