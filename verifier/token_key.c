#include <stdio.h>
#include <string.h>

#include "verifier/cache.h"
#include "verifier/fault.h"

enum err_code token_key_find(struct verifier *v, enum hsm_key_kind kind, const char *label, struct token_key **out,
                             struct err *e)
{
    struct token_key *k = NULL;
    enum err_code rc;

    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (v->key[i].used && v->key[i].kind == kind && strcmp(v->key[i].label, label) == 0) {
            *out = &v->key[i];
            return ERR_OK;
        }
        if (!v->key[i].used && k == NULL)
            k = &v->key[i];
    }
    if (k == NULL) { /* more lines than places: start again */
        token_keys_forget(v);
        k = &v->key[0];
    }
    if ((rc = hsm_key_find(v->server, kind, label, &k->key, e)) != ERR_OK)
        return rc;
    if ((rc = hsm_key_kcv(k->key, k->kcv, e)) != ERR_OK) {
        hsm_key_free(k->key);
        return rc;
    }
    k->used = true;
    k->kind = kind;
    (void)snprintf(k->label, sizeof k->label, "%s", label);
    *out = k;
    return ERR_OK;
}

enum err_code token_key_unwrap(struct verifier *v, const struct wrapped_key *w, enum hsm_key_kind kind, enum hsm_use use,
                               struct hsm_key **out, struct err *e)
{
    struct hsm_blob blob = { .len = w->blob_len, .mechanism = w->mechanism };
    struct token_key *k = NULL;
    enum err_code rc = token_key_find(v, kind, w->kek, &k, e);

    if (rc != ERR_OK)
        return rc;
    if (memcmp(k->kcv, w->kek_kcv, sizeof k->kcv) != 0)
        return err_set(e, &verifier_fault[VERIFIER_OTHER_KEK], "kek", NULL, 0, "key '%s'", w->kek);
    memcpy(blob.bytes, w->blob, sizeof w->blob);
    memcpy(blob.profile, w->profile, sizeof blob.profile);
    return hsm_unwrap(v->server, k->key, &blob, use, out, e);
}

void token_keys_forget(struct verifier *v)
{
    for (size_t i = 0; i < KEYS_MAX; i++)
        if (v->key[i].used)
            hsm_key_free(v->key[i].key);
    memset(v->key, 0, sizeof v->key);
}
