#include "flash/otp.h"

#include <stdbool.h>
#include <string.h>

#include "flash/fault.h"

/* What was read of the area; only cells that a span covers are filled. */
struct otp_seen {
    uint8_t bytes[CHIP_OTP_MAX];
    enum otp_cell_state state[CHIP_OTP_MAX];
    uint32_t locked, lock_torn; /* blocks */
};

static enum err_code range_fault(const struct otp_span *s, struct err *e)
{
    return err_set(e, &flash_fault[FLASH_OTP_RANGE], "otp plan", NULL, 0, "offset %u, length %u", s->offset, s->len);
}

static enum err_code check_spans(const struct chip_desc *d, const struct otp_job *job, struct err *e)
{
    bool taken[CHIP_OTP_MAX] = { false };

    for (size_t i = 0; i < job->n; i++) {
        const struct otp_span *s = &job->span[i];
        if (s->len == 0 || s->offset % d->otp.cell != 0 || s->len % d->otp.cell != 0 || s->offset > d->otp.size ||
            s->len > d->otp.size - s->offset)
            return range_fault(s, e);
        for (uint32_t b = s->offset; b < (uint32_t)s->offset + s->len; b++) {
            if (taken[b])
                return range_fault(s, e);
            taken[b] = true;
        }
    }
    return ERR_OK;
}

static enum err_code read_spans(struct chip *c, const struct otp_job *job, struct otp_seen *seen, struct err *e)
{
    const uint32_t cell = c->desc->otp.cell;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < job->n && rc == ERR_OK; i++) {
        const struct otp_span *s = &job->span[i];
        rc = chip_otp_read(c, s->offset / cell, s->len / cell, seen->bytes + s->offset, seen->state + s->offset / cell, e);
    }
    return rc;
}

/* No early end: contents are secret. */
static bool all_ones(const uint8_t *p, uint32_t len)
{
    uint8_t all = 0xFF;

    for (uint32_t i = 0; i < len; i++)
        all &= p[i];
    return all == 0xFF;
}

static bool same(const uint8_t *a, const uint8_t *b, uint32_t len)
{
    uint8_t diff = 0;

    for (uint32_t i = 0; i < len; i++)
        diff |= a[i] ^ b[i];
    return diff == 0;
}

/* Without ECC a torn cell shows only by what it holds: every bit that differs is one that `want` would still clear. */
static bool on_the_way(const struct chip_desc *d, const uint8_t *have, const uint8_t *want, uint32_t len)
{
    uint8_t lost = 0;

    if (d->otp.ecc)
        return false;
    for (uint32_t i = 0; i < len; i++)
        lost |= want[i] & (uint8_t)~have[i];
    return lost == 0;
}

static bool in_block(const struct chip_desc *d, uint32_t blocks, uint32_t cell)
{
    return d->otp.lock_base != 0 && (blocks >> cell * d->otp.cell / d->otp.block & 1) != 0;
}

static enum otp_action judge(const struct chip_desc *d, const uint8_t *image, const struct otp_seen *seen, uint32_t i)
{
    const uint32_t cell = d->otp.cell, at = i * cell;

    if (seen->state[i] != OTP_CELL_READ)
        return OTP_SPENT;
    if (same(seen->bytes + at, image + at, cell))
        return OTP_SKIP;
    if (!all_ones(seen->bytes + at, cell))
        return on_the_way(d, seen->bytes + at, image + at, cell) ? OTP_SPENT : OTP_CONFLICT;
    return in_block(d, seen->locked | seen->lock_torn, i) ? OTP_NO_WRITE : OTP_WRITE;
}

static void count(struct otp_plan *plan, enum otp_action a, uint32_t cell)
{
    uint32_t *const n[] = { [OTP_SKIP] = &plan->n_skip,
                            [OTP_WRITE] = &plan->n_write,
                            [OTP_CONFLICT] = &plan->n_conflict,
                            [OTP_SPENT] = &plan->n_spent,
                            [OTP_NO_WRITE] = &plan->n_locked };

    if (a >= OTP_CONFLICT && plan->n_conflict + plan->n_spent + plan->n_locked == 0)
        plan->first_bad = cell;
    ++*n[a];
}

