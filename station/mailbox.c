/* One request of the firmware through RAM, before the lock.  Source: docs/protocol.md, "Mailbox". */
#include <string.h>

#include "base/clock.h"
#include "protocol/local.h"
#include "station/task.h"

enum { POLL_MS = 2, ANSWER_MS = 20000, WORD = 4 };

/* `state` last: the firmware may be looking. */
static enum err_code put_request(struct task *t, const struct mailbox_question *q, struct err *e)
{
    static const uint8_t request[WORD] = { MAILBOX_REQUEST };
    uint8_t box[MAILBOX_LEN];
    const size_t len = mailbox_put(box, q->cmd, q->data, q->len);
    enum err_code rc = chip_mem_write(t->s->chip, t->mailbox, box, len, e);

    return rc == ERR_OK ? chip_mem_write(t->s->chip, t->mailbox + MAILBOX_OFF_STATE, request, WORD, e) : rc;
}

/* The five fields, then as much data as they tell of.  *ours: the firmware has not wiped it since. */
static enum err_code look(struct task *t, struct mailbox_answer *a, bool *ours, struct err *e)
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
enum err_code mailbox_ask(struct task *t, const struct mailbox_question *q, struct mailbox_answer *a, struct err *e)
{
    const uint32_t limit_ms = t->s->answer_ms != 0 ? t->s->answer_ms : ANSWER_MS;
    const uint64_t end = clock_mono_ns() + (uint64_t)limit_ms * 1000000;
    enum err_code rc;

    if ((rc = put_request(t, q, e)) != ERR_OK || (rc = chip_run(t->s->chip, e)) != ERR_OK)
        return rc;
    for (;;) {
        bool ours = false;
        if ((rc = look(t, a, &ours, e)) != ERR_OK || (ours && a->view.state >= MAILBOX_ANSWER))
            return rc;
        if (clock_mono_ns() > end)
            return err_set(e, &station_fault[STATION_NO_ANSWER], q->op, NULL, 0, "mailbox state %d after %u ms",
                           ours ? (int)a->view.state : -1, (unsigned)limit_ms);
        if ((!ours || a->view.state == MAILBOX_IDLE) && (rc = put_request(t, q, e)) != ERR_OK)
            return rc;
        clock_sleep_ms(POLL_MS);
    }
}

enum err_code mailbox_refused(const struct mailbox_view *v, const char *op, struct err *e)
{
    if (v->len == 0)
        return err_set(e, &station_fault[STATION_BAD_ANSWER], op, NULL, 0, "an error without a code");
    return err_set(e, &station_fault[v->data[0] == DEVICE_SEED ? STATION_SEED_TORN : STATION_DEVICE_SAYS], op, "device",
                   v->data[0], "%s: %.*s", device_code_name(v->data[0]),
                   (int)(v->len - 1 > LOCAL_TEXT_MAX ? LOCAL_TEXT_MAX : v->len - 1), (const char *)v->data + 1);
}

bool mailbox_is_old_note(const struct mailbox_answer *a)
{
    return a->view.state == MAILBOX_ERROR && a->view.len > 0 && a->view.data[0] == DEVICE_FAULT;
}
