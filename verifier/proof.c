#include <string.h>

#include "protocol/bytes.h"
#include "verifier/cache.h"
#include "verifier/fault.h"
#include "verifier/verifier.h"

static enum err_code refuse(uint64_t serial, const char *why, struct err *e)
{
    return err_set(e, &verifier_fault[VERIFIER_PROOF_REFUSED], "proof", NULL, 0, "device %016llx: %s",
                   (unsigned long long)serial, why);
}

/* A device that was burned with this image, by our own record. */
static const char *unproved(const struct device *d, const uint8_t image_digest[32])
{
    if (!d->has_image || d->state < DEV_VERIFIED || d->state > DEV_DONE)
        return device_state_name(d->state);
    return bytes_equal(d->image_sha256, image_digest, 32) ? NULL : "another image";
}

enum err_code verifier_prove(void *io, uint64_t serial, const uint8_t *frame, size_t len, const uint8_t challenge[32],
                             const uint8_t image_digest[32], struct err *e)
{
    struct verifier *v = io;
    struct peer_session s;
    struct peer_text text;
    uint8_t proof[PROOF_LEN];
    struct device d;
    struct peer *p = NULL;
    struct frame f;
    enum sealed_result r = SEALED_FORM;
    enum frame_result parsed = frame_parse(frame, len, &f);
    const char *why;
    enum err_code rc;

    if (parsed != FRAME_OK)
        return refuse(serial, frame_result_name(parsed), e);
    if (f.form->kind != FRAME_OPEN || f.form->scheme != 1)
        return refuse(serial, sealed_result_name(SEALED_FORM), e);
    if ((rc = registry_device(v->registry, serial, &d, e)) != ERR_OK)
        return rc;
    if ((why = unproved(&d, image_digest)) != NULL)
        return refuse(serial, why, e);
    if ((rc = peer_get(v, &d, &p, e)) != ERR_OK || (rc = session_from_open(v, p, &f, &s, &r, e)) != ERR_OK)
        goto out;
    profile_proof(challenge, image_digest, proof);
    if (r == SEALED_OK)
        r = peer_sealed.open(v->crypto, &p->sealed, &s, &f, proof, &text);
    if (r != SEALED_OK)
        rc = refuse(serial, sealed_result_name(r), e);
out:
    bytes_wipe(&s, sizeof s);
    return rc;
}
