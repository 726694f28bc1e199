/* Who is behind the console: the second proof, after the lock, and the only one of a part whose debug port is silent. */
#include <string.h>
#include <unistd.h>

#include "db/fault.h"
#include "flash/fault.h"
#include "protocol/bytes.h"
#include "station/task.h"

enum {
    LIMIT_MS = 60000,
    LIMIT_MAX_MS = 600000 /* a challenge's life: docs/protocol.md, "Proof" */,
    SILENT_MS = 5000,
    UNFINISHED_MAX = 64,
    AGAIN_MS = 1000 /* longer than a start with its proof takes: a device that is at it is not disturbed */
};

static enum err_code ask(struct task *t, const struct console_question *like, struct err *e)
{
    struct console_question q = *like;
    enum err_code rc;

    if ((rc = hsm_random(t->s->line, t->challenge, sizeof t->challenge, e)) != ERR_OK)
        return rc;
    q.challenge = t->challenge;
    q.again_ms = t->s->again_ms != 0 ? t->s->again_ms : AGAIN_MS;
    q.io = t;
    q.stopped = t->s->stopped;
    q.stopped_io = t->s->stopped_io;
    if (q.limit_ms > LIMIT_MAX_MS)
        q.limit_ms = LIMIT_MAX_MS;
    rc = console_ask(&t->console, &q, e);
    t->answered = rc == ERR_OK;
    return rc;
}

static enum err_code prove(const struct task *t, const struct device *d, const uint8_t *frame, size_t len, struct err *e)
{
    return device_prove(t, d, frame, len, t->challenge, e);
}

enum err_code console_take(struct task *t, struct err *e)
{
    const char *path = t->s->console;

    if (path == NULL || t->console.fd >= 0)
        return ERR_OK;
    if (t->burn) /* and held: whoever else listens would take the answer */
        return console_attach(&t->console, path, e);
    if (access(path, R_OK | W_OK) != 0)
        return err_errno(e, &station_fault[STATION_CONSOLE_MISSING], "access", "%s", path);
    return ERR_OK;
}

/* ---- after the lock: the device of this journal row ---- */

static enum err_code judge_this(void *io, unsigned rdp, const uint8_t *frame, size_t len, struct err *e)
{
    const struct task *t = io;
    enum err_code rc = prove(t, &t->device, frame, len, e);

    if (rc == ERR_OK && rdp < t->s->product->lock)
        return err_set(e, &station_fault[STATION_LOCK_MISSING], "console", NULL, 0, "the device is at RDP level %u", rdp);
    return rc;
}

/* At level 0 the firmware is started by us, and what it leaves in RAM is wiped once more. */
static enum err_code ask_open_part(struct task *t, const struct console_question *q, struct err *e)
{
    struct err second; /* the board's fault is the one to tell */
    enum err_code rc = chip_run(t->s->chip, e), wiped;

    if (rc != ERR_OK)
        return rc;
    rc = ask(t, q, e);
    wiped = chip_wipe_ram(t->s->chip, rc == ERR_OK ? e : &second);
    return rc == ERR_OK ? wiped : rc;
}

/* At the other levels only a power cycle starts it, and a debugger that is still there would shut the flash again. */
enum err_code console_step(struct task *t, struct err *e)
{
    const struct console_question q = { .limit_ms = t->s->console_ms != 0 ? t->s->console_ms : LIMIT_MS,
                                        .judge = judge_this };

    if (t->s->console == NULL || t->answered)
        return ERR_OK;
    if (t->found != FOUND_CLOSED && t->s->product->lock == 0)
        return ask_open_part(t, &q, e);
    chip_release(t->s->chip);
    return ask(t, &q, e);
}

/* ---- a silent debug port: whoever answers says who it is, and proves it ---- */

static enum err_code stranger(struct err *e, const char *why)
{
    return err_set(e, &station_fault[STATION_CONSOLE_PROOF], "proof", NULL, 0, "%s", why);
}

