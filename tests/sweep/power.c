/* Power is cut at each pulse that programs OTP or flash: before it, in it, after it. */
#include <stdio.h>

#include "tests/sweep/world.h"

enum { TEARS = 3 };

static const char *const tear_names[TEARS] = { [TEAR_NONE] = "before", [TEAR_DONE] = "after", [TEAR_PARTIAL] = "in" };

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s the pulse", world_boards[variant % WORLD_BOARDS].name,
                   tear_names[variant / WORLD_BOARDS]);
}

/* Power fails in the board alone; the station sees a chip that is gone. */
static void arm(struct world *w, const struct sweep_case *c, enum silicon_cut_kind kind)
{
    silicon_arm_cut(inproc_silicon(w->inproc), kind, w->run == 0 ? c->point : c->second,
                    (enum silicon_tear)(c->variant / WORLD_BOARDS));
}

static void arm_otp(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (opened)
        arm(w, c, CUT_OTP);
}

static void arm_flash(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (opened)
        arm(w, c, CUT_FLASH);
}

const struct sweep_kind power_kinds[] = {
    { .name = "power-otp",
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe,
      .arm = arm_otp,
      .steps = 1u << STEP_BURN },
    { .name = "power-flash",
      .stride = 8,
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe,
      .arm = arm_flash,
      .steps = 1u << STEP_FIRMWARE },
    { .name = "power-otp-twice",
      .pairs = true,
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe,
      .whole_stride = 5,
      .stride = 12,
      .arm = arm_otp,
      .steps = 1u << STEP_BURN },
    { .name = "power-flash-twice",
      .pairs = true,
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe,
      .whole_stride = 5,
      .stride = 12,
      .arm = arm_flash,
      .steps = 1u << STEP_FIRMWARE },
    { 0 },
};
