#include "station/station.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "flash/fault.h"
#include "station/task.h"

static const struct {
    const char *name;
    task_step *run;
} steps[STATION_STEPS] = {
    [STEP_PROBE] = { "probe", probe_step },
    [STEP_EXAM] = { "exam", exam_step },
    [STEP_KEY] = { "key", key_step },
    [STEP_INTENT] = { "intent", intent_step },
    [STEP_CHIP_KEY] = { "chip_key", chip_key_step },
    [STEP_BURN] = { "burn", burn_step },
    [STEP_FIRMWARE] = { "firmware", firmware_step },
    [STEP_PROOF] = { "proof", proof_step },
    [STEP_LOCK] = { "lock", lock_step },
    [STEP_CONSOLE] = { "console", console_step },
    [STEP_RECORD] = { "record", record_step },
};

const char *station_step_name(enum station_step s)
{
    return steps[s].name;
}

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {
        [VERDICT_PASS] = "PASS", [VERDICT_PLAN] = "PLAN", [VERDICT_REFUSED] = "REFUSED", [VERDICT_FAIL] = "FAIL"
    };
    return names[v];
}

/* ---- what the steps share ---- */

void task_has(struct task *t, const struct device *d)
{
    t->device = *d;
    t->r->has_device = true;
    t->r->serial = d->serial;
    t->r->state = d->state;
}

enum err_code task_advance(struct task *t, enum device_state from, enum device_state to, const char *detail, struct err *e)
{
    enum err_code rc;

    if (t->device.state != from)
        return ERR_OK;
    if ((rc = registry_advance(t->s->registry, t->device.serial, from, to, detail, e)) == ERR_OK)
        t->device.state = t->r->state = to;
    return rc;
}

enum err_code probe_again(struct task *t, struct err *e)
{
    struct chip_identity id;
    enum err_code rc = chip_probe(t->s->chip, &id, e);

    if (rc != ERR_OK)
        return rc;
    if (memcmp(id.uid, t->r->identity.uid, sizeof id.uid) != 0)
        return err_set(e, &flash_fault[FLASH_BOARD_CHANGED], "exam", NULL, 0, "%s", "between two looks");
    t->r->identity = id;
    return ERR_OK;
}

enum err_code unsteady(const struct task *t, const struct err *was, struct err *e)
{
    const struct err first = *was;

    return err_set(e, &station_fault[t->device.has_image ? STATION_UNSTEADY_BURNED : STATION_UNSTEADY], first.op,
                   first.source, first.native, "%s: %s", first.fault->name, first.subject);
}

enum err_code task_quarantine(struct task *t, struct err *e)
{
    char uid[2 * CHIP_UID_LEN + 1];
    struct err second; /* the board's fault is the one to tell; a repeat finds it again, and records it then */

    if (!t->burn)
        return e->code;
    if (t->r->has_device && t->device.state != DEV_QUARANTINED && t->device.state != DEV_VOID) {
        const enum err_code rc =
            registry_quarantine(t->s->registry, t->device.serial, t->device.state, e->fault->name, &second);
        if (rc == ERR_OK)
            t->device.state = t->r->state = DEV_QUARANTINED;
        else if (rc == ERR_CONFLICT) { /* while we stood still another station had the board */
            struct device now;
            *e = second;
            if (registry_device(t->s->registry, t->device.serial, &now, &second) == ERR_OK)
                task_has(t, &now);
        }
    } else if (!t->r->has_device && t->r->has_identity) {
        hex_encode(t->r->identity.uid, CHIP_UID_LEN, uid);
        (void)registry_event(
            t->s->registry, "board.refused",
            (const char *const[]){ "product", t->s->product->name, "reason", e->fault->name, "uid", uid, NULL }, &second);
    }
    return e->code;
}

/* ---- the way ---- */

static enum err_code take(struct task *t, enum station_step step, struct err *e)
{
    const uint64_t start = clock_mono_ns();
    enum err_code rc;

    if (t->s->progress != NULL)
        t->s->progress(t->s->progress_io, step);
    rc = steps[step].run(t, e);
    t->r->step_ns[step] += clock_mono_ns() - start;
    return rc;
}

/* From the first step of its row to DONE. */
static enum err_code go_on(struct task *t, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (t->way->action == RECOVER_REWORK)
        rc = task_advance(t, DEV_DONE, DEV_VERIFIED, "firmware or lock was lost", e);
    for (unsigned step = t->way->first; step < STATION_STEPS && rc == ERR_OK; step++) {
        if (step == STEP_CONSOLE && t->answered) /* nobody is to be told to do something for it */
            continue;
        t->begun = t->begun || t->found != FOUND_BLANK || step > STEP_BURN;
        rc = take(t, (enum station_step)step, e);
    }
    return rc;
}

static enum err_code succeed(struct task *t, enum verdict verdict, const char *code)
{
    t->r->verdict = verdict;
    t->r->code = code;
    return ERR_OK;
}

static bool is_ours(const struct fault *f)
{
    return f >= station_fault && f < station_fault + STATION_FAULTS;
}

/* Other rooms can't know that a cell was burned, and may promise that nothing was. */
static enum err_code told_late(struct task *t, struct err *e)
{
    const struct err was = *e;

    if (!t->begun || is_ours(was.fault) || was.code == ERR_DAMAGED || was.code == ERR_INCOMPLETE)
        return was.code;
    return err_set(e, &station_fault[STATION_INTERRUPTED], was.op, was.source, was.native, "%s: %s", was.fault->name,
                   was.subject);
}

/* REFUSED is a promise about the chip: without an intent nothing of ours was ever written to it. */
static enum err_code fail(struct task *t, struct err *e)
{
    t->r->code = e->fault->name;
    t->r->verdict = t->begun || (t->r->has_device && t->device.has_image) ? VERDICT_FAIL : VERDICT_REFUSED;
    return told_late(t, e);
}

static enum err_code provision(struct task *t, struct err *e)
{
    enum err_code rc;

    if ((rc = take(t, STEP_PROBE, e)) != ERR_OK || (rc = take(t, STEP_EXAM, e)) != ERR_OK)
        return rc;
    const bool already = t->way->action == RECOVER_ALREADY;
    if (!t->burn)
        return succeed(t, VERDICT_PLAN, already ? "already-done" : "plan");
    return (rc = go_on(t, e)) == ERR_OK ? succeed(t, VERDICT_PASS, already ? "already-done" : "done") : rc;
}

enum err_code station_provision(const struct station *s, bool burn, struct provision_result *result, struct err *e)
{
    struct task t = { .s = s, .burn = burn, .r = result, .console = { .fd = -1 } };
    enum err_code rc;

    *result = (struct provision_result){ .verdict = VERDICT_FAIL, .code = "" };
    rc = provision(&t, e);
    image_wipe(&t);
    console_detach(&t.console);
    return rc == ERR_OK ? rc : fail(&t, e);
}
