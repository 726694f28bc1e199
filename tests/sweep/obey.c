/* The device's side of ROTATE and REKEY: power goes at every flash and OTP pulse of the firmware's own code, before, in and
 * after it, on a part in memory.  No line, no server: the case makes the frames as they would.
 * What must hold: the next start has the old key or the new one; the same frame brings it to the new one and is taken no
 * second time; no boot number comes twice; nothing old is taken again. */
#include <stdio.h>
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/kem.h"
#include "protocol/otp_image.h"
#include "protocol/rekey.h"
#include "protocol/rotate.h"
#include "tests/sweep/core.h"
#include "tests/sweep/world.h"

enum { TEARS = 3, CHIPS = 2, FORMS = 3, VARIANTS = CHIPS * TEARS * FORMS };
enum form { FIRST, LATER /* the other slot, or a record that has a generation */, BACKUP /* ROTATE: the RA's word ends */ };
enum { KEY_IMAGE = 1, KEY_RA, KEY_BACKUP, KEY_EPOCHS /* and one for each epoch above */ };

static const char *const form_names[FORMS] = { "first", "later", "by the backup authority" };
static const char *const tear_names[TEARS] = { [TEAR_NONE] = "before", [TEAR_DONE] = "after", [TEAR_PARTIAL] = "in" };

struct obey {
    const struct sweep_case *c;
    struct crypto crypto;
    struct hpke_host *host;
    struct silicon *silicon;
    const struct chip_desc *chip;
    struct core_device d;
    bool rekey;
    uint8_t suite; /* of what the fleet's keys are; the authorities' are P-256 */
    enum form form;
    uint8_t now;   /* epoch or generation before the frame; it asks for the next */
    uint32_t last; /* the highest boot number that was ever given out */
    uint8_t frame[ROTATE_LEN], old[ROTATE_LEN], of_ra[ROTATE_LEN];
    size_t len;
};

static const uint8_t serial[OTP_SERIAL_LEN] = { 0, 1, 0, 0, 0, 0, 0, 1 };

static bool no(char why[200], const char *what)
{
    (void)snprintf(why, 200, "%s", what);
    return false;
}

/* ---- keys and frames ---- */

/* The first of its kind whose point is the even one: that is the one which an x names. */
static bool pair(struct obey *o, unsigned key, uint8_t d[P256_LEN], uint8_t x[P256_LEN])
{
    uint8_t pk[P256_PK_LEN] = { 0 };

    memset(d, 0x5A, P256_LEN);
    d[P256_LEN - 1] = (uint8_t)key;
    do {
        d[0]++;
        if (!o->crypto.p256_public(o->crypto.io, d, pk))
            return false;
    } while (pk[P256_PK_LEN - 1] % 2 != 0);
    memcpy(x, pk + 1, P256_LEN);
    return true;
}

static bool public_x(struct obey *o, unsigned key, uint8_t x[P256_LEN])
{
    uint8_t d[P256_LEN];

    return pair(o, key, d, x);
}

/* What a device has of a fleet's key.  No private one is needed, and of X25519 nearly every u is a point. */
static bool fleet_name(struct obey *o, unsigned key, uint8_t name[P256_LEN])
{
    if (o->suite == SUITE_P256_CCM)
        return public_x(o, key, name);
    memset(name, 0x20 + (int)key, P256_LEN);
    return true;
}

static struct profile profile_of(const struct obey *o)
{
    return profile_make(o->rekey ? 5 : 2, o->suite, 1, POLICY_NVM_REQUIRED, 2, 1);
}

static bool make_rotate(struct obey *o, uint8_t v, uint8_t epoch, uint8_t frame[ROTATE_LEN])
{
    const struct profile profile = profile_of(o);
    const struct rotate_mark mark = { v, epoch };
    uint8_t x[P256_LEN], ra_x[P256_LEN], d[P256_LEN], digest[SHA256_LEN], sig[ECDSA_LEN];

    if (!pair(o, v == 0 ? KEY_RA : KEY_BACKUP, d, ra_x) || !fleet_name(o, KEY_EPOCHS + epoch, x) ||
        rotate_digest(&o->crypto, &profile, mark, x, digest) != SEALED_OK ||
        !o->crypto.ecdsa_sign(o->crypto.io, d, digest, sig))
        return false;
    rotate_put(mark, x, sig, frame);
    o->len = ROTATE_LEN;
    return true;
}

static void root(uint8_t key[SLOT_LEN])
{
    memset(key, 0xA7, SLOT_LEN);
}

