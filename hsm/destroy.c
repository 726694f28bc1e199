#include <stdio.h>
#include <string.h>

#include "hsm/guard.h"
#include "hsm/keep.h"
#include "hsm/pair.h"

enum { MANY = 8 };

struct doom {
    enum hsm_key_kind kind;
    const char *label;
    unsigned destroyed;
};

static enum err_code look(struct hsm *h, const struct doom *d, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE found[MANY],
                          CK_ULONG *n, struct err *e)
{
    struct template t = { .n = 0 };

    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_CLASS, class);
    template_bytes(&t, CKA_LABEL, d->label, strlen(d->label));
    return key_objects(h, &t, found, MANY, n, e);
}

/* A cut one has no value: the template can't be compared, and there is nothing to lose. */
static bool is_ours(struct hsm *h, const struct doom *d, CK_OBJECT_HANDLE private)
{
    return !pair_has_value(h, private) ||
           template_differs(h->f, h->work, private, d->kind, KEY_MADE, &h->module->profile) == NULL;
}

/* All of them are looked at before the first goes. */
static enum err_code check(struct hsm *h, const struct doom *d, struct err *e)
{
    CK_OBJECT_HANDLE found[MANY];
    CK_ULONG n = 0;
    enum err_code rc = look(h, d, CKO_PRIVATE_KEY, found, &n, e);

    for (CK_ULONG i = 0; i < n && rc == ERR_OK; i++)
        if (!is_ours(h, d, found[i]))
            rc = err_set(e, &hsm_fault[HSM_KEY_WRONG], "C_DestroyObject", NULL, 0,
                         "token '%s': key '%s' is of another kind: all is left", h->label, d->label);
    return rc;
}

/* More than MANY: in rounds. */
static enum err_code destroy_class(struct hsm *h, struct doom *d, CK_OBJECT_CLASS class, struct err *e)
{
    const char *half = class == CKO_PRIVATE_KEY ? "nothing is destroyed yet" : "only its public half is left";
    CK_OBJECT_HANDLE found[MANY];
    CK_ULONG n;
    enum err_code rc;
    CK_RV rv;

    do {
        n = 0;
        if ((rc = look(h, d, class, found, &n, e)) != ERR_OK)
            return rc;
        for (CK_ULONG i = 0; i < n; i++) {
            if ((rv = h->f->C_DestroyObject(h->work, found[i])) != CKR_OK) {
                (void)token_fail(h, HSM_CALL, "C_DestroyObject", rv, e);
                return err_set(e, e->fault, "C_DestroyObject", "CKR", (long)rv, "token '%s': key '%s': %s, %s", h->label,
                               d->label, ckr_name(rv), d->destroyed > 0 && i > 0 ? "a part is left" : half);
            }
            d->destroyed++;
        }
    } while (n > 0);
    return ERR_OK;
}

/* The private half first: it is the secret.  Cut behind it, the public one is found by its label. */
static enum err_code destroy_step(struct hsm *h, void *io, struct err *e)
{
    struct doom *d = io;
    char serial[33];
    CK_TOKEN_INFO info;
    enum err_code rc;
    CK_RV rv = h->f->C_GetTokenInfo(h->slot, &info);

    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "C_GetTokenInfo", rv, e);
    uri_field(serial, info.serialNumber, sizeof info.serialNumber);
    if ((rc = check(h, d, e)) != ERR_OK || (rc = keep_forget_begin(h->workspace, serial, e)) != ERR_OK ||
        (rc = destroy_class(h, d, CKO_PRIVATE_KEY, e)) != ERR_OK || (rc = destroy_class(h, d, CKO_PUBLIC_KEY, e)) != ERR_OK)
        return rc;
    return keep_forget_end(h->workspace, e);
}

enum err_code hsm_key_destroy(struct hsm *h, enum hsm_key_kind kind, const char *label, unsigned *destroyed, struct err *e)
{
    struct doom d = { .kind = kind, .label = label };
    struct guard guard;
    enum err_code rc;

    if (destroyed != NULL)
        *destroyed = 0;
    if (!template_destroyable(kind))
        return err_set(e, &hsm_fault[HSM_KEY_KEPT], "C_DestroyObject", NULL, 0, "token '%s': key '%s'", h->label, label);
    if ((rc = guard_enter(&guard, h->workspace, e)) != ERR_OK)
        return rc;
    rc = token_do(h, destroy_step, &d, e);
    guard_leave(&guard);
    if (destroyed != NULL)
        *destroyed = d.destroyed;
    return rc;
}
