#include "verifier/verifier.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "protocol/bytes.h"
#include "protocol/scheme.h"
#include "verifier/cache.h"
#include "verifier/fault.h"

enum { NS_PER_S = 1000000000 };

const char *frame_status_name(enum frame_status s)
{
    static const char *const names[] = {
        [FRAME_OPENED] = "opened", [FRAME_IS_DUPLICATE] = "duplicate", [FRAME_REFUSED] = "refused"
    };
    return names[s];
}

enum err_code verifier_open(struct verifier **out, struct registry *registry, struct hsm *server,
                            const struct crypto *crypto, struct err *e)
{
    struct verifier *v = calloc(1, sizeof *v);

    if (v == NULL)
        return err_errno(e, &verifier_fault[VERIFIER_MEMORY], "calloc", "%zu bytes", sizeof *v);
    v->registry = registry;
    v->server = server;
    v->crypto = crypto;
    *out = v;
    return ERR_OK;
}

void verifier_close(struct verifier *v)
{
    if (v == NULL)
        return;
    peers_wipe(v);
    sessions_wipe(v, UINT64_MAX);
    free(v);
}

/* ---- one frame ---- */

struct job {
    struct verifier *v;
    struct frame f;
    struct opened_frame *out;
    struct device device;
    const uint8_t *x; /* names the session; into the frame, or into a cached session */
    struct peer_session session;
    bool is_open;
};

static enum err_code refuse(struct job *j, const char *reason)
{
    bytes_wipe(j->out->data, sizeof j->out->data);
    j->out->len = 0;
    j->out->status = FRAME_REFUSED;
    j->out->reason = reason;
    return ERR_OK;
}

/* Our own table's failure says nothing about the frame. */
static enum err_code refuse_sealed(struct job *j, enum sealed_result r, struct err *e)
{
    if (r == SEALED_CRYPTO)
        return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "open", NULL, 0, "frame of %zu bytes", j->f.len);
    return refuse(j, sealed_result_name(r));
}

/* May this device be heard?  *why is NULL, or the reason why not.  A quarantined one is heard: deliver() withholds its data.
 * A frame that is stored already is a duplicate, whatever has ended since. */
static enum err_code hear(struct job *j, const char **why, struct err *e)
{
    const enum device_state s = j->device.state;
    struct frame_row row;
    bool stored = false;
    enum err_code rc;

    *why = NULL;
    if (s == DEV_DONE || s == DEV_QUARANTINED)
        return ERR_OK;
    if ((rc = registry_frame_find(j->v->registry, j->f.bytes, j->f.len, &row, &stored, e)) == ERR_OK && !stored)
        *why = s == DEV_VOID ? "unknown-serial" : "not-done";
    return rc;
}

/* It opened: record it, and only then let its data out. */
static enum err_code deliver(struct job *j, struct err *e)
{
    struct frame_row row = { .serial = j->device.serial,
                             .scheme = scheme_by_name(j->out->scheme)->id,
                             .ctr = j->f.counter,
                             .frame_len = (uint16_t)j->f.len };
    enum frame_record what = FRAME_NEW;
    bool found = false;
    enum err_code rc;

    memcpy(row.session, j->x, sizeof row.session);
    memcpy(row.frame, j->f.bytes, j->f.len);
    if (j->is_open)
        memcpy(row.sid, j->session.keys.sid, sizeof row.sid);
    if ((rc = registry_frame_record(j->v->registry, &row, &what, e)) != ERR_OK)
        return rc;
    if (what == FRAME_REPLAY)
        return refuse(j, "replay");
    session_keep(j->v, j->device.serial, row.session, &j->session);
    if (j->device.state == DEV_QUARANTINED)
        return refuse(j, "quarantined");
    if ((rc = registry_frame_find(j->v->registry, j->f.bytes, j->f.len, &row, &found, e)) != ERR_OK)
        return rc;
    memcpy(j->out->received, row.received, sizeof j->out->received);
    j->out->status = what == FRAME_DUPLICATE ? FRAME_IS_DUPLICATE : FRAME_OPENED;
    return ERR_OK;
}

