#include "tests/sweep/life.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db/fleet.h"
#include "db/generation.h"
#include "protocol/rotate.h"
#include "tests/sweep/core.h"

struct sight {
    struct look l;
    const struct life *life;
    struct core_device d;
    struct verifier *v;
    unsigned live, rows; /* fleet keys in the token; rows of the registry */
    bool bad;
    uint8_t frame[FRAME_MAX]; /* what the server answers */
    size_t len;
    unsigned answers;
};

static bool no(char why[200], const char *what, const char *more)
{
    (void)snprintf(why, 200, "%s%s%s", what, more[0] != '\0' ? ": " : "", more);
    return false;
}

/* ---- registry and token ---- */

static enum err_code count_key(void *io, const struct hsm_key_info *k, struct err *e)
{
    struct sight *s = io;
    char prefix[24];

    (void)e;
    (void)snprintf(prefix, sizeof prefix, "fleet/%u/", s->life->fleet);
    s->live += k->state == HSM_KEY_WHOLE && strncmp(k->label, prefix, strlen(prefix)) == 0;
    s->bad = s->bad || k->state == HSM_KEY_FOREIGN; /* what a cut making left does nothing: hsm.h */
    return ERR_OK;
}

static enum err_code check_row(void *io, const struct fleet_key *f, struct err *e)
{
    struct sight *s = io;
    struct hsm_key *k = NULL;
    uint8_t pk[65];
    enum err_code rc = hsm_key_find(s->l.server, HSM_FLEET, f->label, &k, e);

    s->rows++;
    if (rc == ERR_OK && (rc = hsm_public(k, pk, e)) == ERR_OK)
        s->bad = s->bad || memcmp(pk + 1, f->x, sizeof f->x) != 0 || f->epoch != s->rows;
    hsm_key_free(k);
    return rc;
}

/* Epochs 1 to ACTIVE, each with one key in the token and none besides; the newest has a ROTATE that a device takes. */
static bool fleet_is_sound(struct sight *s, struct fleet_key *k, char why[200])
{
    struct registry *r = s->l.registry;
    struct rotate_mark mark;
    struct product p;
    uint8_t pk[P256_PK_LEN];
    struct err e;

    if (registry_fleet_key_list(r, s->life->fleet, check_row, s, &e) != ERR_OK ||
        hsm_keys(s->l.server, count_key, s, &e) != ERR_OK ||
        registry_product_by_fleet(r, s->life->fleet, &p, &e) != ERR_OK ||
        registry_fleet_key_active(r, s->life->fleet, k, &e) != ERR_OK)
        return no(why, "a fleet's keys", e.fault->name);
    if (s->bad || s->live != s->rows || k->epoch != s->rows)
        return no(why, "an epoch has no key of its own in the token, or a key there has no epoch", "");
    if (s->rows < s->life->at_least || s->rows > s->life->at_most) {
        (void)snprintf(why, 200, "epoch %u, and %u to %u were told", s->rows, s->life->at_least, s->life->at_most);
        return false;
    }
    const struct profile profile = profile_make(p.scheme, p.suite, p.fleet, p.policy, p.sid_len, p.ctr_len);
    return (rotate_verify(&s->l.crypto, &profile, p.ra_x, k->rotate, sizeof k->rotate, &mark, pk) == SEALED_OK &&
            mark.epoch == k->epoch && memcmp(pk + 1, k->x, sizeof k->x) == 0) ||
           no(why, "the recorded ROTATE is none that a device takes", "");
}

static enum err_code count_rekey(void *io, const struct event_row *ev, struct err *e)
{
    (void)e;
    *(unsigned *)io += strstr(ev->canonical, "\"device.rekey\"") != NULL;
    return ERR_OK;
}

/* One generation waits, and it was announced once: two salts for one would be two keys. */
static bool one_waits(struct sight *s, char why[200])
{
    struct generations g;
    unsigned announced = 0;
    struct err e;

    if (registry_gen(s->l.registry, s->life->serial, &g, &e) != ERR_OK ||
        registry_events(s->l.registry, 0, count_rekey, &announced, &e) != ERR_OK)
        return no(why, "its generations", e.fault->name);
    return (g.gen == 0 && g.has_pending && announced == 1) || no(why, "not one generation waits, announced once", "");
}

/* ---- the device and the server ---- */

