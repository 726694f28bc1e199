/* The invariants: what must hold after any fault, once the operator has power-cycled and repeated. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/hex.h"
#include "protocol/bytes.h"
#include "tests/sweep/files.h"
#include "tests/sweep/look.h"

#define BIT(state) (1u << DEV_##state)

typedef bool invariant(struct look *l, char why[200]);

static bool no(char why[200], const char *format, uint64_t serial)
{
    int n = snprintf(why, 200, "device %016llx: ", (unsigned long long)serial);

    (void)snprintf(why + n, 200 - (size_t)n, "%s", format);
    return false;
}

/* ---- the registry itself ---- */

static bool registry_is_sound(struct look *l, char why[200])
{
    char path[WORLD_PATH + 32];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    const char *says = "it does not open";
    bool good;

    (void)snprintf(path, sizeof path, "%s.check", l->w->out);
    good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
    if (good)
        says = (const char *)sqlite3_column_text(q, 0);
    good = good && strcmp(says, "ok") == 0;
    if (!good)
        (void)snprintf(why, 200, "integrity_check: %.100s", says);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return good;
}

static bool nothing_acknowledged_is_lost(struct look *l, char why[200])
{
    for (unsigned i = 0; i < WORLD_ACKS; i++) {
        const unsigned states = l->w->shared->ack[i].states;
        const uint64_t serial = l->w->shared->ack[i].serial;
        unsigned there = 0;

        if (states == 0)
            continue;
        for (size_t k = 0; k < l->n; k++)
            there |= l->device[k].row.serial == serial ? l->device[k].events : 0;
        for (unsigned s = 0; s < DEV_STATES; s++)
            if ((states & ~there & 1u << s) != 0) {
                (void)snprintf(why, 200, "device %016llx: acknowledged as %s, and no event of it",
                               (unsigned long long)serial, device_state_name((enum device_state)s));
                return false;
            }
    }
    return true;
}

static bool states_have_their_events(struct look *l, char why[200])
{
    static const unsigned need[DEV_STATES] = {
        [DEV_KEYED] = BIT(KEYED),
        [DEV_BURNING] = BIT(KEYED) | BIT(BURNING),
        [DEV_VERIFIED] = BIT(BURNING) | BIT(VERIFIED),
        [DEV_PROVED] = BIT(BURNING) | BIT(VERIFIED) | BIT(PROVED),
        [DEV_LOCKED] = BIT(BURNING) | BIT(VERIFIED) | BIT(PROVED) | BIT(LOCKED),
        [DEV_DONE] = BIT(BURNING) | BIT(VERIFIED) | BIT(PROVED) | BIT(LOCKED) | BIT(DONE),
        [DEV_QUARANTINED] = BIT(QUARANTINED),
    };

    for (size_t i = 0; i < l->n; i++)
        if ((need[l->device[i].row.state] & ~l->device[i].events) != 0)
            return no(why, "its state has no event, or it is DONE without a proof", l->device[i].row.serial);
    return true;
}

/* ---- chips ---- */

/* What is burned is the image of the chip's own device, or torn: never another one, never anyone's without a row. */
static bool one_chip_one_identity(struct look *l, char why[200])
{
    for (unsigned i = 0; i < LOOK_PARTS; i++) {
        const struct look_part *p = &l->part[i];

        if (!p->present || !p->burned || l->w->foreign)
            continue;
        if (p->device == NULL || !p->device->has_wanted)
            return no(why, "cells are burned and no intent is recorded", p->serial);
        if (p->whole && p->serial != p->device->row.serial)
            return no(why, "the chip holds another serial than the registry gave it", p->serial);
    }
    if (l->part[0].whole && l->part[1].whole && l->part[0].serial == l->part[1].serial && !l->w->clones)
        return no(why, "one identity on two chips", l->part[0].serial);
    return true;
}

static bool no_lock_without_a_record(struct look *l, char why[200])
{
    for (unsigned i = 0; i < LOOK_PARTS; i++) {
        const struct look_part *p = &l->part[i];
        const bool locked = p->present && (p->rdp > 0 || p->locked != 0);

        if (locked && !l->w->foreign && !l->w->clones && (p->device == NULL || (p->device->events & BIT(PROVED)) == 0))
            return no(why, "the chip is locked, and no proof of it is recorded", p->serial);
    }
    return true;
}

/* No false PASS: what is DONE is exactly so on the chip. */
static bool done_is_done(struct look *l, char why[200])
{
    for (unsigned i = 0; i < LOOK_PARTS; i++) {
        const struct look_part *p = &l->part[i];

        if (!p->present || p->device == NULL || p->device->row.state != DEV_DONE || l->w->clones)
            continue;
        if (!look_holds(p) || look_torn(p))
            return no(why, "DONE, and the chip does not hold its image", p->device->row.serial);
        if (p->rdp < l->w->board->lock)
            return no(why, "DONE, and the chip is not locked", p->device->row.serial);
    }
    return true;
}

