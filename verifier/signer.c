/* Schemes 3 and 8: whose signature it is.  All of the server's keys in a thief's hands make no such frame. */
#include <string.h>

#include "db/device_key.h"
#include "verifier/job.h"

/* Its key is the one that the frame shows (8), or else the pinned one. */
static const char *verify(struct job *j, const uint8_t x[P256_LEN], enum sealed_result *r)
{
    const struct peer *p = j->peer;

    *r = p->scheme->verify(j->v->crypto, &p->side, &j->session, j->f.counter, NULL, &j->text, x);
    return *r == SEALED_OK ? NULL : sealed_result_name(*r);
}

static enum err_code conflict(struct job *j, const char **why, struct err *e)
{
    *why = "key-conflict";
    return registry_pin_conflict(j->v->registry, j->device.serial, j->text.pk, e);
}

enum err_code signer_check(struct job *j, const char **why, struct err *e)
{
    enum device_key_state state;
    enum sealed_result r = SEALED_OK;
    uint8_t x[P256_LEN];
    enum err_code rc;

    if (!j->peer->way->signs || j->text.sig == NULL) /* DATA is unsigned where the profile says so */
        return ERR_OK;
    if ((rc = registry_device_key(j->v->registry, j->device.serial, x, &state, e)) != ERR_OK)
        return rc;
    const bool pinned = state == DEVICE_KEY_PINNED;
    if (!pinned && (j->text.pk == NULL || !j->peer->field_sign_up || state != DEVICE_KEY_NONE)) {
        *why = "unpinned";
        return ERR_OK;
    }
    *why = verify(j, j->text.pk != NULL ? j->text.pk : x, &r);
    if (r == SEALED_CRYPTO)
        return job_refuse_sealed(j, r, e);
    if (r != SEALED_OK)
        return ERR_OK;
    j->pins = !pinned;
    return pinned && j->text.pk != NULL && memcmp(j->text.pk, x, sizeof x) != 0 ? conflict(j, why, e) : ERR_OK;
}
