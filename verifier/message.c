/* Application data for devices: it waits wrapped, and goes down in the session in which its device was just heard. */
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/scheme.h"
#include "verifier/at_rest.h"
#include "verifier/fault.h"
#include "verifier/job.h"

enum { MESSAGES_MAX = 32 /* of one request, so that its answer has room for all, and for ROTATE and REKEY */ };

enum err_code verifier_message_queue(struct verifier *v, uint64_t serial, const uint8_t *data, size_t len, unsigned sessions,
                                     uint64_t *id, struct err *e)
{
    uint8_t payload[DOWN_PAYLOAD_MAX];
    enum err_code rc = at_rest_wrap(v, serial, data, len, payload, e);

    return rc == ERR_OK ? registry_down_queue(v->registry, serial, payload, len + MESSAGE_OVERHEAD, sessions, id, e) : rc;
}

/* ---- whose session ---- */

/* False: none is known that a DOWN could be sent in. */
static bool session_row(const struct opened_frame *o, struct frame_row *row)
{
    const struct scheme *s = scheme_by_name(o->scheme);

    if (s == NULL || !o->has_serial || o->status == FRAME_REFUSED || bytes_all(o->session, sizeof o->session, 0))
        return false;
    *row = (struct frame_row){ .serial = o->serial, .fleet = o->fleet, .scheme = s->id, .gen = o->gen, .boot = o->boot };
    memcpy(row->session, o->session, sizeof row->session);
    return true;
}

/* Live, or made again: many devices may have been heard in one request.  *found false: its key is gone. */
static enum err_code find_session(struct verifier *v, const struct frame_row *row, struct live_session *s, bool *found,
                                  struct err *e)
{
    const struct live_session *live = session_of(v, row->session);
    struct frame_row first;
    enum sealed_result r = SEALED_FORM;
    enum err_code rc;

    *found = live != NULL;
    if (live != NULL)
        *s = *live;
    if (live != NULL || (rc = registry_session_first(v->registry, row, &first, found, e)) != ERR_OK || !*found)
        return live != NULL ? ERR_OK : rc;
    rc = session_remake(v, &first, s, &r, e);
    *found = r == SEALED_OK;
    return rc;
}

/* ---- sending ---- */

struct sending {
    struct verifier *v;
    struct frame_row row;
    struct live_session session;
    struct down d;
    uint8_t data[MESSAGE_MAX];
    size_t len;
};

/* All that can fail comes before a counter is used up.  *ready false: nothing is to be sent. */
static enum err_code prepare(struct sending *s, struct peer **p, bool *ready, struct err *e)
{
    struct device device;
    enum err_code rc = registry_down_peek(s->v->registry, &s->row, &s->d, ready, e);

    if (rc != ERR_OK || !*ready || (rc = find_session(s->v, &s->row, &s->session, ready, e)) != ERR_OK || !*ready ||
        (rc = session_peer(s->v, &s->session, &device, p, e)) != ERR_OK)
        return rc;
    *ready = *p != NULL && device.state == DEV_DONE;
    return *ready ? at_rest_unwrap(s->v, &s->d, s->data, &s->len, e) : ERR_OK;
}

/* Another worker may have taken the one that was looked at. */
static enum err_code take(struct sending *s, bool *taken, struct err *e)
{
    const uint64_t looked_at = s->d.id;
    enum err_code rc = registry_down_take(s->v->registry, &s->row, &s->d, taken, e);

    if (rc == ERR_NO) /* this session's counters are used up, or its past is not known: it waits for another */
        return ERR_OK;
    return rc == ERR_OK && *taken && s->d.id != looked_at ? at_rest_unwrap(s->v, &s->d, s->data, &s->len, e) : rc;
}

static enum err_code seal(struct sending *s, const struct peer *p, const struct frame_sink *sink, struct err *e)
{
    uint8_t frame[FRAME_MAX];
    size_t len = 0;

    if (p->scheme->down(s->v->crypto, &p->side, &s->session.session, s->d.ctr, s->data, s->len, frame, sizeof frame, &len) !=
        SEALED_OK)
        return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "seal", NULL, 0, "message %llu", (unsigned long long)s->d.id);
    sink->add(sink->io, frame, len);
    return ERR_OK;
}

static enum err_code send(struct verifier *v, const struct opened_frame *o, const struct frame_sink *sink, unsigned *sent,
                          struct err *e)
{
    struct sending s = { .v = v };
    struct peer *p = NULL;
    bool go = session_row(o, &s.row);
    enum err_code rc = go ? prepare(&s, &p, &go, e) : ERR_OK;

    if (rc == ERR_OK && go && (rc = take(&s, &go, e)) == ERR_OK && go && (rc = seal(&s, p, sink, e)) == ERR_OK)
        ++*sent;
    bytes_wipe(&s, sizeof s);
    return rc;
}

/* ---- after a request ---- */

/* Those that came again first: they make the others unsure. */
static enum err_code hear(struct verifier *v, const struct opened_frame *o, size_t n, enum frame_status status,
                          struct err *e)
{
    struct frame_row row;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        if (o[i].status == status && session_row(&o[i], &row))
            rc = registry_down_heard(v->registry, &row, status == FRAME_IS_DUPLICATE, e);
    return rc;
}

/* Phones send the oldest first: only in the device's last session is it worth a try. */
static bool is_last_of_its_device(const struct opened_frame *o, size_t i, size_t n)
{
    for (size_t later = i + 1; later < n; later++)
        if (o[later].status == FRAME_OPENED && o[later].has_serial && o[later].serial == o[i].serial)
            return false;
    return o[i].status == FRAME_OPENED;
}

enum err_code verifier_messages(struct verifier *v, const struct opened_frame *o, size_t n, const struct frame_sink *sink,
                                struct err *e)
{
    bool any = false;
    unsigned sent = 0;
    enum err_code rc = registry_down_any(v->registry, &any, e);

    if (rc != ERR_OK || !any || (rc = hear(v, o, n, FRAME_IS_DUPLICATE, e)) != ERR_OK ||
        (rc = hear(v, o, n, FRAME_OPENED, e)) != ERR_OK)
        return rc;
    for (size_t i = 0; i < n && sent < MESSAGES_MAX; i++) {
        struct err own;
        if (!is_last_of_its_device(o, i, n) || send(v, &o[i], sink, &sent, &own) == ERR_OK)
            continue;
        *e = own; /* one device's message must not hold up those of others */
        rc = own.code;
    }
    return rc;
}