static bool make_rekey(struct obey *o, uint8_t gen, uint8_t frame[ROTATE_LEN])
{
    const struct profile profile = profile_of(o);
    struct rekey k = { .gen = gen };
    uint8_t key[SLOT_LEN], input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    const struct crypto_part part = { input, sizeof input };

    root(key);
    memset(k.salt, gen, sizeof k.salt);
    rekey_head(serial, &k, frame);
    rekey_input(&profile, 0, frame, input);
    if (!o->crypto.hmac_sha256(o->crypto.io, key, sizeof key, &part, 1, mac))
        return false;
    rekey_finish(mac, frame);
    o->len = REKEY_LEN;
    return true;
}

static bool make(struct obey *o, uint8_t v, uint8_t next, uint8_t frame[ROTATE_LEN])
{
    return o->rekey ? make_rekey(o, next, frame) : make_rotate(o, v, next, frame);
}

/* ---- the part ---- */

static bool make_image(struct obey *o, uint8_t image[OTP_IMAGE_LEN])
{
    struct otp_image in = { .scheme = o->rekey ? 5 : 2,
                            .suite = o->suite,
                            .fleet = 1,
                            .policy = POLICY_NVM_REQUIRED,
                            .epoch = o->rekey ? 0 : 1,
                            .day = 2500,
                            .station = 1 };

    memcpy(in.serial, serial, sizeof serial);
    memset(in.slot, 0xFF, sizeof in.slot);
    if (o->rekey)
        root(in.slot[0]);
    else if (!fleet_name(o, KEY_IMAGE, in.slot[0]) || !public_x(o, KEY_RA, in.slot[1]) ||
             !public_x(o, KEY_BACKUP, in.slot[2]))
        return false;
    return otp_image_encode(&o->crypto, &in, image) == OTP_OK;
}

static bool power_cycle(struct obey *o)
{
    silicon_arm_cut(o->silicon, CUT_FLASH, 0, TEAR_NONE);
    silicon_arm_cut(o->silicon, CUT_OTP, 0, TEAR_NONE);
    silicon_power(o->silicon, false);
    silicon_power(o->silicon, true);
    return core_starts(&o->d, &o->crypto, o->rekey ? &device_derived : &device_fleet);
}

static bool is_dark(struct obey *o)
{
    uint32_t v;

    return silicon_read(o->silicon, BUS_CPU_FLASH, o->chip->uid_addr, 4, &v) != BUS_OK;
}

/* A device in the field: it has started and sent before, and in LATER taken one frame. */
static bool in_the_field(struct obey *o)
{
    uint8_t image[OTP_IMAGE_LEN];
    struct err e;

    if (!make_image(o, image) || silicon_open(&o->silicon, o->chip, NULL, NULL, &e) != ERR_OK)
        return false;
    silicon_power(o->silicon, true);
    core_of(o->silicon, o->chip);
    if (!silicon_plant(o->silicon, o->chip->otp.base, image, sizeof image) || !power_cycle(o) ||
        core_takes_boot(&o->d) != DEVICE_OK)
        return false;
    o->now = o->rekey ? 0 : 1;
    if (o->form == LATER && (!make(o, 0, ++o->now, o->old) || core_obeys(&o->d, o->old, o->len) != DEVICE_OK))
        return false;
    o->last = o->d.boot;
    return make(o, o->form == BACKUP, (uint8_t)(o->now + 1), o->frame) &&
           (o->rekey || make_rotate(o, 0, (uint8_t)(o->now + 9), o->of_ra));
}

/* ---- what must hold ---- */

static uint8_t at(const struct obey *o)
{
    return o->rekey ? o->d.side.gen : o->d.side.epoch;
}

/* Its key is that of its epoch, its salt that of its generation. */
static bool key_is_whole(struct obey *o)
{
    uint8_t want[P256_LEN] = { 0 };

    if (o->rekey) {
        memset(want, at(o), FRAME_SALT_LEN);
        return memcmp(o->d.side.salt, want, FRAME_SALT_LEN) == 0;
    }
    return fleet_name(o, at(o) == 1 ? KEY_IMAGE : KEY_EPOCHS + at(o), want) &&
           memcmp(o->d.side.pkRm + kem_of(o->suite)->name, want, sizeof want) == 0;
}

static bool starts(struct obey *o, char why[200])
{
    if (!power_cycle(o))
        return no(why, "the device does not start");
    if (at(o) != o->now && at(o) != o->now + 1)
        return no(why, "it starts with neither the old key nor the new one");
    return key_is_whole(o) || no(why, "its key is not that of its epoch or generation");
}

static bool boots(struct obey *o, char why[200])
{
    if (core_takes_boot(&o->d) != DEVICE_OK)
        return no(why, "it gets no boot number");
    if (o->d.boot <= o->last)
        return no(why, "a boot number came twice");
    o->last = o->d.boot;
    return true;
}