/* One cell of another content makes it another identity: then cells that look half-burned are that identity's, too. */
static void reconsider(struct otp_plan *plan, const struct otp_seen *seen)
{
    if (plan->n_conflict == 0)
        return;
    for (uint32_t i = 0; i < CHIP_OTP_MAX; i++)
        if (plan->action[i] == OTP_SPENT && seen->state[i] == OTP_CELL_READ) {
            plan->action[i] = OTP_CONFLICT;
            plan->n_spent--;
            plan->n_conflict++;
        }
}

static enum err_code verdict(const struct otp_plan *plan, const struct otp_seen *seen, struct err *e)
{
    enum flash_fault_id id = plan->n_lock_torn != 0 ? FLASH_OTP_LOCK_TORN : FLASH_OTP_LOCKED;

    if (plan->n_conflict + plan->n_spent + plan->n_locked == 0)
        return ERR_OK;
    if (plan->n_spent != 0) { /* a damaged cell outweighs the rest: the part is lost whatever else it holds */
        id = FLASH_OTP_TORN;
        for (uint32_t i = 0; i < CHIP_OTP_MAX; i++)
            if (plan->action[i] == OTP_SPENT && seen->state[i] != OTP_CELL_READ)
                id = FLASH_OTP_UNREADABLE;
    } else if (plan->n_conflict != 0) {
        id = FLASH_OTP_CONFLICT;
    }
    return err_set(e, &flash_fault[id], "otp plan", NULL, 0, "cell %u first; %u of another content, %u torn, %u locked",
                   plan->first_bad, plan->n_conflict, plan->n_spent, plan->n_locked);
}

enum err_code otp_plan_make(struct chip *c, const struct otp_job *job, struct otp_plan *plan, struct err *e)
{
    const uint32_t cell = c->desc->otp.cell;
    struct otp_seen seen = { .locked = 0 };
    enum err_code rc;

    if ((rc = check_spans(c->desc, job, e)) != ERR_OK ||
        (rc = chip_otp_lock_bytes(c, &seen.locked, &seen.lock_torn, e)) != ERR_OK ||
        (rc = read_spans(c, job, &seen, e)) != ERR_OK)
        goto out;
    memset(plan, 0, sizeof *plan); /* every action OTP_IGNORE */
    for (size_t s = 0; s < job->n; s++) {
        uint32_t first = job->span[s].offset / cell, end = first + job->span[s].len / cell;
        for (uint32_t i = first; i < end; i++) {
            plan->action[i] = judge(c->desc, job->image, &seen, i);
            count(plan, plan->action[i], i);
            if (plan->action[i] == OTP_NO_WRITE && in_block(c->desc, seen.lock_torn, i))
                plan->n_lock_torn++;
        }
    }
    reconsider(plan, &seen);
    rc = verdict(plan, &seen, e);
out:
    explicit_bzero(&seen, sizeof seen);
    return rc;
}

/* The UID, read now: is it still the board that was probed?  If not, `f`. */
static enum err_code check_uid(struct chip *c, const uint8_t uid[CHIP_UID_LEN], enum flash_fault_id f, struct err *e)
{
    uint8_t now[CHIP_UID_LEN];
    enum err_code rc = chip_mem_read(c, c->desc->uid_addr, now, sizeof now, e);

    if (rc == ERR_OK && memcmp(now, uid, sizeof now) != 0)
        rc = err_set(e, &flash_fault[f], "otp burn", NULL, 0, "%s", "between two reads of the UID");
    return rc;
}

/* After the first program only two answers are left: the part is damaged, or repeat.  "Nothing was written" no longer holds.
 */
static enum err_code after_first(enum err_code rc, struct err *e)
{
    if (rc == ERR_OK || rc == ERR_DAMAGED || rc == ERR_INCOMPLETE)
        return rc;
    const struct err was = *e;
    return err_set(e, &flash_fault[FLASH_CONTACT_LOST], was.op, was.source, was.native, "%s: %s", was.fault->name,
                   was.subject);
}

