/* What the chip's OTP holds, as the recovery table names it. */
#include <string.h>

#include "flash/otp.h"
#include "protocol/bytes.h"
#include "station/task.h"

struct cells {
    uint8_t bytes[CHIP_OTP_MAX];
    enum otp_cell_state state[CHIP_OTP_MAX];
};

/* ---- no intent: whatever is there is not ours ---- */

static uint32_t cells_of_a_new_image(const struct task *t)
{
    uint32_t unused = 0;

    for (unsigned i = 0; i < SLOTS; i++)
        unused += slot_rule(t->s->product, i).from == FROM_NOTHING;
    return (OTP_IMAGE_LEN - unused * SLOT_LEN) / t->s->chip->desc->otp.cell;
}

/* All of the area, not the image's part alone: a run-time cell that is burned makes a device that never starts. */
static enum err_code find_stranger(struct task *t, enum otp_found *found, struct err *e)
{
    const struct chip_desc *d = t->s->chip->desc;
    const uint32_t n = d->otp.size / d->otp.cell;
    struct cells c = { { 0 }, { OTP_CELL_READ } };
    uint32_t locked = 0, lock_torn = 0;
    enum err_code rc;

    if ((rc = chip_otp_lock_bytes(t->s->chip, &locked, &lock_torn, e)) != ERR_OK ||
        (rc = chip_otp_read(t->s->chip, 0, n, c.bytes, c.state, e)) != ERR_OK)
        return rc;
    *found = lock_torn != 0 ? FOUND_TORN : locked != 0 ? FOUND_OTHER : FOUND_BLANK;
    for (uint32_t i = 0; i < n; i++)
        if (c.state[i] != OTP_CELL_READ)
            *found = FOUND_TORN;
        else if (*found == FOUND_BLANK && !bytes_all(c.bytes + i * d->otp.cell, d->otp.cell, 0xFF))
            *found = FOUND_OTHER;
    explicit_bzero(&c, sizeof c);
    return ERR_OK;
}

/* ---- an intent: compare with its image ---- */

/* Byte range of the slot whose value the journal does not hold; length 0 if there is none. */
static struct otp_span secret_span(const struct task *t)
{
    const struct scheme *s = scheme_by_id(t->device.image[OTP_OFF_SCHEME]);

    if (!task_has_secret(t))
        return (struct otp_span){ 0, 0 };
    return (struct otp_span){ (uint16_t)(OTP_OFF_SLOT + s->secret * SLOT_LEN), SLOT_LEN };
}

/* The spans of the image, in burn order, cut around the secret slot. */
static size_t known_spans(const struct otp_image_span *in, size_t n, struct otp_span secret, struct otp_span *out)
{
    size_t made = 0;

    for (size_t i = 0; i < n; i++) {
        const uint16_t end = (uint16_t)(in[i].offset + in[i].len), s_end = (uint16_t)(secret.offset + secret.len);
        if (secret.len == 0 || secret.offset < in[i].offset || secret.offset >= end) {
            out[made++] = (struct otp_span){ in[i].offset, in[i].len };
            continue;
        }
        if (secret.offset > in[i].offset)
            out[made++] = (struct otp_span){ in[i].offset, (uint16_t)(secret.offset - in[i].offset) };
        if (s_end < end)
            out[made++] = (struct otp_span){ s_end, (uint16_t)(end - s_end) };
    }
    return made;
}

/* Cells that are burned must be the first ones in burn order; cells whose wanted value is blank say nothing. */
static bool is_prefix(const struct task *t, const struct otp_job *job, const struct otp_plan *plan, bool *any)
{
    const uint32_t cell = t->s->chip->desc->otp.cell;
    bool gap = false;

    *any = false;
    for (size_t s = 0; s < job->n; s++)
        for (uint32_t i = job->span[s].offset / cell; i < (job->span[s].offset + job->span[s].len) / cell; i++) {
            if (plan->action[i] == OTP_WRITE)
                gap = true;
            else if (!bytes_all(job->image + i * cell, cell, 0xFF)) {
                *any = true;
                if (gap)
                    return false;
            }
        }
    return true;
}

/* A blank cell of a secret says nothing: its wanted value may be blank.  Counted as still to be burned. */
static enum err_code look_at_secret(struct task *t, struct otp_span secret, bool *torn, uint32_t *blank, struct err *e)
{
    const uint32_t cell = t->s->chip->desc->otp.cell, n = secret.len / cell;
    struct cells c = { { 0 }, { OTP_CELL_READ } };
    enum err_code rc;

    if (n == 0)
        return ERR_OK;
    if ((rc = chip_otp_read(t->s->chip, secret.offset / cell, n, c.bytes, c.state, e)) != ERR_OK)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        *torn = *torn || c.state[i] != OTP_CELL_READ;
        *blank += bytes_all(c.bytes + i * cell, cell, 0xFF) ? 1 : 0;
    }
    explicit_bzero(&c, sizeof c);
    return ERR_OK;
}

static enum otp_found judge(const struct task *t, const struct otp_job *job, const struct otp_plan *plan, bool torn,
                            bool secret_begun)
{
    bool any;

    if (plan->n_spent != 0 || plan->n_lock_torn != 0 || torn)
        return FOUND_TORN;
    if (plan->n_conflict != 0 || plan->n_locked != 0 || !is_prefix(t, job, plan, &any))
        return FOUND_OTHER;
    if (plan->n_write == 0)
        return FOUND_WHOLE;
    return any || secret_begun ? FOUND_PREFIX : FOUND_BLANK;
}

static enum err_code find_ours(struct task *t, enum otp_found *found, uint32_t *cells, struct err *e)
{
    struct otp_image_span all[OTP_SPANS_MAX];
    struct otp_span known[OTP_SPANS_MAX + 1];
    const struct otp_span secret = secret_span(t);
    const size_t n = otp_image_spans(t->device.image, all);
    const struct otp_job job = { t->device.image, known, known_spans(all, n, secret, known) };
    struct otp_plan plan = { 0 };
    bool torn = false;
    uint32_t blank = 0;
    enum err_code rc = otp_plan_make(t->s->chip, &job, &plan, e);

    /* A verdict comes with a plan; a failed read comes without. */
    if (rc != ERR_OK && plan.n_conflict + plan.n_spent + plan.n_locked == 0)
        return rc;
    if ((rc = look_at_secret(t, secret, &torn, &blank, e)) != ERR_OK)
        return rc;
    *found = judge(t, &job, &plan, torn, blank < secret.len / t->s->chip->desc->otp.cell);
    *cells = *found == FOUND_WHOLE ? 0 : plan.n_write + blank;
    return ERR_OK;
}

enum err_code find_otp(struct task *t, enum otp_found *found, uint32_t *cells, struct err *e)
{
    if (t->r->has_device && t->device.has_image)
        return find_ours(t, found, cells, e);
    *cells = cells_of_a_new_image(t);
    return find_stranger(t, found, e);
}
