/* The proof: a challenge of our own through the mailbox, opened by the server role's key.  Source: docs/protocol.md,
 * "Proof", "Mailbox". */
#include <string.h>

#include "base/clock.h"
#include "protocol/bytes.h"
#include "protocol/local.h"
#include "protocol/mailbox.h"
#include "station/task.h"

enum { POLL_MS = 2, ANSWER_MS = 20000, WORD = 4 };

struct answer {
    uint8_t bytes[MAILBOX_LEN];
    struct mailbox_view view;
};

/* `state` last: the firmware may be looking. */
static enum err_code put_request(struct task *t, const uint8_t challenge[MAILBOX_PROOF_REQUEST_LEN], struct err *e)
{
    static const uint8_t request[WORD] = { MAILBOX_REQUEST };
    uint8_t box[MAILBOX_LEN];
    const size_t len = mailbox_put(box, MAILBOX_PROOF, challenge, MAILBOX_PROOF_REQUEST_LEN);
    enum err_code rc = chip_mem_write(t->s->chip, t->mailbox, box, len, e);

    return rc == ERR_OK ? chip_mem_write(t->s->chip, t->mailbox + MAILBOX_OFF_STATE, request, WORD, e) : rc;
}

/* The five fields, then as much data as they tell of.  *ours: the firmware has not wiped it since. */
static enum err_code look(struct task *t, struct answer *a, bool *ours, struct err *e)
{
    enum err_code rc = chip_mem_read(t->s->chip, t->mailbox, a->bytes, MAILBOX_OFF_DATA, e);

    if (rc != ERR_OK)
        return rc;
    *ours = mailbox_get(a->bytes, sizeof a->bytes, &a->view);
    if (!*ours || a->view.state < MAILBOX_ANSWER)
        return ERR_OK;
    return chip_mem_read(t->s->chip, t->mailbox + MAILBOX_OFF_DATA, a->bytes + MAILBOX_OFF_DATA,
                         (a->view.len + WORD - 1) / WORD * WORD, e);
}

/* RAM outlives the reset, so a firmware that looks once at its start finds the request; one that wipes its mailbox first is
 * asked again. */
static enum err_code ask(struct task *t, const uint8_t challenge[MAILBOX_PROOF_REQUEST_LEN], struct answer *a, struct err *e)
{
    const uint32_t limit_ms = t->s->answer_ms != 0 ? t->s->answer_ms : ANSWER_MS;
    const uint64_t end = clock_mono_ns() + (uint64_t)limit_ms * 1000000;
    enum err_code rc;

    if ((rc = put_request(t, challenge, e)) != ERR_OK || (rc = chip_run(t->s->chip, e)) != ERR_OK)
        return rc;
    for (;;) {
        bool ours = false;
        if ((rc = look(t, a, &ours, e)) != ERR_OK || (ours && a->view.state >= MAILBOX_ANSWER))
            return rc;
        if (clock_mono_ns() > end)
            return err_set(e, &station_fault[STATION_NO_ANSWER], "proof", NULL, 0, "mailbox state %d after %u ms",
                           ours ? (int)a->view.state : -1, (unsigned)limit_ms);
        if ((!ours || a->view.state == MAILBOX_IDLE) && (rc = put_request(t, challenge, e)) != ERR_OK)
            return rc;
        clock_sleep_ms(POLL_MS);
    }
}

static enum err_code device_says(const struct mailbox_view *v, struct err *e)
{
    if (v->len == 0)
        return err_set(e, &station_fault[STATION_BAD_ANSWER], "proof", NULL, 0, "an error without a code");
    return err_set(e, &station_fault[STATION_DEVICE_SAYS], "proof", "device", v->data[0], "%s: %.*s",
                   device_code_name(v->data[0]), (int)(v->len - 1 > LOCAL_TEXT_MAX ? LOCAL_TEXT_MAX : v->len - 1),
                   (const char *)v->data + 1);
}

static enum err_code check(struct task *t, const struct mailbox_view *v, const uint8_t challenge[32], struct err *e)
{
    const struct station *s = t->s;
    enum err_code rc;

    if (v->state == MAILBOX_ERROR)
        return device_says(v, e);
    rc = s->prove(s->prove_io, t->device.serial, v->data, v->len, challenge, t->device.image_sha256, e);
    if (rc != ERR_NO)
        return rc;
    const struct err was = *e;
    return err_set(e, &station_fault[STATION_PROOF], was.op, was.source, was.native, "%s", was.subject);
}

static enum err_code prove_once(struct task *t, struct answer *a, struct err *e)
{
    uint8_t challenge[MAILBOX_PROOF_REQUEST_LEN]; /* used once: it dies with this call */
    enum err_code rc;

    if ((rc = hsm_random(t->s->line, challenge, sizeof challenge, e)) != ERR_OK || (rc = ask(t, challenge, a, e)) != ERR_OK)
        return rc;
    return check(t, &a->view, challenge, e);
}

/* A half-written firmware that ran while power came back has left the note of its fault in RAM, and the whole one tells it
 * at its first start: what it says after that is its own.  It is stopped before it is asked again: it would answer at once,
 * with the same, and the answer would outlive its reset. */
static bool is_old_note(const struct answer *a)
{
    return a->view.state == MAILBOX_ERROR && a->view.len > 0 && a->view.data[0] == DEVICE_FAULT;
}

enum err_code proof_step(struct task *t, struct err *e)
{
    struct answer a = { .view = { 0 } };
    enum err_code rc = prove_once(t, &a, e);

    if (rc == ERR_NO && is_old_note(&a) && (rc = chip_wipe_ram(t->s->chip, e)) == ERR_OK)
        rc = prove_once(t, &a, e);
    return rc == ERR_OK ? task_advance(t, DEV_VERIFIED, DEV_PROVED, NULL, e) : rc;
}
