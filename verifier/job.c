#include "verifier/job.h"

#include <string.h>

#include "db/device_key.h"
#include "db/fault.h"
#include "protocol/bytes.h"
#include "protocol/scheme.h"
#include "verifier/fault.h"

/* ---- refusals ---- */

enum err_code job_refuse(struct job *j, const char *reason)
{
    bytes_wipe(j->out->data, sizeof j->out->data);
    j->out->len = 0;
    j->out->status = FRAME_REFUSED;
    j->out->reason = reason;
    return ERR_OK;
}

enum err_code job_refuse_sealed(struct job *j, enum sealed_result r, struct err *e)
{
    if (r == SEALED_CRYPTO)
        return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "open", NULL, 0, "frame of %zu bytes", j->f.len);
    return job_refuse(j, sealed_result_name(r));
}

enum err_code job_refuse_gone(struct job *j, const char *reason, struct err *e)
{
    struct frame_row row;
    bool stored = false;
    enum err_code rc = registry_frame_find(j->v->registry, j->f.bytes, j->f.len, &row, &stored, e);

    (void)job_refuse(j, reason);
    if (rc != ERR_OK || !stored)
        return rc;
    j->out->status = FRAME_IS_DUPLICATE;
    j->out->reason = "";
    j->out->has_serial = row.serial != 0;
    j->out->serial = row.serial;
    j->out->fleet = row.fleet;
    j->out->scheme = scheme_by_id(row.scheme)->name;
    memcpy(j->out->received, row.received, sizeof j->out->received);
    return ERR_OK;
}

/* ---- who ---- */

/* A frame that is stored already is a duplicate, whatever has ended since. */
enum err_code job_hear(struct job *j, const char **why, struct err *e)
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

enum err_code job_claimed(struct job *j, const uint8_t *serial, size_t len, struct err *e)
{
    enum err_code rc;

    j->out->has_serial = true;
    if (len == 4) {
        j->out->serial = get32(serial);
        rc = registry_device_by_short(j->v->registry, get32(serial), &j->device, e);
    } else {
        j->out->serial = (uint64_t)get32(serial) << 32 | get32(serial + 4);
        rc = registry_device(j->v->registry, j->out->serial, &j->device, e);
    }
    j->has_device = rc == ERR_OK;
    if (j->has_device)
        j->out->serial = j->device.serial;
    return rc;
}

/* ---- recording ---- */

static void fill_row(const struct job *j, struct frame_row *row)
{
    const struct peer *p = j->peer;

    *row = (struct frame_row){ .serial = j->has_device ? j->device.serial : 0,
                               .fleet = p->fleet,
                               .scheme = p->way->scheme,
                               .epoch = j->f.epoch != NULL ? *j->f.epoch : 0,
                               .gen = j->gen,
                               .boot = p->way->by_boot || (p->way->signs && j->is_open) ? j->session.open.boot : 0,
                               .ctr = j->f.counter,
                               .frame_len = (uint16_t)j->f.len };
    memcpy(row->frame, j->f.bytes, j->f.len);
    if (p->way->by_boot)
        registry_boot_session(row->serial, row->gen, row->boot, row->session);
    else
        memcpy(row->session, j->session.open.x, sizeof row->session);
    if (j->is_open)
        memcpy(row->sid, j->session.keys.sid, sizeof row->sid);
}

/* The pin stands with its frame, or neither does. */
static enum err_code record(struct job *j, struct frame_row *row, enum frame_record *what, struct err *e)
{
    struct registry *r = j->v->registry;
    const bool own = j->pins && !registry_batch_is_open(r);
    enum err_code rc = own ? registry_batch_begin(r, e) : ERR_OK;

    if (rc != ERR_OK)
        return rc;
    if (j->pins)
        rc = registry_pin(r, row->serial, j->text.pk, "open", e);
    if (rc == ERR_OK)
        rc = registry_frame_record(r, row, what, e);
    if (own && rc == ERR_OK)
        return registry_batch_commit(r, e);
    if (own)
        registry_batch_drop(r);
    return rc;
}