/* What a chip told is what its seed makes; then its seed is whole, and it stays so. */
static bool chip_keys_are_its_own(struct look *l, char why[200])
{
    for (unsigned i = 0; i < LOOK_PARTS; i++) {
        const struct look_part *p = &l->part[i];
        const struct look_device *d = p->device;

        if (!p->present || p->seed_at == 0 || d == NULL || l->w->clones)
            continue;
        if (d->key != DEVICE_KEY_NONE && (!p->has_x || memcmp(p->x, d->x, sizeof p->x) != 0))
            return no(why, "the registry has another key than the chip's seed makes", d->row.serial);
        if (d->row.state == DEV_DONE && d->key != DEVICE_KEY_PINNED)
            return no(why, "DONE, and its key is not pinned", d->row.serial);
        if (d->row.state != DEV_DONE && (d->events & BIT(DONE)) == 0 && d->key == DEVICE_KEY_PINNED)
            return no(why, "its key is pinned before it is DONE", d->row.serial);
    }
    return true;
}

/* ---- keys and messages ---- */

static bool key_opens(struct look *l, const struct wrapped_key *k)
{
    static const uint8_t G[65] = {
        0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
        0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
        0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
        0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    };
    const bool pair = strcmp(k->role, "server") == 0;
    struct hsm_blob blob = { .len = k->blob_len, .mechanism = k->mechanism };
    struct hsm_key *kek = NULL, *key = NULL;
    uint8_t x[32];
    struct err e;
    bool good;

    memcpy(blob.bytes, k->blob, sizeof k->blob);
    memcpy(blob.profile, k->profile, sizeof blob.profile);
    good = hsm_key_find(l->server, pair ? HSM_KEK : HSM_KEK_SECRET, k->kek, &kek, &e) == ERR_OK &&
           hsm_unwrap(l->server, kek, &blob, pair ? HSM_USE_ECDH : HSM_USE_MAC, &key, &e) == ERR_OK;
    if (good && pair)
        good = hsm_ecdh(key, G, x, &e) == ERR_OK && memcmp(x, k->public_x, sizeof x) == 0;
    hsm_key_free(key);
    hsm_key_free(kek);
    return good;
}

static bool keys_are_usable(struct look *l, char why[200])
{
    for (size_t i = 0; i < l->n; i++) {
        struct wrapped_key key[REG_KEYS_MAX];
        size_t n = 0;
        struct err e;

        if (registry_keys(l->registry, l->device[i].row.serial, key, &n, &e) != ERR_OK)
            return no(why, "its keys can't be read", l->device[i].row.serial);
        if (n == 0 && (l->device[i].events & BIT(KEYED)) != 0 && !l->w->fleets)
            return no(why, "its keys are gone", l->device[i].row.serial);
        for (size_t k = 0; k < n; k++)
            if (!key_opens(l, &key[k]))
                return no(why, "a key can't be unwrapped any more", l->device[i].row.serial);
    }
    return true;
}

static bool opens(struct verifier *v, const struct look_part *p, const struct board_frames *f, char why[200])
{
    static struct opened_frame out;
    const enum device_state state = p->device->row.state;
    struct err e;

    if (verifier_frame(v, f->open, f->open_len, &out, &e) != ERR_OK)
        return no(why, e.fault->name, p->serial);
    if (state == DEV_QUARANTINED)
        return strcmp(out.reason, "quarantined") == 0 || no(why, "a quarantined board's message is not withheld", p->serial);
    if (state != DEV_DONE)
        return strcmp(out.reason, "not-done") == 0 || no(why, "an unfinished board's message is not refused", p->serial);
    if (out.status != FRAME_OPENED || out.len != 5 || memcmp(out.data, "first", 5) != 0)
        return no(why, out.reason, p->serial);
    if (verifier_frame(v, f->data, f->data_len, &out, &e) != ERR_OK || out.status != FRAME_OPENED || out.len != 6)
        return no(why, "its DATA does not open", p->serial);
    return true;
}

static bool message_opens(struct look *l, const char *path, const struct look_part *p, char why[200])
{
    struct verifier *v = NULL;
    struct chip *chip = NULL;
    struct board_frames f;
    struct err e;
    bool good = true;

    if (!p->present || !p->whole || p->device == NULL || p->serial != p->device->row.serial)
        return true;
    if (inproc_open(&chip, chip_desc_find(l->w->board->chip), path, &e) != ERR_OK)
        return no(why, "its chip does not open", p->serial);
    if (board_sends(chip, "first", "second", &f))
        good = verifier_open(&v, l->registry, l->server, &l->crypto, &e) == ERR_OK ? opens(v, p, &f, why)
                                                                                   : no(why, e.fault->name, p->serial);
    else if (p->device->row.state == DEV_DONE && l->w->excuse == NULL)
        good = no(why, "DONE, and the board does not start", p->serial);
    verifier_close(v);
    chip_close(chip);
    return good;
}

static bool messages_open(struct look *l, char why[200])
{
    return message_opens(l, l->w->chip, &l->part[0], why) && message_opens(l, l->w->other, &l->part[1], why);
}

/* ---- nothing left behind ---- */

static bool holds_secret(const char *path, const uint8_t secret[32])
{
    char hex[65];

    hex_encode(secret, 32, hex);
    return file_has(path, secret, 16) || file_has(path, secret + 16, 16) || file_has(path, hex, 32);
}

