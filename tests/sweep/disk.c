/* Power goes at every write, sync, truncation, removal and renaming of a provisioning, and takes with it what was not yet
 * synced: of the registry and its journal, of the tokens and their kept copies, of every file of the line. */
#include "tests/sweep/world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/sweep/trap.h"
#include "tests/sweep/unsynced.h"

static const char *const loss_name[UNSYNCED_LOSSES] = {
    [LOSE_ALL] = "all unsynced writes lost",
    [LOSE_SOME] = "any of them lost",
    [LOSE_OLDER] = "the older half of them lost",
    [LOSE_SECTORS] = "any of their sectors lost",
    [LOSE_TAIL] = "the last one torn",
    [LOSE_LENGTHS] = "lengths lost",
    [LOSE_NAMES] = "names lost",
    [LOSE_CONTENTS] = "contents lost, lengths kept",
};

static struct {
    struct world *w;
    const struct sweep_case *c;
} armed;

static enum unsynced_loss loss_of(const struct sweep_case *c)
{
    return (enum unsynced_loss)c->variant;
}

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", loss_name[variant]);
}

static void prepare(struct world *w, const struct sweep_case *c)
{
    world_use(w, &world_boards[(c->variant + c->point) % WORLD_BOARDS]); /* each in turn */
    (void)unsynced_begin(w->dir);
}

static long at_call(void *io, const struct trap_call *c)
{
    bool changed;
    long rc;

    (void)io;
    if (armed.w->outside)
        return trap_pass(c);
    rc = unsynced_call(c, &changed);
    if (changed && world_due(armed.w, armed.c)) {
        world_fired(armed.w);
        (void)kill(getpid(), SIGKILL);
    }
    return rc;
}

static void arm(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (opened)
        return;
    armed.w = w;
    armed.c = c;
    (void)trap_on(at_call, NULL);
}

static void after(struct world *w, const struct sweep_case *c, struct told *t)
{
    (void)w;
    if (!unsynced_lose(loss_of(c), c->seed ^ c->point * 0x9E3779B97F4A7C15u))
        t->fired = false; /* the harness failed, and the point will be told as not reached */
}

const struct sweep_kind disk_kinds[] = {
    { .name = "disk-power",
      .variants = UNSYNCED_LOSSES,
      .whole_stride = 3,
      .describe = describe,
      .prepare = prepare,
      .arm = arm,
      .after = after,
      .steps = 1 << STEP_KEY | 1 << STEP_INTENT | 1 << STEP_BURN | 1 << STEP_PROOF | 1 << STEP_RECORD },
    { .name = NULL },
};