static enum err_code set_device(struct job *j, struct peer **p, struct err *e)
{
    enum err_code rc = peer_get(j->v, &j->device, p, e);

    if (rc != ERR_OK)
        return rc;
    j->out->has_serial = true;
    j->out->serial = j->device.serial;
    j->out->scheme = scheme_by_id((*p)->scheme)->name;
    return ERR_OK;
}

/* The data of what opened; the rest of the text is wiped. */
static void take_text(struct job *j, struct peer_text *text)
{
    memcpy(j->out->data, text->data, text->data_len);
    j->out->len = text->data_len;
    bytes_wipe(text, sizeof *text);
}

/* ---- OPEN ---- */

/* The serial as the frame claims it: whole, or its low half. */
static enum err_code claimed_device(struct job *j, struct err *e)
{
    const uint8_t *kid = j->f.kid;

    j->out->has_serial = true;
    if (j->f.form->kid_len == 4) {
        j->out->serial = get32(kid);
        return registry_device_by_short(j->v->registry, get32(kid), &j->device, e);
    }
    j->out->serial = (uint64_t)get32(kid) << 32 | get32(kid + 4);
    return registry_device(j->v->registry, j->out->serial, &j->device, e);
}

static enum err_code open_first(struct job *j, struct err *e)
{
    struct peer_text text;
    struct peer *p = NULL;
    enum sealed_result r = SEALED_OK;
    const char *why = NULL;
    enum err_code rc = claimed_device(j, e);

    if (rc == ERR_NOINPUT)
        return refuse(j, "unknown-serial");
    if (rc != ERR_OK || (rc = hear(j, &why, e)) != ERR_OK)
        return rc;
    if (why != NULL)
        return refuse(j, why);
    if ((rc = set_device(j, &p, e)) != ERR_OK || (rc = session_from_open(j->v, p, &j->f, &j->session, &r, e)) != ERR_OK)
        return rc;
    if (r == SEALED_OK)
        r = peer_sealed.open(j->v->crypto, &p->sealed, &j->session, &j->f, NULL, &text);
    if (r == SEALED_OK)
        take_text(j, &text);
    if (r != SEALED_OK)
        return refuse_sealed(j, r, e);
    j->x = j->f.x;
    j->is_open = true;
    return deliver(j, e);
}

/* ---- DATA ---- */

/* Does this session open it?  *r: what came of the try. */
static enum err_code try_session(struct job *j, uint64_t serial, const struct peer_session *s, enum sealed_result *r,
                                 struct err *e)
{
    struct peer_text text;
    struct peer *p = NULL;
    enum err_code rc;

    if ((rc = registry_device(j->v->registry, serial, &j->device, e)) != ERR_OK ||
        (rc = peer_get(j->v, &j->device, &p, e)) != ERR_OK)
        return rc;
    *r = peer_sealed.data(j->v->crypto, &p->sealed, s, &j->f, &text);
    if (*r != SEALED_OK)
        return ERR_OK;
    take_text(j, &text);
    return set_device(j, &p, e);
}

static enum err_code data_opened(struct job *j, const uint8_t x[P256_LEN], const struct peer_session *s, struct err *e)
{
    const char *why = NULL;
    enum err_code rc = hear(j, &why, e);

    if (rc != ERR_OK)
        return rc;
    if (why != NULL)
        return refuse(j, why);
    j->x = x;
    j->session = *s;
    return deliver(j, e);
}

/* A session that is not live: made again from its OPEN as it was received. */
static enum err_code remake(struct job *j, const struct frame_row *row, struct peer_session *s, enum sealed_result *r,
                            struct err *e)
{
    struct peer *p = NULL;
    struct frame f;
    enum err_code rc;

