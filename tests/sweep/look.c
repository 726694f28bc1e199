#include "tests/sweep/look.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash/vchip/nvm.h"
#include "protocol/bytes.h"
#include "protocol/crc32.h"
#include "protocol/derive.h"
#include "protocol/scheme.h"
#include "protocol/signing.h"
#include "tests/sweep/files.h"

static bool no(char why[200], const char *what, const struct err *e)
{
    (void)snprintf(why, 200, "%s: %s: %.100s", what, e->fault != NULL ? e->fault->name : "?", e->subject);
    return false;
}

/* ---- chips ---- */

static void read_cells(struct look_part *p, struct nvm *n, const struct chip_desc *d)
{
    const struct nvm_area *otp = &n->area[NVM_OTP], *locks = &n->area[NVM_LOCKS];

    p->cell = d->otp.cell;
    p->cells = OTP_IMAGE_LEN / p->cell;
    memcpy(p->uid, n->head->uid, sizeof p->uid);
    memcpy(p->image, otp->data, sizeof p->image);
    for (uint32_t i = 0; i < p->cells; i++)
        p->ecc[i] = nvm_bit(otp->ecc, i * p->cell);
    for (uint32_t i = 0; i < locks->size; i++)
        p->locked |= locks->data[i] == 0x00 ? 1u << i : 0;
    p->burned = !bytes_all(p->image, sizeof p->image, 0xFF);
}

static bool chip_makes_key(const struct scheme *s)
{
    return s->secret != SECRET_NONE && s->slot[s->secret] == SLOT_CHIP_MADE;
}

/* A unit of the seed carries its own check byte, which is never FF: firmware-stub/make_key.h. */
static void read_seed(struct look *l, struct look_part *p)
{
    const struct scheme *s = scheme_by_id(l->w->board->device->id);
    uint8_t d[P256_LEN];
    unsigned whole = 0;

    if (!chip_makes_key(s))
        return;
    p->seed_at = OTP_OFF_SLOT + s->secret * (uint32_t)SLOT_LEN;
    for (uint32_t at = p->seed_at; at < p->seed_at + SLOT_LEN; at += OTP_UNIT) {
        const uint8_t *unit = p->image + at;
        const bool blank = bytes_all(unit, OTP_UNIT, 0xFF), ecc = p->cell == OTP_UNIT && p->ecc[at / p->cell];
        const bool good = !blank && !ecc && unit[7] != 0xFF && unit[7] == (uint8_t)crc32_ieee(0, unit, 7);

        p->seed_burned = p->seed_burned || !blank || ecc;
        p->seed_torn = p->seed_torn || ecc || (!blank && !good);
        whole += good;
    }
    p->has_x = whole == SLOT_LEN / OTP_UNIT && signing_key(&l->crypto, p->image + p->seed_at, d, p->x);
}

static bool look_at_part(struct look *l, struct look_part *p, const char *path, char why[200])
{
    static const uint32_t none[NVM_OPTIONS];
    const struct chip_desc *d = chip_desc_find(l->w->board->chip);
    struct silicon *s = NULL;
    struct nvm n;
    struct err e = { 0 };

    if (access(path, F_OK) != 0)
        return true;
    if (nvm_open(&n, d, path, none, &e) != ERR_OK)
        return no(why, path, &e);
    read_cells(p, &n, d);
    nvm_close(&n);
    if (silicon_open(&s, d, path, NULL, &e) != ERR_OK)
        return no(why, path, &e);
    silicon_power(s, true);
    p->rdp = silicon_rdp(s);
    silicon_close(s);
    p->present = true;
    read_seed(l, p);
    p->whole = otp_image_check(&l->crypto, p->image, false, NULL) == OTP_OK;
    p->serial = (uint64_t)get32(p->image + OTP_OFF_SERIAL) << 32 | get32(p->image + OTP_OFF_SERIAL + 4);
    for (size_t i = 0; i < l->n; i++)
        if (memcmp(l->device[i].row.uid, p->uid, sizeof p->uid) == 0)
            p->device = &l->device[i];
    return true;
}

static bool in_seed(const struct look_part *p, uint32_t offset)
{
    return p->seed_at != 0 && offset - p->seed_at < SLOT_LEN;
}

