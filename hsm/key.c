#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hsm/guard.h"
#include "hsm/pair.h"
#include "hsm/token.h"

enum { MANY = 8, EVEN_TRIES = 64 /* an RA key with an odd y is made again: a module that never gets there is broken */ };

struct hsm_key *key_new(struct hsm *h, struct hsm_key *parent, enum key_source source, struct err *e)
{
    struct hsm_key *k = calloc(1, sizeof *k);

    if (k == NULL) {
        (void)err_set(e, &hsm_fault[HSM_MEMORY], "key", NULL, 0, "token '%s'", h->label);
        return NULL;
    }
    k->h = h;
    k->source = source;
    k->parent = parent;
    k->refs = 1;
    h->holders++;
    if (parent != NULL)
        parent->refs++;
    return k;
}

void hsm_key_free(struct hsm_key *k)
{
    struct hsm *h;

    if (k == NULL || --k->refs > 0)
        return;
    h = k->h;
    if (k->source != KEY_OF_TOKEN && !h->closed && h->pid == getpid() && h->logged_in && k->life == h->life &&
        h->module_life == h->module->life)
        (void)h->f->C_DestroyObject(h->keys, k->handle); /* else it died with its session */
    hsm_key_free(k->parent);
    token_release(h);
    explicit_bzero(k, sizeof *k);
    free(k);
}

enum err_code key_bind(struct hsm_key *k, struct err *e)
{
    static enum err_code (*const bind[])(struct hsm_key *, struct err *) = {
        [KEY_OF_TOKEN] = key_bind_token,
        [KEY_UNWRAPPED] = key_bind_unwrapped,
        [KEY_DERIVED] = key_bind_derived,
    };
    enum err_code rc;

    if (k->life == k->h->life)
        return ERR_OK;
    if (k->parent != NULL && (rc = key_bind(k->parent, e)) != ERR_OK)
        return rc;
    if ((rc = bind[k->source](k, e)) == ERR_OK)
        k->life = k->h->life;
    return rc;
}

/* ---- finding ---- */

enum err_code key_objects(struct hsm *h, struct template *t, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n, struct err *e)
{
    CK_RV rv = h->f->C_FindObjectsInit(h->work, t->at, t->n), end;

    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "C_FindObjectsInit", rv, e);
    rv = h->f->C_FindObjects(h->work, out, max, n);
    end = h->f->C_FindObjectsFinal(h->work);
    if (rv != CKR_OK || end != CKR_OK)
        return token_fail(h, HSM_CALL, "C_FindObjects", rv != CKR_OK ? rv : end, e);
    return ERR_OK;
}

size_t key_bytes(struct hsm *h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out, size_t max)
{
    CK_ATTRIBUTE a = { type, out, max };

    return h->f->C_GetAttributeValue(h->work, o, &a, 1) == CKR_OK && a.ulValueLen <= max ? a.ulValueLen : 0;
}

/* SoftHSM2 gives a copy no CKA_CHECK_VALUE and lets none be set: its CKA_ID tells which key it is a copy of. */
static const uint8_t copy_tag[8] = "fl-copy1";

void key_copy_id(uint8_t id[KEY_ID_BYTES], const uint8_t kcv[3])
{
    memcpy(id, copy_tag, sizeof copy_tag);
    memcpy(id + sizeof copy_tag, kcv, 3); /* the rest stays as it is: random */
}

static bool read_check_value(struct hsm *h, CK_OBJECT_HANDLE o, uint8_t kcv[3])
{
    uint8_t id[KEY_ID_BYTES];
    CK_BBOOL never_extractable;

    if (key_bytes(h, o, CKA_CHECK_VALUE, kcv, 3) == 3)
        return true;
    if (key_bytes(h, o, CKA_ID, id, sizeof id) != sizeof id || memcmp(id, copy_tag, sizeof copy_tag) != 0 ||
        key_bytes(h, o, CKA_NEVER_EXTRACTABLE, &never_extractable, 1) != 1 || never_extractable)
        return false;
    memcpy(kcv, id + sizeof copy_tag, 3);
    return true;
}

/* A key whose making was cut (SoftHSM2 stores the template first, value and history next) has no value: it never wrapped or
 * signed anything, and is passed over. */
bool key_is_whole(struct hsm *h, CK_OBJECT_HANDLE o, enum hsm_key_kind kind)
{
    uint8_t kcv[3];

    if (pair_of(kind) != NULL)
        return pair_is_whole(h, o, kind);
    return read_check_value(h, o, kcv);
}

