#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "hsm/pair.h"

/* Of one token, in three passes: the handles, what each object is, and each() outside of token_do, so that a token that dies
 * half-way gives no key twice. */
struct list {
    CK_OBJECT_HANDLE *object;
    struct hsm_key_info *info;
    CK_ULONG n;
};

/* ---- handles ---- */

static CK_RV more(struct hsm *h, struct list *l, CK_ULONG *got)
{
    enum { BLOCK = 64 };
    void *grown = realloc(l->object, (l->n + BLOCK) * sizeof *l->object);

    *got = 0;
    if (grown == NULL)
        return CKR_HOST_MEMORY;
    l->object = grown;
    CK_RV rv = h->f->C_FindObjects(h->work, l->object + l->n, BLOCK, got);
    l->n += *got;
    return rv;
}

static enum err_code find_class(struct hsm *h, struct list *l, CK_OBJECT_CLASS class, struct err *e)
{
    struct template t = { .n = 0 };
    CK_ULONG got;
    CK_RV rv, end;

    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_CLASS, class);
    if ((rv = h->f->C_FindObjectsInit(h->work, t.at, t.n)) != CKR_OK)
        return token_fail(h, HSM_CALL, "C_FindObjectsInit", rv, e);
    do
        rv = more(h, l, &got);
    while (rv == CKR_OK && got > 0);
    end = h->f->C_FindObjectsFinal(h->work);
    if (rv != CKR_OK || end != CKR_OK)
        return token_fail(h, HSM_CALL, "C_FindObjects", rv != CKR_OK ? rv : end, e);
    return ERR_OK;
}

/* ---- what it is ---- */

static void read_label(struct hsm *h, CK_OBJECT_HANDLE o, char label[HSM_LABEL])
{
    char text[256];
    size_t len = key_bytes(h, o, CKA_LABEL, text, sizeof text - 1);

    text[len] = '\0';
    (void)snprintf(label, HSM_LABEL, "%.*s", HSM_LABEL - 1, text);
}

static bool is_of(struct hsm *h, CK_OBJECT_HANDLE o, enum hsm_key_kind kind, enum key_origin origin)
{
    return template_differs(h->f, h->work, o, kind, origin, &h->module->profile) == NULL;
}

static void find_kind(struct hsm *h, CK_OBJECT_HANDLE o, struct hsm_key_info *k)
{
    k->state = HSM_KEY_WHOLE;
    k->kind = HSM_TLS; /* differs from an RA by its label only */
    if (strncmp(k->label, "tls/", 4) == 0 && is_of(h, o, k->kind, KEY_MADE))
        return;
    k->kind = HSM_KEK_SECRET; /* a copy of it differs from one of a KEK by its label only */
    k->copied = strcmp(k->label, "kek-secret") == 0 && is_of(h, o, k->kind, KEY_COPIED);
    if (k->copied)
        return;
    for (k->kind = 0; k->kind < HSM_KEY_KINDS; k->kind++) {
        k->copied = false;
        if (is_of(h, o, k->kind, KEY_MADE))
            return;
        k->copied = pair_of(k->kind) == NULL;
        if (k->copied && is_of(h, o, k->kind, KEY_COPIED))
            return;
    }
    k->state = HSM_KEY_FOREIGN;
    k->copied = false;
}

/* No value: see key_is_whole.  By class only, for the rest may not be there either. */
static bool is_cut(struct hsm *h, CK_OBJECT_HANDLE o)
{
    CK_OBJECT_CLASS class = 0;

    if (key_bytes(h, o, CKA_CLASS, &class, sizeof class) != sizeof class)
        return true;
    if (class == CKO_SECRET_KEY)
        return !key_is_whole(h, o, HSM_KEK);
    return !pair_has_value(h, o);
}

static void show_public(const struct hsm_key *k, struct hsm_key_info *info)
{
    const struct pair *p = pair_of(k->kind);

    info->pk_len = k->kind == HSM_RSA ? 32 : p->pk_len;
    if (k->kind == HSM_RSA)
        (void)SHA256(k->pk, p->pk_len, info->pk);
    else
        memcpy(info->pk, k->pk, info->pk_len);
}

static enum err_code describe(struct hsm *h, CK_OBJECT_HANDLE o, struct hsm_key_info *info, struct err *e)
{
    struct hsm_key k = { .h = h, .source = KEY_OF_TOKEN }; /* only to read with: never bound or given out */

    *info = (struct hsm_key_info){ .kind = HSM_KEY_KINDS };
    read_label(h, o, info->label);
    if (is_cut(h, o)) {
        info->state = HSM_KEY_CUT;
        return ERR_OK;
    }
    find_kind(h, o, info);
    if (info->state == HSM_KEY_FOREIGN)
        return ERR_OK;
    k.kind = info->kind;
    (void)snprintf(k.label, sizeof k.label, "%s", info->label);
    if (!key_is_whole(h, o, info->kind)) { /* an odd RA key */
        info->state = HSM_KEY_CUT;
        return ERR_OK;
    }
    enum err_code rc = key_read_kcv(&k, o, info->kcv, e);
    if (rc == ERR_CONFLICT) { /* its public half is gone */
        info->state = HSM_KEY_CUT;
        rc = ERR_OK;
    } else if (rc == ERR_OK && pair_of(k.kind) != NULL)
        show_public(&k, info);
    return rc;
}

static enum err_code list_step(struct hsm *h, void *io, struct err *e)
{
    struct list *l = io;
    enum err_code rc;

    l->n = 0;
    free(l->info);
    l->info = NULL;
    if ((rc = find_class(h, l, CKO_SECRET_KEY, e)) != ERR_OK || (rc = find_class(h, l, CKO_PRIVATE_KEY, e)) != ERR_OK)
        return rc;
    if ((l->info = calloc(l->n + 1, sizeof *l->info)) == NULL)
        return err_set(e, &hsm_fault[HSM_MEMORY], "hsm_keys", NULL, 0, "token '%s'", h->label);
    for (CK_ULONG i = 0; i < l->n && rc == ERR_OK; i++)
        rc = describe(h, l->object[i], &l->info[i], e);
    return rc;
}

enum err_code hsm_keys(struct hsm *h, hsm_key_each *each, void *io, struct err *e)
{
    struct list l = { .n = 0 };
    enum err_code rc = token_do(h, list_step, &l, e);

    for (CK_ULONG i = 0; i < l.n && rc == ERR_OK; i++)
        rc = each(io, &l.info[i], e);
    free(l.object);
    free(l.info);
    return rc;
}