bool look_torn(const struct look_part *p)
{
    const uint8_t *want = p->device != NULL && p->device->has_wanted ? p->device->wanted : NULL;

    for (uint32_t i = 0; i < p->cells; i++) {
        const uint8_t *have = p->image + i * p->cell;
        if (p->ecc[i])
            return true;
        if (in_seed(p, i * p->cell))
            continue;
        if (want != NULL && !bytes_all(have, p->cell, 0xFF) && memcmp(have, want + i * p->cell, p->cell) != 0)
            return true;
    }
    return p->seed_torn;
}

bool look_holds(const struct look_part *p)
{
    uint8_t others[OTP_IMAGE_LEN];

    memcpy(others, p->image, sizeof others);
    if (p->seed_at != 0)
        memset(others + p->seed_at, 0xFF, SLOT_LEN);
    return memcmp(others, p->device->wanted, sizeof others) == 0 && (p->seed_at == 0 || p->has_x);
}

/* ---- the registry ---- */

static enum err_code add_device(void *io, const struct device *d, struct err *e)
{
    struct look *l = io;

    (void)e;
    if (l->n < LOOK_DEVICES)
        l->device[l->n++].row = *d;
    return ERR_OK;
}

static enum err_code add_event(void *io, const struct event_row *ev, struct err *e)
{
    static const struct {
        const char *kind;
        enum device_state state;
    } kinds[] = {
        { "device.reserved", DEV_RESERVED }, { "device.keyed", DEV_KEYED },   { "device.burning", DEV_BURNING },
        { "device.verified", DEV_VERIFIED }, { "device.proved", DEV_PROVED }, { "device.locked", DEV_LOCKED },
        { "device.done", DEV_DONE },         { "serial.void", DEV_VOID },     { "device.quarantined", DEV_QUARANTINED },
        { "device.rework", DEV_VERIFIED },
    };
    struct look *l = io;
    json_t *o = json_loadb(ev->canonical, ev->len, 0, NULL);
    const char *kind = NULL, *serial = NULL;

    (void)e;
    if (o != NULL && json_unpack(o, "{s:s, s:s}", "event", &kind, "serial", &serial) == 0)
        for (size_t i = 0; i < l->n; i++)
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
                if (l->device[i].row.serial == strtoull(serial, NULL, 16) && strcmp(kind, kinds[k].kind) == 0)
                    l->device[i].events |= 1u << kinds[k].state;
    json_decref(o);
    return ERR_OK;
}

static bool open_copy(struct look *l, char why[200])
{
    char copy[WORLD_PATH + 32], journal[WORLD_PATH + 48], from[WORLD_PATH + 16];
    struct err e = { 0 };

    (void)snprintf(copy, sizeof copy, "%s.check", l->w->out);
    (void)snprintf(journal, sizeof journal, "%s-journal", copy);
    (void)snprintf(from, sizeof from, "%s-journal", l->w->db);
    (void)unlink(journal);
    if (!file_copy(l->w->db, copy) || (access(from, F_OK) == 0 && !file_copy(from, journal))) {
        (void)snprintf(why, 200, "the registry is not there");
        return false;
    }
    if (registry_open(&l->registry, copy, REGISTRY_WRITE, &e) != ERR_OK)
        return no(why, "the registry does not open", &e);
    if (registry_devices(l->registry, NULL, DEV_STATES, add_device, l, &e) != ERR_OK ||
        registry_events(l->registry, 0, add_event, l, &e) != ERR_OK)
        return no(why, "the registry can't be read", &e);
    return true;
}

/* ---- the token ---- */

static bool open_token(struct look *l, const char *role, struct hsm **out, char why[200])
{
    static const struct hsm_pin_source by_uri = { HSM_PIN_URI, -1 };
    char uri[512];
    struct err e = { 0 };

    (void)snprintf(uri, sizeof uri,
                   "pkcs11:token=%s?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:%s/pins/%s.pin", role,
                   l->w->dir, role);
    if (hsm_open(out, uri, &by_uri, l->w->dir, &e) != ERR_OK)
        return no(why, "a token does not open", &e);
    return true;
}

