#include "verifier/cache.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "protocol/bytes.h"
#include "verifier/fault.h"

/* ---- the token's KEKs ---- */

static enum err_code kek_find(struct verifier *v, enum hsm_key_kind kind, const char *label, struct kek **out, struct err *e)
{
    struct kek *k = NULL;
    enum err_code rc;

    for (size_t i = 0; i < KEKS_MAX; i++) {
        if (v->kek[i].used && v->kek[i].kind == kind && strcmp(v->kek[i].label, label) == 0) {
            *out = &v->kek[i];
            return ERR_OK;
        }
        if (!v->kek[i].used && k == NULL)
            k = &v->kek[i];
    }
    if (k == NULL) /* more names than a registry of one line has */
        return err_set(e, &verifier_fault[VERIFIER_OTHER_KEK], "kek", NULL, 0, "key '%s'", label);
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

static enum err_code unwrap(struct verifier *v, const struct wrapped_key *w, enum hsm_key_kind kind, enum hsm_use use,
                            struct hsm_key **out, struct err *e)
{
    struct hsm_blob blob = { .len = w->blob_len, .mechanism = w->mechanism };
    struct kek *k = NULL;
    enum err_code rc = kek_find(v, kind, w->kek, &k, e);

    if (rc != ERR_OK)
        return rc;
    if (memcmp(k->kcv, w->kek_kcv, sizeof k->kcv) != 0)
        return err_set(e, &verifier_fault[VERIFIER_OTHER_KEK], "kek", NULL, 0, "key '%s'", w->kek);
    memcpy(blob.bytes, w->blob, sizeof w->blob);
    memcpy(blob.profile, w->profile, sizeof blob.profile);
    return hsm_unwrap(v->server, k->key, &blob, use, out, e);
}

/* ---- peers ---- */

static void peer_wipe(struct peer *p)
{
    hsm_key_free(p->skR);
    hsm_key_free(p->psk);
    bytes_wipe(p, sizeof *p);
}

void peers_wipe(struct verifier *v)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        peer_wipe(&v->peer[i]);
    for (size_t i = 0; i < KEKS_MAX; i++)
        if (v->kek[i].used)
            hsm_key_free(v->kek[i].key);
    memset(v->kek, 0, sizeof v->kek);
}

/* The profile comes from the registry, never from a frame. */
static void set_profile(struct peer *p, const struct device *d, const struct product *product)
{
    p->serial = d->serial;
    p->scheme = product->scheme;
    put32(p->sealed.serial, (uint32_t)(d->serial >> 32));
    put32(p->sealed.serial + 4, (uint32_t)d->serial);
    p->sealed.profile =
        profile_make(product->scheme, product->suite, product->fleet, product->policy, product->sid_len, product->ctr_len);
}

static enum err_code load_keys(struct verifier *v, struct peer *p, struct err *e)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;
    enum err_code rc = registry_keys(v->registry, p->serial, key, &n, e);

    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        if (strcmp(key[i].role, "server") == 0 && p->skR == NULL) {
            if (!v->crypto->p256_decompress(v->crypto->io, key[i].public_x, p->sealed.pkRm))
                return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "decompress", NULL, 0, "device %016llx",
                               (unsigned long long)p->serial);
            rc = unwrap(v, &key[i], HSM_KEK, HSM_USE_ECDH, &p->skR, e);
        } else if (strcmp(key[i].role, "psk") == 0 && p->psk == NULL) {
            rc = unwrap(v, &key[i], HSM_KEK_SECRET, HSM_USE_MAC, &p->psk, e);
        }
    }
    if (rc == ERR_OK && (p->skR == NULL || (p->psk != NULL) != p->sealed.profile.psk))
        rc = err_set(e, &verifier_fault[VERIFIER_KEY_ROWS], "keys", NULL, 0, "device %016llx, %zu keys",
                     (unsigned long long)p->serial, n);
    return rc;
}

enum err_code peer_get(struct verifier *v, const struct device *d, struct peer **out, struct err *e)
{
    struct peer *oldest = &v->peer[0];
    struct product product;
    enum err_code rc;

    v->clock++;
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &v->peer[i];
        if (p->used && p->serial == d->serial) {
            p->stamp = v->clock;
            *out = p;
            return ERR_OK;
        }
        if (p->stamp < oldest->stamp)
            oldest = p;
    }
    peer_wipe(oldest);
    if ((rc = registry_product_get(v->registry, d->product, &product, e)) != ERR_OK)
        return rc;
    set_profile(oldest, d, &product);
    if ((rc = load_keys(v, oldest, e)) != ERR_OK) {
        peer_wipe(oldest);
        return rc;
    }
    oldest->used = true;
    oldest->stamp = v->clock;
    *out = oldest;
    return ERR_OK;
}

/* ---- sessions ---- */

static bool same_x(const struct live_session *s, const uint8_t x[P256_LEN])
{
    return s->used && memcmp(s->x, x, P256_LEN) == 0;
}

struct live_session *session_of(struct verifier *v, const uint8_t x[P256_LEN])
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (same_x(&v->session[i], x))
            return &v->session[i];
    return NULL;
}

void session_keep(struct verifier *v, uint64_t serial, const uint8_t x[P256_LEN], const struct peer_session *s)
{
    struct live_session *at = session_of(v, x);

    for (size_t i = 0; at == NULL && i < SESSIONS_MAX; i++)
        if (!v->session[i].used)
            at = &v->session[i];
    if (at == NULL) {
        at = &v->session[0];
        for (size_t i = 1; i < SESSIONS_MAX; i++)
            if (v->session[i].stamp < at->stamp)
                at = &v->session[i];
    }
    bytes_wipe(at, sizeof *at);
    at->used = true;
    at->serial = serial;
    at->stamp = clock_mono_ns();
    memcpy(at->x, x, P256_LEN);
    at->session = *s;
}

struct live_session *session_next(struct verifier *v, size_t *at, const uint8_t *sid, size_t len)
{
    for (; *at < SESSIONS_MAX; ++*at) {
        struct live_session *s = &v->session[*at];
        if (s->used && memcmp(s->session.keys.sid, sid, len) == 0) {
            ++*at;
            return s;
        }
    }
    return NULL;
}

void sessions_wipe(struct verifier *v, uint64_t older_than_ns)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (v->session[i].used && v->session[i].stamp <= older_than_ns)
            bytes_wipe(&v->session[i], sizeof v->session[i]);
}