static bool no_secret_in(struct look *l, const char *path, char why[200])
{
    if (l->w->shared->has_secret && holds_secret(path, l->w->shared->secret)) {
        (void)snprintf(why, 200, "a device's secret is in %.100s", path);
        return false;
    }
    return true;
}

static bool nothing_left_behind(struct look *l, char why[200])
{
    static const char *const known[] = { ".",
                                         "..",
                                         "fuseline.conf",
                                         "fw",
                                         "hsm.lock",
                                         "keep",
                                         "pins",
                                         "registry.db",
                                         "registry.db-journal",
                                         "registry.db.new",
                                         "registry.mark",
                                         "registry.mark.new",
                                         "softhsm2.conf",
                                         "tokens" };
    char path[WORLD_PATH + 300];
    struct dirent *entry;
    DIR *dir = opendir(l->w->dir);
    bool good = no_secret_in(l, l->w->out, why) && no_secret_in(l, l->w->err, why);

    while (good && dir != NULL && (entry = readdir(dir)) != NULL) {
        bool is_known = false;

        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known = is_known || strcmp(known[i], entry->d_name) == 0;
        (void)snprintf(path, sizeof path, "%s/%s", l->w->dir, entry->d_name);
        good = no_secret_in(l, path, why);
        if (good && !is_known) {
            (void)snprintf(why, 200, "left behind: %.100s", entry->d_name);
            good = false;
        }
    }
    if (dir != NULL)
        (void)closedir(dir);
    return good;
}

/* ---- what was said ---- */

static bool said_as_it_is(struct look *l, const struct told *t, char why[200])
{
    if (t->signal != 0 && t->signal != 9 && !(t->signal == 6 && l->w->may_die) && !l->w->shared->may_crash) {
        (void)snprintf(why, 200, "a run died of signal %d", t->signal);
        return false;
    }
    if (!t->ended)
        return t->signal != 0 || t->exit != 0 || no(why, "exit 0 without a verdict", t->serial);
    if (t->exit_json >= 0 && t->exit_json != t->exit)
        return no(why, "exit status and JSON differ", t->serial);
    if (t->pass_shown != (t->exit == 0))
        return no(why, "PASS and exit status differ", t->serial);
    if (t->pass_shown && (!t->has_device || t->state != DEV_DONE))
        return no(why, "PASS, and the state is not DONE", t->serial);
    return true;
}

static const struct look_device *device_of(const struct look *l, uint64_t serial)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->device[i].row.serial == serial)
            return &l->device[i];
    return NULL;
}

static bool verdicts_are_true(struct look *l, char why[200])
{
    const struct told_all *all = &l->w->shared->told;

    for (unsigned i = 0; i < all->runs; i++) {
        const struct told *t = &all->run[i];
        const struct look_device *d = t->has_device && t->ended ? device_of(l, t->serial) : NULL;

        if (!said_as_it_is(l, t, why))
            return false;
        if (t->ended && t->has_device && d == NULL)
            return no(why, "told, and not in the registry", t->serial);
        if (t->pass_shown && d != NULL && (d->events & BIT(DONE)) == 0)
            return no(why, "PASS was shown, and DONE is not recorded", t->serial);
        if (d != NULL && i + 1 == all->runs && d->row.state != t->state)
            return no(why, "the last run told another state than the registry has", t->serial);
    }
    return true;
}

/* DONE; or QUARANTINED, or refused, where there is a reason for it: no false FAIL. */
static bool ends_well(struct look *l, char why[200])
{
    const struct told_all *all = &l->w->shared->told;
    const struct told *last = &all->run[all->runs - 1];
    const struct look_part *p = &l->part[0];

    if (all->runs < 2 || l->w->excuse != NULL || last->pass_shown)
        return true;
    if (last->ended && last->has_device && last->state == DEV_QUARANTINED && look_torn(p))
        return true;
    (void)snprintf(why, 200, "false FAIL: a sound board ends with %.60s, exit %d", last->ended ? last->code : "no verdict",
                   last->exit);
    return false;
}

/* ---- all of them ---- */

static invariant *const sound[] = {
    registry_is_sound,
    nothing_acknowledged_is_lost,
    states_have_their_events,
    one_chip_one_identity,
    no_lock_without_a_record,
    done_is_done,
    chip_keys_are_its_own,
    keys_are_usable,
    messages_open,
    nothing_left_behind,
};

bool look_sound(struct look *l, char why[200])
{
    bool good = true;

    for (size_t i = 0; i < sizeof sound / sizeof *sound && good; i++)
        good = sound[i](l, why);
    return good;
}

static bool check(struct world *w, void *io, char why[200])
{
    struct look l;
    const bool good = look_open(&l, w, io, why) && look_sound(&l, why) && verdicts_are_true(&l, why) && ends_well(&l, why);

    look_close(&l);
    return good;
}

bool world_check(struct world *w, const struct sweep_case *c, char why[200])
{
    union {
        const struct sweep_case *in;
        void *out;
    } io = { c };

    return world_child(w, check, io.out, why);
}
