/* Parts that are not as they should be: stuck and weak bits, blocks locked before, an image from elsewhere, noise. */
#include <stdio.h>
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/otp_image.h"
#include "tests/sweep/world.h"

enum { BYTES = OTP_IMAGE_LEN };

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", world_boards[variant % WORLD_BOARDS].name);
}

/* Point N is byte N-1 of the image; which of its bits is drawn. */
static uint32_t addr_of(const struct world *w, const struct sweep_case *c)
{
    return w->inproc->desc->otp.base + (uint32_t)(c->point - 1);
}

static unsigned drawn(const struct sweep_case *c, unsigned below)
{
    return (unsigned)((c->point * 0x9E3779B97F4A7C15u + c->seed * 0xBF58476D1CE4E5B9u) >> 40) % below;
}

static void arm_stuck(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened || c->point > BYTES)
        return;
    world_fired(w);
    (void)silicon_stick_bit(inproc_silicon(w->inproc), addr_of(w, c), drawn(c, 8), c->variant >= WORLD_BOARDS);
}

static void describe_stuck(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, at %u", world_boards[variant % WORLD_BOARDS].name, variant / WORLD_BOARDS);
}

static void arm_weak(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    if (!opened || c->point > BYTES)
        return;
    world_fired(w);
    (void)silicon_weak_bit(inproc_silicon(w->inproc), addr_of(w, c), drawn(c, 8), 2 + drawn(c, 7));
}

static void is_bad(struct world *w, const struct sweep_case *c)
{
    (void)c;
    w->excuse = "a bad part";
    w->foreign = w->unsteady = true;
}

static void is_foreign(struct world *w, const struct sweep_case *c)
{
    (void)c;
    w->excuse = "programmed elsewhere";
    w->foreign = true;
}

/* ---- from elsewhere: nothing may be written to it ---- */

static void remember(struct world *w)
{
    uint8_t image[BYTES];

    (void)silicon_peek(inproc_silicon(w->inproc), w->inproc->desc->otp.base, image, sizeof image);
    memcpy(w->shared->scratch, image, sizeof image);
}

static void arm_locked(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    static const uint8_t lock = 0x00;
    const struct chip_desc *d = w->inproc != NULL ? w->inproc->desc : NULL;

    (void)t;
    if (!opened || d->otp.block == 0 || c->point > d->otp.size / d->otp.block)
        return;
    world_fired(w);
    (void)silicon_plant(inproc_silicon(w->inproc), d->otp.lock_base + (uint32_t)(c->point - 1), &lock, 1);
    remember(w);
}

/* Another factory's: a valid image of ours, with a serial and key that this line never gave. */
static void arm_factory(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    struct otp_image in = { .scheme = 1,
                            .suite = 1,
                            .fleet = 0x7777,
                            .model = 7,
                            .policy = POLICY_NVM_REQUIRED | POLICY_TAG16,
                            .day = 2000,
                            .station = 9 };
    struct crypto crypto;
    struct hpke_host *host;
    uint8_t image[BYTES];

    (void)t;
    if (!opened || c->point > 8)
        return;
    host = hpke_host_open(&crypto);
    memset(in.slot, 0xFF, sizeof in.slot);
    memset(in.slot[0], (int)(0x10 + c->point), SLOT_LEN);
    in.serial[0] = 0x77;
    in.serial[7] = (uint8_t)c->point;
    if (otp_image_encode(&crypto, &in, image) == OTP_OK) {
        world_fired(w);
        (void)silicon_plant(inproc_silicon(w->inproc), w->inproc->desc->otp.base, image, sizeof image);
    }
    hpke_host_close(host);
    remember(w);
}

/* A stranger's: one cell of anything. */
static void arm_stranger(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    uint8_t noise[8];

    (void)t;
    if (!opened || c->point > w->inproc->desc->otp.size / 8)
        return;
    world_fired(w);
    memset(noise, (int)drawn(c, 255), sizeof noise);
    (void)silicon_plant(inproc_silicon(w->inproc), w->inproc->desc->otp.base + (uint32_t)(c->point - 1) * 8, noise,
                        sizeof noise);
    remember(w);
}

static bool untouched(struct world *w, void *io, char why[200])
{
    struct silicon *s = NULL;
    const struct chip_desc *d = chip_desc_find(w->board->chip);
    uint8_t image[BYTES];
    struct err e;

    (void)io;
    if (silicon_open(&s, d, w->chip, NULL, &e) != ERR_OK || !silicon_peek(s, d->otp.base, image, sizeof image) ||
        memcmp(image, w->shared->scratch, sizeof image) != 0) {
        (void)snprintf(why, 200, "a part from elsewhere was written to");
        return false;
    }
    silicon_close(s);
    return true;
}

static bool check_refused(struct world *w, const struct sweep_case *c, const struct told_all *told, char why[200])
{
    (void)c;
    for (unsigned i = 0; i < told->runs; i++)
        if (!told->run[i].ended || told->run[i].exit != 80 || told->run[i].verdict != VERDICT_REFUSED) {
            (void)snprintf(why, 200, "a part from elsewhere: %s %s, exit %d", verdict_name(told->run[i].verdict),
                           told->run[i].code, told->run[i].exit);
            return false;
        }
    return world_child(w, untouched, NULL, why);
}

const struct sweep_kind part_kinds[] = {
    { .name = "part-stuck-bit",
      .variants = 2 * WORLD_BOARDS,
      .whole_stride = 3,
      .stride = 80,
      .describe = describe_stuck,
      .prepare = is_bad,
      .arm = arm_stuck },
    { .name = "part-weak-bit",
      .variants = WORLD_BOARDS,
      .whole_stride = 3,
      .stride = 80,
      .describe = describe,
      .prepare = is_bad,
      .arm = arm_weak },
    { .name = "part-locked",
      .variants = WORLD_BOARDS,
      .describe = describe,
      .stride = 4,
      .prepare = is_foreign,
      .arm = arm_locked,
      .check = check_refused },
    { .name = "part-of-another-factory",
      .variants = WORLD_BOARDS,
      .describe = describe,
      .stride = 2,
      .prepare = is_foreign,
      .arm = arm_factory,
      .check = check_refused },
    { .name = "part-of-a-stranger",
      .variants = WORLD_BOARDS,
      .whole_stride = 3,
      .describe = describe,
      .prepare = is_foreign,
      .arm = arm_stranger,
      .check = check_refused },
    { 0 },
};
