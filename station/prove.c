/* The proof: a challenge of our own through the mailbox, opened by the server role's key.  Source: docs/protocol.md,
 * "Proof". */
#include "station/task.h"

static enum err_code check(struct task *t, const struct mailbox_view *v, const uint8_t challenge[32], struct err *e)
{
    enum err_code rc;

    if (v->state == MAILBOX_ERROR)
        return mailbox_refused(v, "proof", e);
    rc = device_prove(t, &t->device, v->data, v->len, challenge, e);
    if (rc != ERR_NO)
        return rc;
    const struct err was = *e;
    return err_set(e, &station_fault[STATION_PROOF], was.op, was.source, was.native, "%s", was.subject);
}

static enum err_code prove_once(struct task *t, struct mailbox_answer *a, struct err *e)
{
    uint8_t challenge[MAILBOX_PROOF_REQUEST_LEN]; /* used once: it dies with this call */
    const struct mailbox_question q = { "proof", MAILBOX_PROOF, challenge, sizeof challenge };
    enum err_code rc;

    if ((rc = hsm_random(t->s->line, challenge, sizeof challenge, e)) != ERR_OK || (rc = mailbox_ask(t, &q, a, e)) != ERR_OK)
        return rc;
    return check(t, &a->view, challenge, e);
}

enum err_code proof_step(struct task *t, struct err *e)
{
    struct mailbox_answer a = { .view = { 0 } };
    enum err_code rc = prove_once(t, &a, e);

    if (rc == ERR_NO && mailbox_is_old_note(&a))
        rc = prove_once(t, &a, e);
    return rc == ERR_OK ? task_advance(t, DEV_VERIFIED, DEV_PROVED, NULL, e) : rc;
}

enum err_code device_prove(const struct task *t, const struct device *d, const uint8_t *frame, size_t len,
                           const uint8_t challenge[32], struct err *e)
{
    uint8_t digest[SHA256_LEN];

    if (!otp_image_digest(t->s->crypto, d->image, digest))
        return err_set(e, &station_fault[STATION_CRYPTO], "SHA-256", NULL, 0, "image");
    return t->s->prove(t->s->prove_io, d->serial, frame, len, challenge,
                       slots_chip_makes_key(t->s->product) ? digest : d->image_sha256, e);
}
