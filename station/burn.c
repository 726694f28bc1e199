#include <string.h>

#include "base/clock.h"
#include "flash/fault.h"
#include "flash/otp.h"
#include "station/task.h"

/* The journal gets the image without its secret, and a digest of it whole: enough to tell that what a repeat makes again is
 * the same.  (CRC and otp_mac stay: of 256 bits they give away 32 and none.) */
enum err_code intent_step(struct task *t, struct err *e)
{
    const struct scheme *s = scheme_by_id(t->s->product->scheme);
    struct device d = t->device;
    enum err_code rc;

    if (t->device.state != DEV_KEYED)
        return ERR_OK;
    if ((rc = image_make(t, e)) != ERR_OK)
        return rc;
    memset(d.image_sha256, 0, sizeof d.image_sha256); /* the line knows not all of an image with holes */
    if (!slots_chip_makes_key(t->s->product) && !otp_image_digest(t->s->crypto, t->image, d.image_sha256))
        return err_set(e, &station_fault[STATION_CRYPTO], "SHA-256", NULL, 0, "image");
    memcpy(d.image, t->image, sizeof d.image);
    if (task_has_secret(t))
        memset(d.image + OTP_OFF_SLOT + s->secret * SLOT_LEN, 0xFF, SLOT_LEN);
    if ((rc = registry_intent(t->s->registry, d.serial, d.image, d.image_sha256, e)) != ERR_OK)
        return rc;
    d.state = DEV_BURNING;
    d.has_image = true;
    task_has(t, &d);
    return ERR_OK;
}

/* The whole image is compared here, the secret's cells as well.  A controller that refuses a pulse has said all: the cell
 * that it refuses may well read as blank. */
static enum err_code look_again(struct task *t, const struct otp_job *job, struct err *e)
{
    const struct err was = *e;
    struct otp_plan now;
    enum err_code rc;

    if (was.fault == &flash_fault[FLASH_OTP_REFUSED])
        return ERR_OK;
    if ((rc = probe_again(t, e)) == ERR_OK)
        rc = otp_plan_make(t->s->chip, job, &now, e);
    if (rc != ERR_DAMAGED && rc != ERR_CONFLICT)
        return unsteady(t, &was, e);
    *e = was;
    return ERR_OK;
}

/* Under an intent, cells that can't become its image are the part's end; a board swapped meanwhile is ERR_INCOMPLETE. */
static enum err_code judge(struct task *t, const struct otp_job *job, enum err_code rc, struct err *e)
{
    if ((rc != ERR_DAMAGED && rc != ERR_CONFLICT) || look_again(t, job, e) != ERR_OK)
        return e->code;
    const struct err was = *e;
    if (rc == ERR_CONFLICT)
        (void)err_set(e, &station_fault[STATION_UNLIKE], was.op, was.source, was.native, "%s: %s", was.fault->name,
                      was.subject);
    return task_quarantine(t, e);
}

static void note_time(void *io, uint32_t done, uint32_t total)
{
    (void)done;
    (void)total;
    *(uint64_t *)io = clock_mono_ns();
}

enum err_code burn_step(struct task *t, struct err *e)
{
    struct otp_image_span in[OTP_SPANS_MAX];
    struct otp_span span[OTP_SPANS_MAX];
    struct otp_job job = { .image = t->image, .span = span };
    struct otp_plan plan;
    uint64_t last_cell = 0;
    enum err_code rc;

    if (t->device.state != DEV_BURNING)
        return ERR_OK;
    if ((rc = image_make(t, e)) != ERR_OK)
        return rc;
    job.n = otp_image_spans(t->image, in);
    for (size_t i = 0; i < job.n; i++)
        span[i] = (struct otp_span){ in[i].offset, in[i].len };
    rc = otp_burn(t->s->chip, &job, t->r->identity.uid, &plan, note_time, &last_cell, e);
    if (rc != ERR_OK)
        rc = judge(t, &job, rc, e);
    t->r->read_back_ns = last_cell > 0 ? clock_mono_ns() - last_cell : 0;
    image_wipe(t);
    t->begun = t->begun || rc == ERR_OK;
    return rc == ERR_OK ? task_advance(t, DEV_BURNING, DEV_VERIFIED, NULL, e) : rc;
}