static enum err_code find_key(struct hsm_key *k, CK_OBJECT_HANDLE *out, struct err *e)
{
    CK_OBJECT_HANDLE found[MANY];
    struct template t = { .n = 0 };
    CK_ULONG n = 0, whole = 0;
    enum err_code rc;

    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_CLASS, template_class(k->kind));
    template_bytes(&t, CKA_LABEL, k->label, strlen(k->label));
    if ((rc = key_objects(k->h, &t, found, MANY, &n, e)) != ERR_OK)
        return rc;
    for (CK_ULONG i = 0; i < n; i++)
        if (key_is_whole(k->h, found[i], k->kind)) {
            *out = found[i];
            whole++;
        }
    if (whole == 0)
        return err_set(e, &hsm_fault[HSM_KEY_MISSING], "C_FindObjects", NULL, 0, "token '%s': no key '%s'", k->h->label,
                       k->label);
    if (whole > 1)
        return err_set(e, &hsm_fault[HSM_KEY_AMBIGUOUS], "C_FindObjects", NULL, 0, "token '%s': %lu keys '%s'", k->h->label,
                       whole, k->label);
    return ERR_OK;
}

/* ---- checking ---- */

static enum err_code wrong(struct hsm_key *k, const char *what, struct err *e)
{
    return err_set(e, &hsm_fault[HSM_KEY_WRONG], "C_GetAttributeValue", NULL, 0, "token '%s': key '%s': %s", k->h->label,
                   k->label, what);
}

enum err_code key_read_kcv(struct hsm_key *k, CK_OBJECT_HANDLE o, uint8_t kcv[3], struct err *e)
{
    bool there;
    enum err_code rc;

    if (pair_of(k->kind) == NULL)
        return read_check_value(k->h, o, kcv) ? ERR_OK : wrong(k, "CKA_CHECK_VALUE", e);
    if ((rc = pair_read_public(k, o, &there, e)) != ERR_OK)
        return rc;
    if (!there)
        return wrong(k, "its public key is gone", e);
    pair_kcv(k, kcv);
    return ERR_OK;
}

static enum err_code check(struct hsm_key *k, CK_OBJECT_HANDLE o, struct err *e)
{
    struct hsm *h = k->h;
    const struct hsm_profile *p = &h->module->profile;
    const char *made = template_differs(h->f, h->work, o, k->kind, KEY_MADE, p), *copied;
    CK_BBOOL local;

    if (p->not_enforced != NULL && pair_of(k->kind) == NULL)
        return err_set(e, &hsm_fault[HSM_NOT_ENFORCED], "C_UnwrapKey", NULL, 0, "token '%s': key '%s': %s", h->label,
                       k->label, p->not_enforced);
    k->origin = KEY_MADE;
    if (made == NULL)
        return ERR_OK;
    copied = template_differs(h->f, h->work, o, k->kind, KEY_COPIED, p);
    k->origin = KEY_COPIED;
    if (copied == NULL)
        return ERR_OK;
    return wrong(k, key_bytes(h, o, CKA_LOCAL, &local, sizeof local) == sizeof local && local ? made : copied, e);
}

enum err_code key_bind_token(struct hsm_key *k, struct err *e)
{
    CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;
    uint8_t kcv[3];
    enum err_code rc;

    if ((rc = find_key(k, &o, e)) != ERR_OK || (rc = check(k, o, e)) != ERR_OK ||
        (rc = key_read_kcv(k, o, kcv, e)) != ERR_OK || (rc = pair_prove(k, o, e)) != ERR_OK)
        return rc;
    if (k->life != 0 && memcmp(kcv, k->kcv, sizeof kcv) != 0)
        return wrong(k, "another key than before: its check value differs", e);
    memcpy(k->kcv, kcv, sizeof kcv);
    k->handle = o;
    return ERR_OK;
}

/* ---- making ---- */

/* id: gets its CKA_ID, drawn for this try alone. */
static enum err_code make(struct hsm_key *k, uint8_t id[KEY_ID_BYTES], struct err *e)
{
    CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
    struct hsm *h = k->h;
    CK_OBJECT_HANDLE o;
    struct template t;
    CK_RV rv;
    enum err_code rc = pair_has_mechanisms(k, e);