    *r = SEALED_FORM;
    if (frame_parse(row->frame, row->frame_len, &f) != FRAME_OK)
        return ERR_OK;
    if ((rc = registry_device(j->v->registry, row->serial, &j->device, e)) != ERR_OK ||
        (rc = peer_get(j->v, &j->device, &p, e)) != ERR_OK)
        return rc;
    return session_from_open(j->v, p, &f, s, r, e);
}

static enum err_code collect(void *io, const struct frame_row *row, struct err *e)
{
    struct verifier *v = io;

    (void)e;
    if (v->n_stored < SESSIONS_TRIED && session_of(v, row->session) == NULL)
        v->stored[v->n_stored++] = *row;
    return ERR_OK;
}

static enum err_code open_cold(struct job *j, enum sealed_result *r, bool *opened, struct err *e)
{
    struct verifier *v = j->v;
    struct peer_session s;
    enum err_code rc;

    v->n_stored = 0;
    rc = registry_sessions(v->registry, j->f.kid, j->f.form->kid_len, collect, v, e);
    for (size_t i = 0; i < v->n_stored && rc == ERR_OK && !*opened; i++) {
        enum sealed_result tried = SEALED_FORM;
        if ((rc = remake(j, &v->stored[i], &s, &tried, e)) == ERR_OK && tried == SEALED_OK)
            rc = try_session(j, v->stored[i].serial, &s, &tried, e);
        *r = tried;
        *opened = rc == ERR_OK && tried == SEALED_OK;
        if (*opened)
            rc = data_opened(j, v->stored[i].session, &s, e);
    }
    bytes_wipe(&s, sizeof s);
    return rc;
}

static enum err_code open_data(struct job *j, struct err *e)
{
    enum sealed_result r = SEALED_RESULTS; /* no session was tried */
    struct live_session *s;
    bool opened = false;
    size_t at = 0;
    enum err_code rc;

    while ((s = session_next(j->v, &at, j->f.kid, j->f.form->kid_len)) != NULL) {
        if ((rc = try_session(j, s->serial, &s->session, &r, e)) != ERR_OK)
            return rc;
        if (r == SEALED_OK)
            return data_opened(j, s->x, &s->session, e);
    }
    if ((rc = open_cold(j, &r, &opened, e)) != ERR_OK || opened)
        return rc;
    return r == SEALED_RESULTS ? refuse(j, "no-session") : refuse_sealed(j, r, e);
}

/* Frames that exist, and that this room can't open: other schemes' first frames, and what goes down. */
static bool spoken(const struct frame *f)
{
    return f->form->kind == FRAME_OPEN ? f->form->scheme == 1 : f->form->kind == FRAME_DATA && !f->boot;
}

enum err_code verifier_frame(struct verifier *v, const uint8_t *frame, size_t len, struct opened_frame *out, struct err *e)
{
    struct job j = { .v = v, .out = out };
    const uint64_t now = clock_mono_ns();
    enum frame_result parsed;
    enum err_code rc;

    *out = (struct opened_frame){ .status = FRAME_REFUSED, .reason = "", .scheme = "" };
    sessions_wipe(v, now > (uint64_t)SESSION_IDLE_S * NS_PER_S ? now - (uint64_t)SESSION_IDLE_S * NS_PER_S : 0);
    if ((parsed = frame_parse(frame, len, &j.f)) != FRAME_OK)
        return refuse(&j, frame_result_name(parsed));
    out->counter = j.f.counter;
    if (!spoken(&j.f))
        return refuse(&j, sealed_result_name(SEALED_FORM));
    rc = j.f.form->kind == FRAME_OPEN ? open_first(&j, e) : open_data(&j, e);
    bytes_wipe(&j.session, sizeof j.session);
    if (rc != ERR_OK) /* nothing that was not recorded gets out */
        (void)refuse(&j, "");
    return rc;
}
