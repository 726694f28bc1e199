#include "server/engine.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/fault.h"
#include "protocol/bytes.h"
#include "server/fault.h"
#include "verifier/fault.h"

struct engine {
    struct engine_parts p;
    struct verifier *verifier;
    struct body body;
    struct opened_frame opened[BODY_FRAMES_MAX];
    struct down_list down;
};

enum err_code engine_open(struct engine **out, const struct engine_parts *parts, struct err *e)
{
    struct engine *g = calloc(1, sizeof *g);
    enum err_code rc;

    if (g == NULL)
        return err_errno(e, &server_fault[SERVER_MEMORY], "calloc", "%zu bytes", sizeof *g);
    g->p = *parts;
    if ((rc = parts->verifier(parts->io, &g->verifier, e)) != ERR_OK) {
        free(g);
        return rc;
    }
    *out = g;
    return ERR_OK;
}

void engine_close(struct engine *g)
{
    if (g == NULL)
        return;
    verifier_close(g->verifier);
    bytes_wipe(g, sizeof *g); /* the last request's data */
    free(g);
}

/* ---- receipts ---- */

/* Recorded, now or before: the sender need not keep it.  Quarantined: recorded and withheld.  Flash lost: an answer waits.
 */
static bool has_receipt(const struct opened_frame *o)
{
    return o->status != FRAME_REFUSED || strcmp(o->reason, "quarantined") == 0 || strcmp(o->reason, "flash-lost") == 0;
}

static enum err_code put_receipts(struct engine *g, struct answer *a, struct err *e)
{
    uint8_t digest[32];

    a->len = 0;
    a->refused = 0;
    for (size_t i = 0; i < g->body.n; i++) {
        const bool good = has_receipt(&g->opened[i]);
        if (EVP_Digest(g->body.frame[i].at, g->body.frame[i].len, digest, NULL, EVP_sha256(), NULL) != 1)
            return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "SHA-256", NULL, 0, "a receipt");
        a->refused += !good;
        a->bytes[a->len] = good;
        memcpy(a->bytes + a->len + 1, digest, RECEIPT_LEN - 1);
        a->len += RECEIPT_LEN;
    }
    return ERR_OK;
}

/* The receipts are true without them: what waits goes on waiting. */
static void put_down(struct engine *g, struct answer *a)
{
    struct err e;

    g->down.len = 0;
    g->down.n = 0;
    if (g->body.n == 0)
        return;
    if (g->p.down->waiting(g->p.down->io, g->verifier, g->opened, g->body.n, &g->down, &e) != ERR_OK)
        metrics_add(&g->p.metrics->down_failed, 1);
    memcpy(a->bytes + a->len, g->down.bytes, g->down.len);
    a->len += g->down.len;
    metrics_add(&g->p.metrics->down, g->down.n);
}

/* ---- the frames ---- */

/* Wrong with one device's rows, not with us: its frames wait at their sender, and those of others go on. */
static bool is_of_one_device(const struct err *e)
{
    return e->fault == &verifier_fault[VERIFIER_KEY_ROWS] || e->fault == &verifier_fault[VERIFIER_OTHER_KEK] ||
           e->fault == &verifier_fault[VERIFIER_FLEET_KEY] || e->fault == &hsm_fault[HSM_BLOB_BAD];
}

static enum err_code open_frames(struct engine *g, uint16_t fleet, struct err *e)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < g->body.n && rc == ERR_OK; i++) {
        struct opened_frame *o = &g->opened[i];
        rc = verifier_frame_of(g->verifier, fleet, g->body.frame[i].at, g->body.frame[i].len, o, e);
        if (rc != ERR_OK && is_of_one_device(e)) {
            o->reason = e->fault->name;
            rc = ERR_OK;
        }
    }
    return rc;
}

/* One transaction; after a failure the verifier may know sessions that the registry does not. */
static enum err_code record_all(struct engine *g, uint16_t fleet, struct err *e)
{
    struct err second;
    enum err_code rc = registry_batch_begin(g->p.registry, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = open_frames(g, fleet, e)) != ERR_OK)
        registry_batch_drop(g->p.registry);
    else
        rc = registry_batch_commit(g->p.registry, e);
    if (rc == ERR_OK)
        return ERR_OK;
    verifier_close(g->verifier);
    g->verifier = NULL;
    (void)g->p.verifier(g->p.io, &g->verifier, &second); /* without one, the next request tries again */
    return rc;
}

static enum err_code show_all(struct engine *g, struct err *e)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < g->body.n && rc == ERR_OK; i++)
        if (g->opened[i].status != FRAME_REFUSED)
            rc = g->p.show(g->p.io, &g->opened[i], e);
    if (rc != ERR_OK)
        metrics_add(&g->p.metrics->show_failed, 1);
    return rc;
}

static void count(struct engine *g)
{
    struct metrics *m = g->p.metrics;

    for (size_t i = 0; i < g->body.n; i++) {
        const struct opened_frame *o = &g->opened[i];
        if (o->status == FRAME_REFUSED)
            metrics_reason(m, o->reason);
        else
            metrics_add(o->status == FRAME_OPENED ? &m->opened : &m->duplicate, 1);
    }
}

static enum err_code answer_all(struct engine *g, uint16_t fleet, struct answer *a, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (g->verifier == NULL)
        rc = g->p.verifier(g->p.io, &g->verifier, e);
    if (rc == ERR_OK && g->body.n > 0)
        rc = record_all(g, fleet, e);
    if (rc != ERR_OK)
        return rc;
    count(g);
    if ((rc = show_all(g, e)) != ERR_OK || (rc = put_receipts(g, a, e)) != ERR_OK)
        return rc;
    put_down(g, a);
    return ERR_OK;
}

enum engine_result engine_request(struct engine *g, long fleet, const uint8_t *body, size_t len, struct answer *answer,
                                  struct err *e)
{
    if (!body_parse(body, len, &g->body))
        return ENGINE_BAD_BODY;
    const enum err_code rc = answer_all(g, fleet == NO_FLEET ? 0 : (uint16_t)fleet, answer, e);
    for (size_t i = 0; i < g->body.n; i++)
        bytes_wipe(g->opened[i].data, sizeof g->opened[i].data);
    return rc == ERR_OK ? ENGINE_ANSWER : ENGINE_FAILED;
}

void engine_idle(struct engine *g)
{
    if (g->verifier != NULL)
        verifier_idle(g->verifier);
}

bool engine_is_lost(const struct err *e)
{
    return e->code != ERR_RETRY || (e->fault >= &hsm_fault[0] && e->fault < &hsm_fault[HSM_FAULTS]);
}