    if (rc != ERR_OK)
        return rc;
    if (h->module->profile.not_enforced != NULL && pair_of(k->kind) == NULL)
        return err_set(e, &hsm_fault[HSM_NOT_ENFORCED], "C_GenerateKey", NULL, 0, "token '%s': key '%s': %s", h->label,
                       k->label, h->module->profile.not_enforced);
    if ((rv = h->f->C_GenerateRandom(h->work, id, KEY_ID_BYTES)) != CKR_OK)
        return token_fail(h, HSM_CALL, "C_GenerateRandom", rv, e);
    if (pair_of(k->kind) != NULL)
        return pair_make(k, id, e);
    template_token_key(&t, k->kind, KEY_MADE, &h->module->profile, k->label, id);
    rv = h->f->C_GenerateKey(h->work, &m, t.at, t.n, &o);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_GenerateKey", rv, e);
}

struct want {
    struct hsm_key *k;
    bool may_make, made;
};

/* SoftHSM2 says CKR_OK to a pair whose public half the disk did not take.  Nobody has used it: what can't be bound right
 * after its making goes, or it would stand in the way of every later call. */
static enum err_code make_and_bind(struct hsm_key *k, struct err *e)
{
    uint8_t id[KEY_ID_BYTES];
    enum err_code rc = make(k, id, e);

    if (rc == ERR_OK && (rc = key_bind(k, e)) == ERR_CONFLICT && pair_of(k->kind) != NULL)
        pair_remove_halves(k->h, id);
    return rc;
}

static enum err_code have_step(struct hsm *h, void *io, struct err *e)
{
    struct want *w = io;
    enum err_code rc = key_bind(w->k, e);

    (void)h;
    if (rc == ERR_OK || !w->may_make || e->fault != &hsm_fault[HSM_KEY_MISSING])
        return rc;
    for (int i = 0; i < (w->k->kind == HSM_RA ? EVEN_TRIES : 1) && rc != ERR_OK && e->fault == &hsm_fault[HSM_KEY_MISSING];
         i++)
        if ((rc = pair_remove_odd(w->k, e)) == ERR_OK)
            rc = make_and_bind(w->k, e);
    if (rc != ERR_OK)
        return rc;
    w->made = true;
    return ERR_OK;
}

static enum err_code have(struct hsm *h, enum hsm_key_kind kind, const char *label, bool may_make, struct hsm_key **out,
                          bool *made, struct err *e)
{
    struct want w = { .may_make = may_make };
    enum err_code rc;

    if (label[0] == '\0' || strlen(label) >= HSM_LABEL)
        return err_set(e, &hsm_fault[HSM_KEY_MISSING], "label", NULL, 0, "'%s': 1 to %d characters", label, HSM_LABEL - 1);
    if ((w.k = key_new(h, NULL, KEY_OF_TOKEN, e)) == NULL)
        return e->code;
    w.k->kind = kind;
    (void)snprintf(w.k->label, sizeof w.k->label, "%s", label);
    if ((rc = token_do(h, have_step, &w, e)) != ERR_OK) {
        hsm_key_free(w.k);
        return rc;
    }
    if (made != NULL)
        *made = w.made;
    *out = w.k;
    return ERR_OK;
}

enum err_code hsm_key_find(struct hsm *h, enum hsm_key_kind kind, const char *label, struct hsm_key **out, struct err *e)
{
    return have(h, kind, label, false, out, NULL, e);
}

/* Guarded while it makes one: the token itself would let two processes make two keys of one label. */
enum err_code hsm_key_ensure(struct hsm *h, enum hsm_key_kind kind, const char *label, struct hsm_key **out, bool *made,
                             struct err *e)
{
    struct guard guard;
    enum err_code rc = have(h, kind, label, false, out, NULL, e);

    if (made != NULL)
        *made = false;
    if (rc == ERR_OK || e->fault != &hsm_fault[HSM_KEY_MISSING])
        return rc;
    if ((rc = guard_enter(&guard, h->workspace, e)) != ERR_OK)
        return rc;
    rc = have(h, kind, label, true, out, made, e);
    guard_leave(&guard);
    return rc;
}

enum err_code hsm_key_kcv(struct hsm_key *k, uint8_t kcv[3], struct err *e)
{
    if (k->source != KEY_OF_TOKEN)
        return wrong(k, "not a token key", e);
    memcpy(kcv, k->kcv, 3); /* read when it was bound, compared each time it is bound again */
    return ERR_OK;
}
