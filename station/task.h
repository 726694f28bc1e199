/* station/task.h - inside the station: one board on its way, and the steps it takes.  Included by this room alone. */
#ifndef STATION_TASK_H
#define STATION_TASK_H

#include "protocol/otp_image.h"
#include "station/fault.h"
#include "station/recovery.h"
#include "station/station.h"

struct task {
    const struct station *s;
    bool burn;
    struct provision_result *r;
    struct device device; /* the journal's row as committed; valid when r->has_device */
    enum otp_found found;
    const struct recovery_row *way;
    uint32_t mailbox; /* its address */
    bool begun;       /* something irreversible was, or may have been, done */
    bool has_image;
    uint8_t image[OTP_IMAGE_LEN]; /* whole: secret; wiped when the burn is over */
};

typedef enum err_code task_step(struct task *t, struct err *e);

/* ---- steps, in the order of enum station_step; each leaves the journal true ---- */

task_step probe_step, exam_step, key_step, intent_step, burn_step, firmware_step, proof_step, lock_step, record_step;

/* ---- shared ---- */

/* Set device and result from a row of the registry. */
void task_has(struct task *t, const struct device *d);

/* from -> to, if the journal stands at `from`; a board taken up later has that step behind it. */
enum err_code task_advance(struct task *t, enum device_state from, enum device_state to, const char *detail, struct err *e);

/* Record the quarantine, or the refusal of a board without a row, for the reason in *e, which stays as it is; returns its
 * code. */
enum err_code task_quarantine(struct task *t, struct err *e);

/* What the chip's OTP holds, compared with the journal's image; *cells: how many are still to be burned.  Reads only, and
 * needs no token: the cells of a secret slot are looked at, but not compared. */
enum err_code find_otp(struct task *t, enum otp_found *found, uint32_t *cells, struct err *e);

/* Does the part's flash hold the firmware? */
enum err_code firmware_is_there(struct task *t, bool *same, struct err *e);

/* Blocks that lock_step locks: bit i = block i; 0 on parts without lock bytes. */
uint32_t lock_blocks(const struct chip_desc *d);

/* t->image from the device's fields and keys; or, once there is an intent, from the journal, and then exactly that one. */
enum err_code image_make(struct task *t, struct err *e);
void image_wipe(struct task *t);

/* Born in the token and recorded: RESERVED -> KEYED. */
enum err_code key_make(struct task *t, struct err *e);
bool task_has_secret(const struct task *t); /* the line makes and burns a secret for this product */

#endif