static void take_answer(void *io, const uint8_t *frame, size_t len)
{
    struct sight *s = io;

    s->answers++;
    s->len = len;
    memcpy(s->frame, frame, len);
}

/* A first frame under the next boot number; its answer is in s. */
static bool says(struct sight *s, unsigned epoch, unsigned gen, char why[200])
{
    static struct opened_frame out;
    const struct frame_sink sink = { take_answer, s };
    struct device_session session;
    uint8_t frame[FRAME_MAX];
    size_t len = 0;
    struct err e;

    do { /* above those of the proof and of board_sends, which count elsewhere */
        if (core_takes_boot(&s->d) != DEVICE_OK)
            return no(why, "no boot number", "");
    } while (s->d.boot <= s->l.w->shared->boot);
    if (s->d.scheme->open(s->d.crypto, &s->d.side, s->d.boot, (const uint8_t *)"hello", 5, frame, sizeof frame, &len,
                          &session) != SEALED_OK)
        return no(why, "the device makes no frame", "");
    if (verifier_frame(s->v, frame, len, &out, &e) != ERR_OK)
        return no(why, "the server", e.fault->name);
    if (out.status != FRAME_OPENED || out.len != 5 || memcmp(out.data, "hello", 5) != 0)
        return no(why, "the device's frame does not open", out.reason);
    if (out.epoch != epoch || out.gen != gen)
        return no(why, "it opens under another epoch or generation", "");
    s->answers = 0;
    return verifier_down(s->v, &out, &sink, &e) == ERR_OK || no(why, "no answer", e.fault->name);
}

/* The old key still opens; the answer moves the device, once; then there is nothing more to say. */
static bool moves(struct sight *s, unsigned epoch, unsigned gen, const struct fleet_key *k, char why[200])
{
    const unsigned first = s->life->rekey ? 0 : 1;

    if (!core_starts(&s->d, &s->l.crypto, s->l.w->board->device))
        return no(why, "the device does not start", "");
    if (!says(s, first, 0, why))
        return false;
    if (s->answers != 1 || (k != NULL && (s->len != sizeof k->rotate || memcmp(s->frame, k->rotate, s->len) != 0)))
        return no(why, "the answer to an old key is not the recorded frame", "");
    if (core_obeys(&s->d, s->frame, s->len) != DEVICE_OK)
        return no(why, "the device does not take it", "");
    if (core_obeys(&s->d, s->frame, s->len) != DEVICE_REQUEST)
        return no(why, "the device takes it twice", "");
    for (unsigned i = 0; i < 2; i++) {
        if (!says(s, epoch, gen, why))
            return false;
        if (s->answers != 0)
            return no(why, "the device has moved, and is told again", "");
        if (i == 0 && !core_starts(&s->d, &s->l.crypto, s->l.w->board->device))
            return no(why, "the device that has moved does not start", "");
    }
    return true;
}

static bool device_follows(struct sight *s, const struct fleet_key *k, char why[200])
{
    struct chip *chip = NULL;
    struct generations g;
    struct err e;

    if (inproc_open(&chip, chip_desc_find(s->l.w->board->chip), s->l.w->chip, &e) != ERR_OK ||
        verifier_open(&s->v, s->l.registry, s->l.server, &s->l.crypto, &e) != ERR_OK)
        return no(why, "chip or server", e.fault->name);
    silicon_busy_scale(inproc_silicon(chip), 0);
    core_of(inproc_silicon(chip), chip->desc);
    bool good = moves(s, k != NULL ? k->epoch : 0, k != NULL ? 0 : 1, k, why);
    if (good && k == NULL)
        good = (registry_gen(s->l.registry, s->life->serial, &g, &e) == ERR_OK && g.gen == 1 && !g.has_pending) ||
               no(why, "its frame did not confirm the generation", "");
    verifier_close(s->v);
    chip_close(chip);
    return good;
}

bool life_holds(struct world *w, void *io, char why[200])
{
    static struct sight s;
    struct fleet_key k;
    bool good;

    s.life = io;
    good = look_open(&s.l, w, w->c, why);
    good = good && (s.life->rekey ? one_waits(&s, why) : fleet_is_sound(&s, &k, why));
    good = good && look_sound(&s.l, why) && device_follows(&s, s.life->rekey ? NULL : &k, why);
    look_close(&s.l);
    return good;
}
