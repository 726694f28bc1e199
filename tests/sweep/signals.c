/* Signals at each seam, that is before and after each call of chip and registry: a stop that is asked for (cli/interrupt.c),
 * a halt and return, a kill. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/sweep/world.h"

static const struct {
    int number;
    const char *name;
} signals[] = { { SIGINT, "SIGINT" }, { SIGTERM, "SIGTERM" }, { SIGSTOP, "SIGSTOP" }, { SIGKILL, "SIGKILL" } };
enum { SIGNALS = sizeof signals / sizeof *signals };

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s", world_boards[variant % WORLD_BOARDS].name, signals[variant / WORLD_BOARDS].name);
}

static void at_seam(struct world *w)
{
    if (!world_due(w, w->c))
        return;
    world_fired(w);
    (void)kill(getpid(), signals[w->c->variant / WORLD_BOARDS].number);
}

static void arm(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)c;
    (void)t;
    if (opened)
        w->at_seam = at_seam;
}

/* After SIGINT the command ends as its manual says: 75 or 81, unless it was over anyway. */
static bool check(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200])
{
    const struct told *t = &told->run[0];
    const int number = signals[c->variant / WORLD_BOARDS].number;

    (void)w;
    if (number == SIGKILL ? t->signal != SIGKILL
                          : !t->ended || (t->exit != 0 && (number == SIGSTOP || (t->exit != 75 && t->exit != 81)))) {
        (void)snprintf(why, 200, "after the signal: exit %d, signal %d, %s", t->exit, t->signal, t->code);
        return false;
    }
    return true;
}

const struct sweep_kind signal_kinds[] = {
    { .name = "signal",
      .variants = WORLD_BOARDS * SIGNALS,
      .whole_stride = 3,
      .describe = describe,
      .arm = arm,
      .check = check,
      .steps = SWEEP_STEPS },
    { 0 },
};
