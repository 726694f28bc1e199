/* station/task.h - inside the station: one board on its way, and the steps it takes.  Included by this room alone. */
#ifndef STATION_TASK_H
#define STATION_TASK_H

#include "protocol/mailbox.h"
#include "protocol/otp_image.h"
#include "station/console.h"
#include "station/fault.h"
#include "station/recovery.h"
#include "station/slots.h"
#include "station/station.h"

struct task {
    const struct station *s;
    bool burn;
    struct provision_result *r;
    struct device device; /* the journal's row as committed; valid when r->has_device */
    enum otp_found found;
    const struct recovery_row *way;
    uint32_t mailbox; /* its address */
    bool flashed;     /* the firmware is written, by this run */
    bool begun;       /* a cell is burned: by this run, or by one before it */
    struct console console;
    uint8_t challenge[LOCAL_CHALLENGE_LEN]; /* sent over it; used once */
    bool answered;                          /* and the answer was good */
    bool has_image;
    uint8_t image[OTP_IMAGE_LEN]; /* whole: secret; wiped when the burn is over */
};

typedef enum err_code task_step(struct task *t, struct err *e);

/* ---- steps, in the order of enum station_step; each leaves the journal true ---- */

task_step probe_step, exam_step, key_step, intent_step, chip_key_step, burn_step, firmware_step, proof_step, lock_step,
    console_step, record_step;

/* ---- shared ---- */

/* Set device and result from a row of the registry. */
void task_has(struct task *t, const struct device *d);

/* from -> to, if the journal stands at `from`; a board taken up later has that step behind it. */
enum err_code task_advance(struct task *t, enum device_state from, enum device_state to, const char *detail, struct err *e);

/* Attach afresh, and see that it is still the board that was probed: before a verdict that ends its life is believed. */
enum err_code probe_again(struct task *t, struct err *e);
/* The second look did not say what the first one, *was, said. */
enum err_code unsteady(const struct task *t, const struct err *was, struct err *e);

/* Record the quarantine, or the refusal of a board without a row, for the reason in *e, which stays as it is; returns its
 * code. */
enum err_code task_quarantine(struct task *t, struct err *e);

/* What the chip's OTP holds, compared with the journal's image; *cells: how many are still to be burned.  Reads only, and
 * needs no token: the cells of a secret slot are looked at, but not compared. */
enum err_code find_otp(struct task *t, enum otp_found *found, uint32_t *cells, struct err *e);

/* Hold the slot's console from now on, if it has one; for a plan only look whether it is there. */
enum err_code console_take(struct task *t, struct err *e);

/* The probe failed with *e.  If that may be RDP level 2's silence, ask over the console: ERR_OK, the device and FOUND_SILENT
 * are set; else what went wrong, which is *e as it was where nobody answered. */
enum err_code find_silent(struct task *t, struct err *e);

/* Make the firmware the product's own: an RSA product's key, n512 e4, into its place (firmware-stub/rsa_key.S).  Of other
 * products only that there is no such place.  Again: nothing is done. */
enum err_code firmware_fit(struct task *t, struct err *e);

/* Does the part's flash hold the firmware? */
enum err_code firmware_is_there(struct task *t, bool *same, struct err *e);

/* One request through the mailbox: the firmware is started for it, and waited for. */
struct mailbox_question {
    const char *op; /* for faults */
    enum mailbox_cmd cmd;
    const uint8_t *data;
    size_t len;
};
struct mailbox_answer {
    uint8_t bytes[MAILBOX_LEN];
    struct mailbox_view view; /* ANSWER or ERROR; points into bytes */
};
enum err_code mailbox_ask(struct task *t, const struct mailbox_question *q, struct mailbox_answer *a, struct err *e);
/* What the device says in an ERROR, as a fault. */
enum err_code mailbox_refused(const struct mailbox_view *v, const char *op, struct err *e);

/* Does this frame prove the key of d?  As station_prove, over the image that the journal has of it. */
enum err_code device_prove(const struct task *t, const struct device *d, const uint8_t *frame, size_t len,
                           const uint8_t challenge[32], struct err *e);

/* Blocks that lock_step locks: bit i = block i; 0 on parts without lock bytes. */
uint32_t lock_blocks(const struct chip_desc *d);

/* t->image from the device's fields and keys; or, once there is an intent, from the journal, and then exactly that one. */
enum err_code image_make(struct task *t, struct err *e);
void image_wipe(struct task *t);
/* Before a serial is taken: the keys that all devices of the product share are there.  A plan has no token to look into. */
enum err_code image_sources(struct task *t, struct err *e);

/* Born in the token and recorded: RESERVED -> KEYED. */
enum err_code key_make(struct task *t, struct err *e);
/* What a wrapped key's row is known by, UNIQUE in the registry: SHA-256 of the label, then a public x or a secret. */
#define KEY_DIGEST_PUBLIC ""
#define KEY_DIGEST_SECRET "fl1 key"
enum err_code key_digest(const struct task *t, const char *label, const uint8_t key[32], uint8_t out[32], struct err *e);
/* Injected keys: of the 32 bytes that were drawn for this device, the seed as a chip would have it, and x of its key.  The
 * same for a repeat.  The caller wipes both secrets. */
enum err_code key_seed(const struct task *t, const uint8_t drawn[32], uint8_t seed[SLOT_LEN], uint8_t x[P256_LEN],
                       struct err *e);
bool task_has_secret(const struct task *t); /* the line knows what the secret slot of this product holds */

#endif
