/* What people do: a board taken out, shorted, changed for another; a second station on the same registry; a cloned UID. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/sweep/files.h"
#include "tests/sweep/proxy.h"

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", world_boards[variant % WORLD_BOARDS].name);
}

/* ---- hands on the board, before each call of the chip ---- */

static enum err_code removed(struct world *w, const struct chip_call *call, struct chip *chip,
                             enum err_code (*really)(struct chip *, void *, struct err *), void *io, struct err *e)
{
    (void)call;
    if (world_due(w, w->c)) {
        world_fired(w);
        inproc_power(chip, false);
    }
    return really(chip, io, e);
}

static enum err_code shorted(struct world *w, const struct chip_call *call, struct chip *chip,
                             enum err_code (*really)(struct chip *, void *, struct err *), void *io, struct err *e)
{
    (void)call;
    if (world_due(w, w->c)) {
        world_fired(w);
        inproc_power(chip, false);
        inproc_power(chip, true);
    }
    return really(chip, io, e);
}

/* Another board in the slot, from now on; what was known of the first one is lost with the contact. */
static enum err_code exchanged(struct world *w, const struct chip_call *call, struct chip *chip,
                               enum err_code (*really)(struct chip *, void *, struct err *), void *io, struct err *e)
{
    static struct chip *second;

    (void)call;
    if (world_due(w, w->c)) {
        world_fired(w);
        if (inproc_open(&second, chip->desc, w->other, e) != ERR_OK)
            _exit(99);
        inproc_on_run(second, board_boots, NULL);
    }
    return really(second != NULL ? second : chip, io, e);
}

static void arm_removed(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)c;
    (void)t;
    w->chip_hook = opened ? removed : NULL;
}

static void arm_shorted(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)c;
    (void)t;
    w->chip_hook = opened ? shorted : NULL;
}

static void arm_exchanged(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)c;
    (void)t;
    w->chip_hook = opened ? exchanged : NULL;
}

static void with_other_board(struct world *w, const struct sweep_case *c)
{
    (void)c;
    world_second_board(w, false);
}

/* The second board is provisioned too, then the first one comes back. */
static void other_board_first(struct world *w, const struct sweep_case *c, struct told *t)
{
    (void)c;
    if (!t->fired)
        return;
    world_exchange(w);
    (void)world_run(w, NULL);
    world_exchange(w);
}

/* ---- a second station, while this one is halted at a seam ---- */

static void halt_at_seam(struct world *w)
{
    if (!world_due(w, w->c))
        return;
    world_fired(w);
    (void)kill(getpid(), SIGSTOP);
}

static void arm_halt(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)c;
    (void)t;
    w->at_seam = opened ? halt_at_seam : NULL;
}

/* Another board gets its serial in between. */
static void other_station(struct world *w)
{
    world_exchange(w);
    (void)world_run(w, NULL);
    world_exchange(w);
}

static void two_stations(struct world *w, const struct sweep_case *c)
{
    (void)c;
    world_second_board(w, false);
    w->stopped = other_station;
}

/* The same board is carried to the other station, made there, and carried back: its state goes through a copy, for the
 * halted station holds the file. */
static void other_station_same_board(struct world *w)
{
    char mine[WORLD_PATH];

    (void)snprintf(mine, sizeof mine, "%s", w->chip);
    (void)file_copy(w->chip, w->other);
    (void)snprintf(w->chip, sizeof w->chip, "%s", w->other);
    (void)world_run(w, NULL);
    (void)snprintf(w->chip, sizeof w->chip, "%s", mine);
    (void)file_overwrite(w->other, w->chip);
    (void)unlink(w->other);
}

static void same_board(struct world *w, const struct sweep_case *c)
{
    (void)c;
    w->stopped = other_station_same_board;
}

/* ---- a cloned UID: killed at a seam, then a blank part with the same UID lies in the slot ---- */

static void die_at_seam(struct world *w)
{
    if (!world_due(w, w->c))
        return;
    world_fired(w);
    (void)kill(getpid(), SIGKILL);
}

static void arm_death(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)c;
    (void)t;
    w->at_seam = opened ? die_at_seam : NULL;
}

static void clone_comes(struct world *w, const struct sweep_case *c, struct told *t)
{
    (void)c;
    if (!t->fired)
        return;
    w->clones = true;
    w->excuse = "cloned";
    world_second_board(w, true);
    world_exchange(w);
}

/* What was burned is never burned again: once the registry knows of a whole image, a blank part is refused as another one.
 */
static bool clone_is_refused(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200])
{
    const unsigned burned = 1u << DEV_VERIFIED | 1u << DEV_PROVED | 1u << DEV_LOCKED | 1u << DEV_DONE;
    const struct told *t = &told->run[1];
    const bool known = (*(const unsigned *)(const void *)w->shared->scratch & burned) != 0;

    (void)c;
    if (known && (!t->ended || t->pass_shown || t->exit != 80 || t->state != DEV_QUARANTINED)) {
        (void)snprintf(why, 200, "a clone of a burned board: %s %s, exit %d", verdict_name(t->verdict), t->code, t->exit);
        return false;
    }
    return true;
}

static void note_acks(struct world *w, const struct sweep_case *c, struct told *t)
{
    clone_comes(w, c, t);
    memcpy(w->shared->scratch, &w->shared->ack[0].states, sizeof w->shared->ack[0].states);
}

enum { AFTER_PROBE = SWEEP_STEPS };

const struct sweep_kind people_kinds[] = {
    { .name = "board-removed",
      .variants = WORLD_BOARDS,
      .describe = describe,
      .arm = arm_removed,
      .steps = AFTER_PROBE & ~(1u << STEP_KEY | 1u << STEP_INTENT | 1u << STEP_RECORD) },
    { .name = "board-shorted",
      .variants = WORLD_BOARDS,
      .describe = describe,
      .arm = arm_shorted,
      .steps = 1u << STEP_BURN },
    { .name = "board-exchanged",
      .variants = WORLD_BOARDS,
      .describe = describe,
      .prepare = with_other_board,
      .arm = arm_exchanged,
      .after = other_board_first,
      .steps = 1u << STEP_BURN },
    { .name = "station-two",
      .variants = WORLD_BOARDS,
      .whole_stride = 3,
      .describe = describe,
      .prepare = two_stations,
      .arm = arm_halt,
      .steps = AFTER_PROBE },
    { .name = "station-two-same-board",
      .variants = WORLD_BOARDS,
      .whole_stride = 3,
      .describe = describe,
      .prepare = same_board,
      .arm = arm_halt,
      .steps = AFTER_PROBE },
    { .name = "uid-cloned",
      .variants = WORLD_BOARDS,
      .whole_stride = 3,
      .describe = describe,
      .arm = arm_death,
      .after = note_acks,
      .check = clone_is_refused,
      .steps = AFTER_PROBE },
    { 0 },
};
