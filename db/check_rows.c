/* Each row against what the log tells of it, against its image and against its keys; each frame against its device. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "db/check_impl.h"
#include "protocol/bytes.h"
#include "protocol/otp_image.h"
#include "protocol/scheme.h"

struct pair { /* of values that should be the same */
    char is[2 * 32 + 1], should[2 * 32 + 1];
};

static void bytes_pair(struct pair *p, const uint8_t *is, const uint8_t *should, size_t len)
{
    hex_encode(is, len, p->is);
    hex_encode(should, len, p->should);
}

static enum err_code same(struct check *c, enum difference_kind kind, uint64_t serial, const struct pair *p, struct err *e)
{
    return strcmp(p->is, p->should) == 0 ? ERR_OK : check_differs(c, kind, &serial, p->is, p->should, e);
}

/* ---- the row, as told ---- */

static enum err_code same_text(struct check *c, enum difference_kind kind, uint64_t serial, const char *is,
                               const char *should, struct err *e)
{
    return strcmp(is, should) == 0 ? ERR_OK : check_differs(c, kind, &serial, is, should, e);
}

static enum err_code as_told(struct check *c, const struct device *d, const struct told *t, struct err *e)
{
    static const uint8_t none[32];
    struct pair p;
    enum err_code rc;

    if (!t->is_told)
        return check_differs(c, DIFF_NO_EVENTS, &d->serial, device_state_name(d->state), "a row with device.reserved", e);
    rc = same_text(c, DIFF_STATE, d->serial, device_state_name(d->state), device_state_name(t->state), e);
    bytes_pair(&p, d->uid, t->uid, sizeof d->uid);
    if (rc == ERR_OK)
        rc = same(c, DIFF_UID, d->serial, &p, e);
    if (rc == ERR_OK)
        rc = same_text(c, DIFF_PRODUCT, d->serial, d->product, t->product, e);
    if (rc == ERR_OK)
        rc = same_text(c, DIFF_REASON, d->serial, d->reason, t->reason, e);
    bytes_pair(&p, d->has_image ? d->image_sha256 : none, t->image_sha256, sizeof none);
    return rc == ERR_OK ? same(c, DIFF_IMAGE_DIGEST, d->serial, &p, e) : rc;
}

/* ---- its image ---- */

/* Each field of the image that the row or its product also knows. */
static enum err_code same_fields(struct check *c, const struct device *d, const struct product *p, struct err *e)
{
    const uint8_t *i = d->image;
    const struct {
        const char *name;
        uint64_t is, should;
    } fields[] = {
        { "serial", (uint64_t)get32(i + OTP_OFF_SERIAL) << 32 | get32(i + OTP_OFF_SERIAL + 4), d->serial },
        { "scheme", i[OTP_OFF_SCHEME], p->scheme },
        { "suite", i[OTP_OFF_SUITE], p->suite },
        { "fleet", get16(i + OTP_OFF_FLEET), p->fleet },
        { "model", get16(i + OTP_OFF_MODEL), p->model },
        { "policy", get16(i + OTP_OFF_POLICY), p->policy },
        { "day", get16(i + OTP_OFF_DAY), d->day },
        { "station", get16(i + OTP_OFF_STATION), d->station },
    };
    enum err_code rc = ERR_OK;

    for (size_t k = 0; k < sizeof fields / sizeof *fields && rc == ERR_OK; k++) {
        struct pair pair;
        (void)snprintf(pair.is, sizeof pair.is, "%s %" PRIx64, fields[k].name, fields[k].is);
        (void)snprintf(pair.should, sizeof pair.should, "%s %" PRIx64, fields[k].name, fields[k].should);
        rc = same(c, DIFF_IMAGE_FIELD, d->serial, &pair, e);
    }
    return rc;
}

/* With a secret the journal's image has a hole, and its digest is of the whole. */
static bool has_hole(const uint8_t *image)
{
    const struct scheme *s = scheme_by_id(image[OTP_OFF_SCHEME]);

    for (uint8_t i = 0; s != NULL && i < SLOTS && i < image[OTP_OFF_USED]; i++)
        if (s->slot[i] == SLOT_SECRET || s->slot[i] == SLOT_CHIP_MADE || s->slot[i] == SLOT_CHIP_DIGEST)
            return true;
    return (get16(image + OTP_OFF_POLICY) & POLICY_PSK) != 0;
}

static enum err_code same_content(struct check *c, const struct device *d, struct err *e)
{
    uint8_t digest[32];
    struct pair p;

    if (has_hole(d->image) || bytes_all(d->image_sha256, sizeof digest, 0))
        return ERR_OK;
    if (EVP_Digest(d->image, sizeof d->image, digest, NULL, EVP_sha256(), NULL) != 1)
        memset(digest, 0, sizeof digest);
    bytes_pair(&p, digest, d->image_sha256, sizeof digest);
    return same(c, DIFF_IMAGE_CONTENT, d->serial, &p, e);
}

static enum err_code check_image(struct check *c, const struct device *d, const struct product *p, struct err *e)
{
    const bool must = d->state >= DEV_BURNING && d->state <= DEV_DONE, may = must || d->state == DEV_QUARANTINED;
    enum err_code rc;

    if ((must && !d->has_image) || (!may && d->has_image))
        return check_differs(c, DIFF_IMAGE, &d->serial, d->has_image ? "an image" : "no image",
                             must ? "an image" : "no image", e);
    if (!d->has_image)
        return ERR_OK;
    rc = same_fields(c, d, p, e);
    return rc == ERR_OK ? same_content(c, d, e) : rc;
}

/* ---- its keys ---- */