/* Whether the frame was in force or not: afterwards it is, and it is taken once. */
static bool settles(struct obey *o, char why[200])
{
    const bool was_new = at(o) == o->now + 1;
    const enum device_code code = core_obeys(&o->d, o->frame, o->len);

    if (code != (was_new ? DEVICE_REQUEST : DEVICE_OK))
        return no(why, was_new ? "the device takes a frame twice" : "the same frame is not taken again");
    if (!was_new && o->d.boot <= o->last)
        return no(why, "a boot number came twice, with the new key");
    o->last = o->d.boot > o->last ? o->d.boot : o->last;
    return (at(o) == o->now + 1 && key_is_whole(o)) || no(why, "the new key is not in force");
}

static bool refuses_what_is_old(struct obey *o, char why[200])
{
    if (core_obeys(&o->d, o->frame, o->len) != DEVICE_REQUEST)
        return no(why, "the device takes a frame twice after a start");
    if (o->form == LATER && core_obeys(&o->d, o->old, o->len) != DEVICE_REQUEST)
        return no(why, "the device takes an old frame");
    return o->rekey || o->form != BACKUP || core_obeys(&o->d, o->of_ra, o->len) == DEVICE_REQUEST ||
           no(why, "the device takes the word of a revoked authority");
}

static bool comes_to_rest(struct obey *o, char why[200])
{
    return settles(o, why) && starts(o, why) && (at(o) == o->now + 1 || no(why, "the new key was forgotten")) &&
           boots(o, why) && refuses_what_is_old(o, why);
}

/* ---- a case ---- */

static enum silicon_tear tear_of(unsigned variant)
{
    return (enum silicon_tear)(variant / CHIPS % TEARS);
}

static bool cut_comes(struct obey *o, uint64_t point)
{
    const bool otp = strcmp(o->c->kind->name, "obey-rotate-otp") == 0;

    silicon_arm_cut(o->silicon, otp ? CUT_OTP : CUT_FLASH, point, tear_of(o->c->variant));
    (void)core_obeys(&o->d, o->frame, o->len);
    return is_dark(o);
}

static enum case_end play(struct obey *o, struct told_all *all, char why[200])
{
    if (!in_the_field(o)) {
        (void)no(why, "the harness makes no device");
        return CASE_BROKEN;
    }
    all->runs = 1;
    if (!(all->run[0].fired = cut_comes(o, o->c->point)))
        return CASE_NOT_FIRED;
    if (!starts(o, why) || !boots(o, why))
        return CASE_VIOLATED;
    if (o->c->kind->pairs) {
        all->runs = 2;
        if (!(all->run[1].fired = cut_comes(o, o->c->second)))
            return CASE_NOT_FIRED;
        if (!starts(o, why) || !boots(o, why))
            return CASE_VIOLATED;
    }
    return comes_to_rest(o, why) ? CASE_HELD : CASE_VIOLATED;
}

static enum case_end obey_case(struct world *w, const struct sweep_case *c, char why[200])
{
    static struct obey o;
    enum case_end end = CASE_BROKEN;

    memset(&w->shared->told, 0, sizeof w->shared->told);
    w->shared->told.run[0].step = w->shared->told.run[1].step = -1;
    o = (struct obey){ .c = c,
                       .chip = chip_desc_find(c->variant % CHIPS == 0 ? "stm32l476" : "stm32f407"),
                       .suite = strcmp(c->kind->name, "obey-rotate-x25519") == 0 ? SUITE_X25519_CCM : SUITE_P256_CCM,
                       .rekey = strncmp(c->kind->name, "obey-rekey", 10) == 0,
                       .form = (enum form)(c->variant / (CHIPS * TEARS)) };
    if (strcmp(c->kind->name, "obey-rotate-otp") == 0)
        o.form = BACKUP;
    if ((o.host = hpke_host_open(&o.crypto)) != NULL)
        end = play(&o, &w->shared->told, why);
    silicon_close(o.silicon);
    hpke_host_close(o.host);
    return end;
}

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s the pulse, %s", variant % CHIPS == 0 ? "stm32l476" : "stm32f407",
                   tear_names[tear_of(variant)], form_names[variant / (CHIPS * TEARS) % FORMS]);
}

const struct sweep_kind obey_kinds[] = {
    { .name = "obey-rotate", .variants = VARIANTS, .describe = describe, .whole = obey_case },
    { .name = "obey-rotate-x25519", .variants = VARIANTS, .describe = describe, .whole = obey_case },
    { .name = "obey-rotate-otp", .variants = CHIPS * TEARS, .describe = describe, .whole = obey_case, .stride = 1 },
    { .name = "obey-rotate-twice",
      .pairs = true,
      .variants = VARIANTS,
      .describe = describe,
      .whole = obey_case,
      .whole_stride = 11 },
    { .name = "obey-rekey", .variants = CHIPS * TEARS * 2, .describe = describe, .whole = obey_case },
    { .name = "obey-rekey-twice",
      .pairs = true,
      .variants = CHIPS * TEARS * 2,
      .describe = describe,
      .whole = obey_case,
      .whole_stride = 3 },
    { .name = NULL },
};