static bool has_line_secret(const struct world *w)
{
    return w->board->psk || w->board->device == &device_derived;
}

/* Of the master that init made for station 3. */
static bool derived_root(struct look *l, const struct device *d, uint8_t root[32])
{
    uint8_t serial[OTP_SERIAL_LEN], input[DERIVE_ROOT_INPUT_LEN];
    struct hsm_key *master = NULL;
    struct err e;

    put32(serial, (uint32_t)(d->serial >> 32));
    put32(serial + 4, (uint32_t)d->serial);
    derive_root_input(serial, input);
    const bool good = hsm_key_find(l->line, HSM_MASTER, "master/3", &master, &e) == ERR_OK &&
                      hsm_derive(master, input, root, &e) == ERR_OK;
    hsm_key_free(master);
    return good;
}

static bool secret_of(struct look *l, const struct device *d, uint8_t secret[32])
{
    struct wrapped_key key[REG_KEYS_MAX];
    struct hsm_key *kek = NULL;
    size_t n = 0;
    struct err e;
    bool good = false;

    if (l->w->board->device == &device_derived)
        return derived_root(l, d, secret);
    if (registry_keys(l->registry, d->serial, key, &n, &e) != ERR_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct hsm_blob blob = { .len = key[i].blob_len, .mechanism = key[i].mechanism };

        if (strcmp(key[i].role, "psk") != 0)
            continue;
        memcpy(blob.bytes, key[i].blob, sizeof key[i].blob);
        memcpy(blob.profile, key[i].profile, sizeof blob.profile);
        good = hsm_key_find(l->line, HSM_KEK_SECRET, key[i].kek, &kek, &e) == ERR_OK &&
               hsm_device_secret_get(l->line, kek, &blob, secret, &e) == ERR_OK;
        hsm_key_free(kek);
    }
    return good;
}

/* The image that the intent's digest is of; without it nothing on the chip can be judged.  Of one that a chip completes
 * there is no digest: it is in what the chip told, and in its frames. */
static bool make_wanted(struct look *l, struct look_device *d, char why[200])
{
    const struct scheme *s;
    uint8_t digest[32];
    struct err e = { 0 };

    if (registry_device_key(l->registry, d->row.serial, d->x, &d->key, &e) != ERR_OK)
        return no(why, "its key can't be read", &e);
    if (!d->row.has_image)
        return true;
    s = scheme_by_id(d->row.image[OTP_OFF_SCHEME]);
    memcpy(d->wanted, d->row.image, sizeof d->wanted);
    if (has_line_secret(l->w) && !secret_of(l, &d->row, d->wanted + OTP_OFF_SLOT + s->secret * SLOT_LEN)) {
        (void)snprintf(why, 200, "device %016llx: its secret can't be unwrapped", (unsigned long long)d->row.serial);
        return false;
    }
    d->has_wanted = chip_makes_key(s) ? bytes_all(d->row.image_sha256, sizeof digest, 0)
                                      : otp_image_digest(&l->crypto, d->wanted, digest) &&
                                            memcmp(digest, d->row.image_sha256, sizeof digest) == 0;
    if (!d->has_wanted)
        (void)snprintf(why, 200, "device %016llx: keys and journal do not make the image of the intent",
                       (unsigned long long)d->row.serial);
    return d->has_wanted;
}

bool look_open(struct look *l, struct world *w, const struct sweep_case *c, char why[200])
{
    *l = (struct look){ .w = w, .c = c };
    if ((l->host = hpke_host_open(&l->crypto)) == NULL) {
        (void)snprintf(why, 200, "the harness has no crypto");
        return false;
    }
    if (!open_copy(l, why) || !open_token(l, "server", &l->server, why) ||
        (has_line_secret(w) && !open_token(l, "line", &l->line, why)))
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (!make_wanted(l, &l->device[i], why))
            return false;
    return look_at_part(l, &l->part[0], w->chip, why) && look_at_part(l, &l->part[1], w->other, why);
}

void look_close(struct look *l)
{
    hsm_close(l->line);
    hsm_close(l->server);
    registry_close(l->registry);
    hpke_host_close(l->host);
}
