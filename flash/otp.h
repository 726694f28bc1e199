/* flash/otp.h - burn bytes into one-time-programmable memory, believing only what is read.
 * Boundary: an image above, chip cells below; the one place that decides whether a cell may be programmed.
 * Memory: caller's, nothing kept.  Secrets: image bytes are never printed, logged or put in an error text.
 * Power: any call may be cut between two cells or inside one.  otp_burn() again with the same job completes it, or says why
 * not. */
#ifndef FLASH_OTP_H
#define FLASH_OTP_H

#include "flash/chip.h"

struct otp_span { /* bytes of the image to burn; whole cells */
    uint16_t offset, len;
};

struct otp_job {
    const uint8_t *image;        /* [desc->otp.size], by OTP offset; read only where a span lies */
    const struct otp_span *span; /* in burn order: what must be there last comes last */
    size_t n;                    /* spans do not overlap */
};

enum otp_action {
    OTP_IGNORE,   /* outside every span */
    OTP_SKIP,     /* holds the wanted value (or all ones are wanted and it is blank): nothing to do */
    OTP_WRITE,    /* blank: will be programmed */
    OTP_CONFLICT, /* holds something else */
    OTP_SPENT,    /* torn: unreadable (ECC), or holding a value on the way to the wanted one and no cell says OTP_CONFLICT */
    OTP_NO_WRITE  /* blank, but its block is locked, or its lock byte torn */
};

struct otp_plan {
    uint32_t n_skip, n_write, n_conflict, n_spent, n_locked; /* cells */
    uint32_t n_lock_torn;                                    /* of n_locked: behind a lock byte that is neither 00 nor FF */
    uint32_t first_bad;                                      /* cell, in burn order; valid if any of the last three */
    enum otp_action action[CHIP_OTP_MAX];                    /* by cell */
};

/* Called after each cell programmed, for a progress display: done of total.  May be NULL. */
typedef void otp_progress(void *io, uint32_t done, uint32_t total);

/* Read every cell of the job and say what a burn would do.  Writes nothing.  The plan is filled whatever the verdict,
 * unless reading failed.
 * ERR_OK        a burn would do n_write programs (0: already exactly so)
 * ERR_INPUT     a span is outside the area or not on cell boundaries
 * ERR_CONFLICT  a cell holds something else, or a locked block still lacks something
 * ERR_DAMAGED   a cell can't be read, or was cut in its pulse; or a lock byte was, and its block still lacks something */
enum err_code otp_plan_make(struct chip *c, const struct otp_job *job, struct otp_plan *plan, struct err *e)
    __attribute__((warn_unused_result));

/* IRREVERSIBLE.  otp_plan_make, then compare the UID with `uid` (as probed), chip_otp_program each cell to be written, in
 * burn order, then read the whole job back and compare, and the UID once more.
 *
 * ERR_OK                     the part holds exactly the job
 * ERR_CONFLICT, ERR_DAMAGED  of the plan: nothing was written
 * ERR_RETRY                  before the first program, another board among others: nothing was written
 * ERR_INCOMPLETE             interrupted after the first program: call again
 * ERR_DAMAGED                a cell refused its program or reads back otherwise: quarantine the part
 *
 * Anything but OK, INCOMPLETE and DAMAGED promises that no cell was programmed by this call. */
enum err_code otp_burn(struct chip *c, const struct otp_job *job, const uint8_t uid[CHIP_UID_LEN], struct otp_plan *plan,
                       otp_progress *progress, void *io, struct err *e) __attribute__((warn_unused_result));

#endif
