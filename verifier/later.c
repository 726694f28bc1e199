/* DATA: of a live session, or of one that is made again from its first frame as it was received. */
#include <string.h>

#include "protocol/bytes.h"
#include "verifier/job.h"

enum err_code session_peer(struct verifier *v, const struct live_session *s, struct device *d, struct peer **p,
                           struct err *e)
{
    struct fleet_key k;
    enum err_code rc = ERR_OK;

    *p = NULL;
    if (s->serial != 0)
        rc = registry_device(v->registry, s->serial, d, e);
    if (rc != ERR_OK)
        return rc;
    if (!s->way->of_fleet)
        return peer_of_device(v, d, p, e);
    if ((rc = registry_fleet_key_get(v->registry, s->fleet, s->epoch, &k, e)) != ERR_OK || !fleet_key_opens(k.state))
        return rc;
    return peer_of_fleet(v, &k, p, e);
}

/* Does this session open it?  *r: what came of the try. */
static enum err_code try_session(struct job *j, const struct live_session *s, enum sealed_result *r, struct err *e)
{
    enum err_code rc = session_peer(j->v, s, &j->device, &j->peer, e);

    if (rc != ERR_OK || j->peer == NULL)
        return rc;
    *r = j->peer->scheme->data(j->v->crypto, &j->peer->side, &s->session, &j->f, &j->text);
    if (*r != SEALED_OK)
        return ERR_OK;
    j->opened = true;
    j->has_device = s->serial != 0;
    j->session = s->session;
    return ERR_OK;
}

static enum err_code opened(struct job *j, struct err *e)
{
    const char *why = NULL;
    enum err_code rc = j->has_device ? job_hear(j, &why, e) : ERR_OK;

    if (rc != ERR_OK)
        return rc;
    return why != NULL ? job_refuse(j, why) : job_deliver(j, e);
}

/* ---- cold ones ---- */

/* In 5 of that generation, if it has not ended: *gen NULL, and *known false. */
static enum err_code find_gen(struct verifier *v, const struct peer *p, uint8_t number, struct peer_gen gen[PEER_GENS_MAX],
                              const struct peer_gen **found, bool *known, struct err *e)
{
    struct peer_gens all;
    size_t n = 0;
    enum err_code rc = p->way->by_boot ? boot_gens(v, p, &all, gen, &n, e) : ERR_OK;

    *found = NULL;
    *known = !p->way->by_boot;
    for (size_t i = 0; i < n && rc == ERR_OK && !*known; i++)
        if ((*known = gen[i].gen == number))
            *found = boot_gen(p, &gen[i]);
    return rc;
}

static enum err_code remake_own(struct verifier *v, const struct frame *f, uint64_t serial, struct live_session *s,
                                struct peer_text *text, enum sealed_result *r, struct err *e)
{
    struct device d;
    struct peer *p = NULL;
    struct peer_gen gens[PEER_GENS_MAX];
    const struct peer_gen *gen = NULL;
    bool known = false;
    enum err_code rc = registry_device(v->registry, serial, &d, e);

    if (rc != ERR_OK || (rc = peer_of_device(v, &d, &p, e)) != ERR_OK || p == NULL ||
        (rc = find_gen(v, p, s->gen, gens, &gen, &known, e)) != ERR_OK || !known)
        return rc;
    if ((rc = session_from_open(v, p, gen, f, &s->session, r, e)) == ERR_OK && *r == SEALED_OK)
        *r = p->scheme->open(v->crypto, &p->side, &s->session, f, NULL, text);
    s->fleet = p->fleet;
    return rc;
}

static enum err_code remake_of_fleet(struct verifier *v, const struct frame *f, uint16_t fleet, struct live_session *s,
                                     struct peer_text *text, enum sealed_result *r, struct err *e)
{
    struct peer *p = NULL;
    enum err_code rc = candidates_try(v, f, fleet, NULL, &p, &s->session, text, r, e);

    if (rc == ERR_OK && p != NULL) {
        s->fleet = p->fleet;
        s->epoch = p->epoch;
    }
    return rc;
}

/* From the first frame as it was received; its text is of no more use.  Its boot number is in it, where it is signed. */
enum err_code session_remake(struct verifier *v, const struct frame_row *row, struct live_session *s, enum sealed_result *r,
                             struct err *e)
{
    struct peer_text text;
    struct frame f;
    enum err_code rc;

    *r = SEALED_FORM;
    *s = (struct live_session){ .serial = row->serial, .gen = row->gen, .way = way_of(row->scheme) };
    memcpy(s->x, row->session, sizeof s->x);
    if (s->way == NULL || frame_parse(row->frame, row->frame_len, &f) != FRAME_OK)
        return ERR_OK;
    rc = s->way->of_fleet ? remake_of_fleet(v, &f, row->fleet, s, &text, r, e)
                          : remake_own(v, &f, row->serial, s, &text, r, e);
    bytes_wipe(&text, sizeof text);
    return rc;
}

static enum err_code collect(void *io, const struct frame_row *row, struct err *e)
{
    struct verifier *v = io;

    (void)e;
    if (v->n_stored < SESSIONS_TRIED && session_of(v, row->session) == NULL)
        v->stored[v->n_stored++] = *row;
    return ERR_OK;
}

static enum err_code try_cold(struct job *j, enum sealed_result *r, struct err *e)
{
    struct verifier *v = j->v;
    struct live_session s = { .used = false };
    enum err_code rc;

    v->n_stored = 0;
    rc = registry_fleet_sessions(v->registry, j->fleet, j->f.kid, j->f.form->kid_len, collect, v, e);
    for (size_t i = 0; i < v->n_stored && rc == ERR_OK && !j->opened; i++) {
        if ((rc = session_remake(v, &v->stored[i], &s, r, e)) == ERR_OK && *r == SEALED_OK)
            rc = try_session(j, &s, r, e);
    }
    bytes_wipe(&s, sizeof s);
    return rc;
}

enum err_code open_later(struct job *j, struct err *e)
{
    enum sealed_result r = SEALED_RESULTS; /* no session was tried */
    struct live_session *s;
    size_t at = 0;
    enum err_code rc = ERR_OK;

    while (!j->opened && rc == ERR_OK && (s = session_next(j->v, &at, j->fleet, j->f.kid, j->f.form->kid_len)) != NULL)
        rc = try_session(j, s, &r, e);
    if (rc == ERR_OK && !j->opened)
        rc = try_cold(j, &r, e);
    if (rc != ERR_OK)
        return rc;
    if (j->opened)
        return opened(j, e);
    return r == SEALED_RESULTS ? job_refuse_gone(j, "no-session", e) : job_refuse_sealed(j, r, e);
}
