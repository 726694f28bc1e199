#include <string.h>

#include "db/device_key.h"
#include "protocol/bytes.h"
#include "protocol/scheme.h"
#include "verifier/fault.h"
#include "verifier/job.h"

/* One proof: who claims to be proved, and what came of it. */
struct trial {
    struct verifier *v;
    struct device device;
    struct product product;
    struct frame f;
    uint8_t proof[PROOF_LEN];
    struct peer *peer;
    struct peer_session session;
    struct peer_text text;
    enum sealed_result r;
};

static enum err_code refuse(uint64_t serial, const char *why, struct err *e)
{
    return err_set(e, &verifier_fault[VERIFIER_PROOF_REFUSED], "proof", NULL, 0, "device %016llx: %s",
                   (unsigned long long)serial, why);
}

/* Of an image that the chip completed, the row holds what others may know, its secret blank: as the chip digests it. */
static bool same_image(const struct crypto *c, const struct device *d, const uint8_t image_digest[32])
{
    uint8_t digest[SHA256_LEN];

    if (!bytes_all(d->image_sha256, sizeof d->image_sha256, 0))
        return bytes_equal(d->image_sha256, image_digest, sizeof digest);
    return otp_image_digest(c, d->image, digest) && bytes_equal(digest, image_digest, sizeof digest);
}

/* A device that was burned with this image, by our own record. */
static const char *unproved(const struct trial *t, const uint8_t image_digest[32])
{
    const struct device *d = &t->device;

    if (!d->has_image || d->state < DEV_VERIFIED || d->state > DEV_DONE)
        return device_state_name(d->state);
    return same_image(t->v->crypto, d, image_digest) ? NULL : "another image";
}

/* ---- opening it, by the way of its product's scheme ---- */

static enum err_code open_own(struct trial *t, const struct peer_gen *gen, struct err *e)
{
    enum err_code rc = peer_of_device(t->v, &t->device, &t->peer, e);

    if (rc != ERR_OK || t->peer == NULL)
        return rc;
    if ((rc = session_from_open(t->v, t->peer, gen, &t->f, &t->session, &t->r, e)) == ERR_OK && t->r == SEALED_OK)
        t->r = t->peer->scheme->open(t->v->crypto, &t->peer->side, &t->session, &t->f, t->proof, &t->text);
    return rc;
}

static enum err_code open_boots(struct trial *t, struct err *e)
{
    struct peer_gens known;
    struct peer_gen gen[PEER_GENS_MAX];
    size_t n = 0;
    enum err_code rc = peer_of_device(t->v, &t->device, &t->peer, e);

    if (rc == ERR_OK)
        rc = boot_gens(t->v, t->peer, &known, gen, &n, e);
    for (size_t i = 0; i < n && rc == ERR_OK && t->r != SEALED_OK; i++)
        rc = open_own(t, boot_gen(t->peer, &gen[i]), e);
    return rc;
}

static enum err_code open_proof(struct trial *t, struct err *e)
{
    const struct way *way = way_of(t->product.scheme);

    t->r = SEALED_FORM;
    if (way == NULL || (way->by_boot ? t->f.boot == NULL : t->f.form->scheme != way->scheme))
        return ERR_OK;
    if (way->by_boot)
        return open_boots(t, e);
    return way->of_fleet ? candidates_try(t->v, &t->f, t->product.fleet, t->proof, &t->peer, &t->session, &t->text, &t->r, e)
                         : open_own(t, NULL, e);
}

/* ---- whose it is ---- */

static bool names_device(const struct trial *t)
{
    const size_t len = t->text.serial_len;
    uint8_t serial[OTP_SERIAL_LEN];

    put32(serial, (uint32_t)(t->device.serial >> 32));
    put32(serial + 4, (uint32_t)t->device.serial);
    return t->text.serial == NULL || memcmp(t->text.serial, serial + sizeof serial - len, len) == 0;
}

/* The key is the one that the chip made, whether it is pinned by now or not. */
static enum err_code check_key(struct trial *t, struct err *e)
{
    enum device_key_state state;
    uint8_t x[P256_LEN];
    enum err_code rc = registry_device_key(t->v->registry, t->device.serial, x, &state, e);

    if (rc != ERR_OK)
        return rc;
    if (state == DEVICE_KEY_NONE)
        return refuse(t->device.serial, "no key was made on the chip", e);
    if (t->text.pk != NULL && memcmp(t->text.pk, x, sizeof x) != 0)
        return refuse(t->device.serial, "another key", e);
    t->r = t->peer->scheme->verify(t->v->crypto, &t->peer->side, &t->session, 0, t->proof, &t->text, x);
    return t->r == SEALED_OK ? ERR_OK : refuse(t->device.serial, sealed_result_name(t->r), e);
}

static enum err_code check(struct trial *t, struct err *e)
{
    if (t->r != SEALED_OK || t->peer == NULL)
        return refuse(t->device.serial, t->r < SEALED_RESULTS ? sealed_result_name(t->r) : "no-key", e);
    if (!names_device(t))
        return refuse(t->device.serial, sealed_result_name(SEALED_SERIAL), e);
    return t->peer->way->signs ? check_key(t, e) : ERR_OK;
}

enum err_code verifier_prove(void *io, uint64_t serial, const uint8_t *frame, size_t len, const uint8_t challenge[32],
                             const uint8_t image_digest[32], struct err *e)
{
    struct trial t = { .v = io };
    enum frame_result parsed = frame_parse(frame, len, &t.f);
    const char *why;
    enum err_code rc;

    if (parsed != FRAME_OK)
        return refuse(serial, frame_result_name(parsed), e);
    if ((rc = registry_device(t.v->registry, serial, &t.device, e)) != ERR_OK ||
        (rc = registry_product_get(t.v->registry, t.device.product, &t.product, e)) != ERR_OK)
        return rc;
    if ((why = unproved(&t, image_digest)) != NULL)
        return refuse(serial, why, e);
    profile_proof(challenge, image_digest, t.proof);
    if ((rc = open_proof(&t, e)) == ERR_OK)
        rc = check(&t, e);
    bytes_wipe(&t.session, sizeof t.session);
    bytes_wipe(&t.text, sizeof t.text);
    return rc;
}
