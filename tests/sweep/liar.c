/* A programmer that lies, at each call of the chip: once, or from then on.  Nothing it says may make a PASS of a board that
 * is none; and where it lies once, a sound board must not end as scrap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash/fault.h"
#include "tests/sweep/proxy.h"

enum lie { DOES_NOTHING, ONES, ZEROS, STALE, OTHER_BOARD, DENIES, LIES };

static const char *const lies[LIES] = {
    [DOES_NOTHING] = "says OK and does nothing",
    [ONES] = "reads as ones",
    [ZEROS] = "reads as zeros",
    [STALE] = "reads what it read before",
    [OTHER_BOARD] = "reads another board",
    [DENIES] = "does it and says that it failed",
};
enum { FOREVER = WORLD_BOARDS * LIES, VARIANTS = 2 * FOREVER };

static enum lie lie_of(const struct sweep_case *c)
{
    return (enum lie)(c->variant % FOREVER / WORLD_BOARDS);
}

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s%s", world_boards[variant % WORLD_BOARDS].name, lies[variant % FOREVER / WORLD_BOARDS],
                   variant >= FOREVER ? " from then on" : "");
}

static struct {
    struct chip *second;
    uint8_t last[16][4096]; /* by enum chip_op: what was read before */
} liar;

static enum err_code fill(const struct chip_call *call, int value)
{
    if (call->out != NULL)
        memset(call->out, value, call->out_len);
    if (call->state != NULL)
        memset(call->state, 0, call->n * sizeof *call->state); /* OTP_CELL_READ */
    return ERR_OK;
}

static enum err_code stale(const struct chip_call *call)
{
    (void)fill(call, 0);
    if (call->out != NULL)
        memcpy(call->out, liar.last[call->op], call->out_len < 4096 ? call->out_len : 4096);
    return ERR_OK;
}

static enum err_code lying(struct world *w, const struct chip_call *call, struct chip *chip,
                           enum err_code (*really)(struct chip *, void *, struct err *), void *io, struct err *e)
{
    struct err none;

    switch (lie_of(w->c)) {
    case DOES_NOTHING:
        return fill(call, 0);
    case ONES:
        return call->out != NULL && call->op != OP_PROBE ? fill(call, 0xFF) : really(chip, io, e);
    case ZEROS:
        return call->out != NULL && call->op != OP_PROBE ? fill(call, 0x00) : really(chip, io, e);
    case STALE:
        return stale(call);
    case OTHER_BOARD:
        return really(call->out != NULL ? liar.second : chip, io, e);
    case DENIES:
    case LIES:
        break;
    }
    (void)really(chip, io, &none);
    return err_set(e, &flash_fault[FLASH_CONTACT_LOST], "lie", NULL, 0, "%s", chip->desc->name);
}

/* Only calls that this lie changes are opportunities. */
static bool applies(enum lie lie, const struct chip_call *call)
{
    const bool reads = call->out != NULL;

    if (lie == ONES || lie == ZEROS)
        return reads && call->op != OP_PROBE;
    return lie == DOES_NOTHING || lie == DENIES || reads;
}

static enum err_code hook(struct world *w, const struct chip_call *call, struct chip *chip,
                          enum err_code (*really)(struct chip *, void *, struct err *), void *io, struct err *e)
{
    const bool due = applies(lie_of(w->c), call) && world_due(w, w->c);
    enum err_code rc;

    if (due)
        world_fired(w);
    if (due || (w->now->fired && w->c->variant >= FOREVER && applies(lie_of(w->c), call)))
        return lying(w, call, chip, really, io, e);
    rc = really(chip, io, e);
    if (rc == ERR_OK && call->out != NULL)
        memcpy(liar.last[call->op], call->out, call->out_len < 4096 ? call->out_len : 4096);
    return rc;
}

static void prepare(struct world *w, const struct sweep_case *c)
{
    if (lie_of(c) == OTHER_BOARD)
        world_second_board(w, false);
    if (c->variant >= FOREVER)
        w->excuse = "the programmer went on lying";
}

static void arm(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    struct chip_identity id;
    struct err e;

    (void)t;
    if (!opened)
        return;
    chip_close(liar.second); /* of the unit before: tests/sweep/units.c */
    memset(&liar, 0, sizeof liar);
    w->chip_hook = hook;
    if (lie_of(c) == OTHER_BOARD &&
        (inproc_open(&liar.second, w->inproc->desc, w->other, &e) != ERR_OK || chip_probe(liar.second, &id, &e) != ERR_OK))
        _exit(99);
}

/* PASS of the run in which it lied must be true at that moment: what it left undone, a repeat would hide. */
static bool check(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200])
{
    (void)w;
    (void)c;
    if (told->run[0].pass_shown && told->runs > 1 && strcmp(told->run[1].code, "already-done") != 0) {
        (void)snprintf(why, 200, "false PASS: the lie was believed, a repeat found work to do: %.60s", told->run[1].code);
        return false;
    }
    return true;
}

const struct sweep_kind liar_kinds[] = {
    { .name = "liar",
      .variants = VARIANTS,
      .whole_stride = 3,
      .describe = describe,
      .prepare = prepare,
      .arm = arm,
      .check = check,
      .steps =
          1u << STEP_PROBE | 1u << STEP_EXAM | 1u << STEP_BURN | 1u << STEP_FIRMWARE | 1u << STEP_PROOF | 1u << STEP_LOCK },
    { 0 },
};
