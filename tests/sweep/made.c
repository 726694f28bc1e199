/* Boards that make their own key (schemes 3 and 8): power goes in the firmware's pulses and in the station's, and the
 * station dies at every seam.  The same faults at PKCS#11 calls and system calls: pkcs11.c, syscalls.c. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/sweep/world.h"

enum { TEARS = 3 };

static const char *const tear_names[TEARS] = { [TEAR_NONE] = "before", [TEAR_DONE] = "after", [TEAR_PARTIAL] = "in" };

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", world_made[variant % WORLD_BOARDS].name);
}

static void describe_tear(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s the pulse", world_made[variant % WORLD_BOARDS].name,
                   tear_names[variant / WORLD_BOARDS]);
}

static void cut(struct world *w, const struct sweep_case *c, enum silicon_cut_kind kind)
{
    silicon_arm_cut(inproc_silicon(w->inproc), kind, w->run == 0 ? c->point : c->second,
                    (enum silicon_tear)(c->variant / WORLD_BOARDS));
}

static void arm_otp(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (opened)
        cut(w, c, CUT_OTP);
}

static void arm_flash(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (opened)
        cut(w, c, CUT_FLASH);
}

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

const struct sweep_kind made_kinds[] = {
    { .name = "made-power-otp",
      .fleets = true,
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe_tear,
      .arm = arm_otp,
      .steps = 1u << STEP_CHIP_KEY | 1u << STEP_BURN },
    { .name = "made-power-flash",
      .fleets = true,
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe_tear,
      .arm = arm_flash,
      .whole_stride = 3,
      .steps = 1u << STEP_CHIP_KEY },
    { .name = "made-power-otp-twice",
      .fleets = true,
      .pairs = true,
      .variants = WORLD_BOARDS * TEARS,
      .describe = describe_tear,
      .arm = arm_otp,
      .whole_stride = 9,
      .steps = 1u << STEP_CHIP_KEY | 1u << STEP_BURN },
    { .name = "made-kill",
      .fleets = true,
      .variants = WORLD_BOARDS,
      .describe = describe,
      .arm = arm_death,
      .whole_stride = 3,
      .steps = (SWEEP_STEPS & ~(1u << STEP_FIRMWARE)) | 1u << STEP_CHIP_KEY },
    { .name = NULL },
};