/* Wrapped keys of a device, least and most: of 1 its own server key and its secret, of 4 its secret; of an injected key what
 * it is made of, until the log says that this was destroyed; elsewhere a seed at most, where the line made one. */
static void keys_wanted(const struct product *p, const struct told *t, size_t *least, size_t *most)
{
    static const uint8_t seeds[SCHEME_MAX + 1] = { [2] = 1, [6] = 1 };
    const size_t secrets = p->scheme == 1 ? ((p->policy & POLICY_PSK) != 0 ? 2 : 1) : p->scheme == 4 ? 1 : 0;

    *least = secrets + (t->is_injected && !t->seed_gone ? 1 : 0);
    *most = p->scheme <= SCHEME_MAX ? *least + seeds[p->scheme] : 0;
}

/* The event of KEYED names one of them. */
static enum err_code check_digest(struct check *c, const struct told *t, const struct wrapped_key *key, size_t n,
                                  struct err *e)
{
    struct pair pair;

    for (size_t i = 0; i < n; i++)
        if (memcmp(key[i].digest, t->key_sha256, sizeof t->key_sha256) == 0)
            return ERR_OK;
    if (n == 0)
        return ERR_OK;
    bytes_pair(&pair, key[0].digest, t->key_sha256, sizeof key[0].digest);
    return same(c, DIFF_KEY_DIGEST, t->serial, &pair, e);
}

static enum err_code check_keys(struct check *c, const struct device *d, const struct told *t, const struct product *p,
                                struct err *e)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0, least, most;
    const bool must = d->state >= DEV_KEYED && d->state <= DEV_DONE;
    struct pair pair;
    enum err_code rc = registry_keys(c->r, d->serial, key, &n, e);

    if (rc != ERR_OK)
        return rc;
    keys_wanted(p, t, &least, &most);
    if ((must && (n < least || n > most)) || (t->seed_gone && n != 0) || (d->state == DEV_RESERVED && n != 0)) {
        (void)snprintf(pair.is, sizeof pair.is, "%zu keys", n);
        (void)snprintf(pair.should, sizeof pair.should, "%zu keys", must || t->seed_gone ? least : 0);
        rc = check_differs(c, DIFF_KEYS, &d->serial, pair.is, pair.should, e);
    }
    return rc == ERR_OK ? check_digest(c, t, key, n, e) : rc;
}

/* ---- all rows ---- */

struct walk {
    struct check *c;
    struct product p; /* of the row before: rows of a product stand together */
};

static enum err_code check_row(void *io, const struct device *d, struct err *e)
{
    struct walk *w = io;
    const struct told *t = check_told(w->c, d->serial);
    const uint32_t low = (uint32_t)d->serial;
    enum err_code rc = ERR_OK;

    if (strcmp(w->p.name, d->product) != 0 && (rc = registry_product_get(w->c->r, d->product, &w->p, e)) != ERR_OK)
        return rc;
    if (low < w->p.serial_first || low > w->p.serial_last || d->serial >> 48 != w->p.fleet)
        rc = check_differs(w->c, DIFF_SERIAL, &d->serial, "outside of its product's range", w->p.name, e);
    if (rc != ERR_OK || (rc = as_told(w->c, d, t, e)) != ERR_OK || (rc = check_image(w->c, d, &w->p, e)) != ERR_OK)
        return rc;
    if (!t->is_told || (rc = check_keys(w->c, d, t, &w->p, e)) != ERR_OK)
        return rc;
    return check_scheme_rows(w->c, t, w->p.scheme, e);
}

enum err_code check_rows(struct check *c, struct err *e)
{
    struct walk w = { .c = c };
    enum err_code rc = registry_devices(c->r, NULL, DEV_STATES, check_row, &w, e);

    for (size_t i = c->rows; i < c->n && rc == ERR_OK; i++)
        rc = check_differs(c, DIFF_NO_ROW, &c->told[i].serial, "no row", device_state_name(c->told[i].state), e);
    return rc;
}

/* ---- frames ---- */

static enum err_code check_frame(struct check *c, struct sql_row *row, struct err *e)
{
    const uint64_t serial = strtoull(sql_text(row, 0), NULL, 16); /* 0: of nobody */
    size_t len, digest_len;
    const void *frame = sql_blob(row, 1, &len), *digest = sql_blob(row, 2, &digest_len);
    struct told *t = serial != 0 ? check_told(c, serial) : NULL;
    uint8_t now[32] = { 0 };
    enum err_code rc = ERR_OK;

    c->count->frames++;
    if (EVP_Digest(frame, len, now, NULL, EVP_sha256(), NULL) != 1 || digest_len != sizeof now ||
        memcmp(now, digest, sizeof now) != 0)
        rc = check_differs(c, DIFF_FRAME_HASH, serial != 0 ? &serial : NULL, "a frame with another SHA-256",
                           "the frame as it was received", e);
    if (rc != ERR_OK || t == NULL || t->was_done || t->has_frames)
        return rc;
    t->has_frames = true; /* told once */
    return check_differs(c, DIFF_FRAME_DEVICE, &serial, "frames of a device that never was DONE", "no frames", e);
}

enum err_code check_frames(struct check *c, struct err *e)
{
    struct sql_row *row = NULL;
    bool more = true;
    enum err_code rc =
        sql_query(c->r->sql, &row, e,
                  "SELECT serial, frame, digest FROM frame UNION ALL SELECT serial, frame, digest FROM evidence", "");

    while (rc == ERR_OK && (rc = sql_next(row, &more, e)) == ERR_OK && more)
        rc = check_frame(c, row, e);
    sql_done(row);
    return rc;
}