static const char *not_recorded(enum frame_record what)
{
    return what == FRAME_REPLAY ? "replay" : what == FRAME_CLONE ? "clone" : what == FRAME_ENDED ? "generation-ended" : NULL;
}

/* Two chips have one identity, which only a device's own key can show. */
static enum err_code refuse_clone(struct job *j, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (j->device.state == DEV_DONE)
        rc = registry_quarantine(j->v->registry, j->device.serial, DEV_DONE, "clone", e);
    return rc == ERR_OK ? job_refuse(j, "clone") : rc;
}

static void keep_session(struct job *j, const struct frame_row *row)
{
    struct live_session s = { .serial = row->serial,
                              .fleet = j->peer->fleet,
                              .epoch = j->peer->epoch,
                              .gen = j->gen,
                              .way = j->peer->way,
                              .session = j->session };

    memcpy(s.x, row->session, sizeof s.x);
    session_keep(j->v, &s);
    explicit_bzero(&s, sizeof s);
}

static void tell(struct job *j, const struct frame_row *row)
{
    j->out->scheme = scheme_by_id(j->peer->way->scheme)->name;
    j->out->has_serial = j->has_device;
    j->out->serial = row->serial;
    j->out->fleet = row->fleet;
    j->out->epoch = row->epoch;
    j->out->gen = row->gen;
    j->out->boot = row->boot;
    j->out->may_sign = j->peer->way->signs;
    memcpy(j->out->session, row->session, sizeof j->out->session);
}

/* Recorded: its data may go out. */
static enum err_code give_out(struct job *j, enum frame_record what, const struct frame_row *row)
{
    memcpy(j->out->received, row->received, sizeof j->out->received);
    memcpy(j->out->data, j->text.data, j->text.data_len);
    j->out->len = j->text.data_len;
    j->out->is_signed = j->peer->way->signs && j->text.sig != NULL; /* signer_check saw it */
    j->out->status = what == FRAME_DUPLICATE ? FRAME_IS_DUPLICATE : FRAME_OPENED;
    return ERR_OK;
}

enum err_code job_deliver(struct job *j, struct err *e)
{
    struct frame_row row;
    enum frame_record what = FRAME_NEW;
    const char *why = NULL;
    enum err_code rc;

    fill_row(j, &row);
    tell(j, &row);
    if ((rc = signer_check(j, &why, e)) != ERR_OK)
        return rc;
    if (why != NULL)
        return job_refuse(j, why);
    rc = record(j, &row, &what, e);
    if (rc == ERR_CONFLICT && j->pins && e->fault == &db_fault[DB_KEY_KNOWN])
        return job_refuse(j, "key-known");
    if (rc != ERR_OK)
        return rc;
    if (what == FRAME_CLONE)
        return refuse_clone(j, e);
    if ((why = not_recorded(what)) != NULL)
        return job_refuse(j, why);
    keep_session(j, &row);
    if (j->has_device && j->device.state == DEV_QUARANTINED)
        return job_refuse(j, "quarantined");
    return give_out(j, what, &row);
}

enum err_code job_deliver_named(struct job *j, struct err *e)
{
    const char *why = NULL;
    enum err_code rc;

    if (j->peer->way->is_nobody)
        return job_deliver(j, e);
    rc = job_claimed(j, j->text.serial, j->text.serial_len, e);
    if (rc == ERR_NOINPUT || (rc == ERR_OK && j->device.serial >> 48 != j->peer->fleet))
        return job_refuse(j, "unknown-serial");
    if (rc != ERR_OK || (rc = job_hear(j, &why, e)) != ERR_OK)
        return rc;
    return why != NULL ? job_refuse(j, why) : job_deliver(j, e);
}