/* *done: so many cells are programmed, or may be. */
static enum err_code program(struct chip *c, const struct otp_job *job, const struct otp_plan *plan, uint32_t *done,
                             otp_progress *progress, void *io, struct err *e)
{
    const uint32_t cell = c->desc->otp.cell;

    for (size_t s = 0; s < job->n; s++) {
        uint32_t first = job->span[s].offset / cell, end = first + job->span[s].len / cell;
        for (uint32_t i = first; i < end; i++) {
            if (plan->action[i] != OTP_WRITE)
                continue;
            enum err_code rc = chip_otp_program(c, i, job->image + i * cell, e);
            if (rc != ERR_RETRY && rc != ERR_CONFLICT) /* these promise that the cell was not touched */
                ++*done;
            if (rc != ERR_OK)
                return rc;
            if (progress != NULL)
                progress(io, *done, plan->n_write);
        }
    }
    return ERR_OK;
}

static enum err_code read_back(struct chip *c, const struct otp_job *job, struct otp_plan *now, struct err *e)
{
    enum err_code rc;

    *now = (struct otp_plan){ 0 };
    rc = otp_plan_make(c, job, now, e);
    /* The same eyes as before: what is not SKIP now was not burned as told. */
    if (now->n_spent != 0)
        return rc;
    if (now->n_write + now->n_conflict + now->n_locked == 0)
        return rc;
    return err_set(e, &flash_fault[FLASH_OTP_READBACK], "otp burn", NULL, 0, "%u cells differ",
                   now->n_write + now->n_conflict + now->n_locked);
}

/* Cells that are blank though they were told as burned: a programmer that said OK and gave no pulse.  Left alone they would
 * be a gap in the image, which no repeat may fill.  Once more, and only as a fresh look allows: each is read again before
 * its pulse, and an L4's controller refuses a cell that had one.  *e: what the first read-back said; it stays if a cell is
 * not blank after all. */
static enum err_code fill_gaps(struct chip *c, const struct otp_job *job, const uint8_t uid[CHIP_UID_LEN],
                               const struct otp_plan *now, struct err *e)
{
    const struct err was = *e;
    struct otp_plan last;
    uint32_t done = 0;
    enum err_code rc = check_uid(c, uid, FLASH_BOARD_CHANGED, e);

    if (rc == ERR_OK && (rc = program(c, job, now, &done, NULL, NULL, e)) == ERR_OK)
        return read_back(c, job, &last, e);
    if (rc == ERR_CONFLICT)
        *e = was;
    return e->code;
}

static enum err_code burn(struct chip *c, const struct otp_job *job, const uint8_t uid[CHIP_UID_LEN],
                          const struct otp_plan *plan, uint32_t *done, otp_progress *progress, void *io, struct err *e)
{
    struct otp_plan now;
    enum err_code rc = program(c, job, plan, done, progress, io, e);

    if (rc != ERR_OK)
        return rc;
    rc = read_back(c, job, &now, e);
    if (rc != ERR_OK && now.n_write != 0 && now.n_conflict + now.n_spent + now.n_locked == 0)
        rc = fill_gaps(c, job, uid, &now, e);
    return rc == ERR_OK ? check_uid(c, uid, FLASH_BOARD_CHANGED, e) : rc;
}

enum err_code otp_burn(struct chip *c, const struct otp_job *job, const uint8_t uid[CHIP_UID_LEN], struct otp_plan *plan,
                       otp_progress *progress, void *io, struct err *e)
{
    uint32_t done = 0;
    enum err_code rc;

    if ((rc = otp_plan_make(c, job, plan, e)) != ERR_OK)
        return rc;
    if ((rc = check_uid(c, uid, FLASH_BOARD_SWAPPED, e)) != ERR_OK)
        return rc;
    if (plan->n_write == 0)
        return ERR_OK;
    rc = burn(c, job, uid, plan, &done, progress, io, e);
    return done == 0 ? rc : after_first(rc, e);
}