static enum err_code claimed(struct task *t, const struct frame *f, struct device *d, struct err *e)
{
    enum err_code rc = f->form->kid_len == 8
                           ? registry_device(t->s->registry, (uint64_t)get32(f->kid) << 32 | get32(f->kid + 4), d, e)
                           : registry_device_by_short(t->s->registry, get32(f->kid), d, e);

    return rc == ERR_NOINPUT ? stranger(e, "a serial that nobody knows") : rc;
}

/* What can be a proof: a first frame, of which in 4 and 5 every frame is one. */
static bool is_first(const struct frame *f)
{
    return f->form->kind == FRAME_OPEN || f->form == frame_data_boot;
}

struct unfinished {
    uint64_t serial[UNFINISHED_MAX];
    size_t n;
};

static enum err_code note(void *io, const struct device *d, struct err *e)
{
    struct unfinished *u = io;

    (void)e;
    if (u->n < UNFINISHED_MAX)
        u->serial[u->n++] = d->serial;
    return ERR_OK;
}

/* Its frame names nobody: it can only be one that waits to be finished, and each is tried.  The image is in the proof, so
 * that it opens as one device's alone. */
static enum err_code nameless(struct task *t, const uint8_t *frame, size_t len, struct device *d, struct err *e)
{
    struct registry *r = t->s->registry;
    struct unfinished u = { .n = 0 };
    enum err_code rc;

    if ((rc = registry_devices(r, t->s->product->name, DEV_PROVED, note, &u, e)) != ERR_OK ||
        (rc = registry_devices(r, t->s->product->name, DEV_LOCKED, note, &u, e)) != ERR_OK)
        return rc;
    for (size_t i = 0; i < u.n; i++)
        if ((rc = registry_device(r, u.serial[i], d, e)) != ERR_OK || (rc = prove(t, d, frame, len, e)) != ERR_NO)
            return rc;
    return stranger(e, "no device that waits to be finished");
}

/* A device that was given up is told so on its word: nothing is done with it.  One that is not at level 2 is silent for
 * another reason: a cable. */
static enum err_code judge_any(void *io, unsigned rdp, const uint8_t *frame, size_t len, struct err *e)
{
    struct task *t = io;
    struct device d;
    struct frame f;
    enum err_code rc;

    if (frame_parse(frame, len, &f) != FRAME_OK || !is_first(&f))
        return stranger(e, "a proof that is none");
    if ((rc = f.kid != NULL ? claimed(t, &f, &d, e) : nameless(t, frame, len, &d, e)) != ERR_OK)
        return rc;
    if (f.kid != NULL && d.state != DEV_QUARANTINED && d.state != DEV_VOID && (rc = prove(t, &d, frame, len, e)) != ERR_OK)
        return rc;
    if (strcmp(d.product, t->s->product->name) != 0)
        return err_set(e, &db_fault[DB_UID_OTHER_PRODUCT], "exam", NULL, 0, "device %016llx of product '%s'",
                       (unsigned long long)d.serial, d.product);
    if (rdp != 2)
        return err_set(e, &flash_fault[FLASH_NO_CHIP], "probe", NULL, 0,
                       "device %016llx says over the console that it is at RDP level %u", (unsigned long long)d.serial, rdp);
    task_has(t, &d);
    return ERR_OK;
}

enum err_code find_silent(struct task *t, struct err *e)
{
    const uint32_t silent_ms = t->s->silent_ms != 0 ? t->s->silent_ms : SILENT_MS;
    const struct console_question q = { .limit_ms = 2 * silent_ms, .silent_ms = silent_ms, .judge = judge_any };
    const struct err silence = *e;
    enum err_code rc;

    if (!t->burn || t->s->product->lock != 2 || t->s->console == NULL || e->fault != &flash_fault[FLASH_NO_CHIP])
        return silence.code;
    chip_release(t->s->chip);
    if ((rc = console_take(t, e)) == ERR_OK && (rc = ask(t, &q, e)) == ERR_OK) {
        t->found = FOUND_SILENT;
        return ERR_OK;
    }
    if (e->fault == &station_fault[STATION_CONSOLE_TIMEOUT] && !t->console.spent)
        *e = silence; /* nobody is there that can be asked */
    return e->code;
}
