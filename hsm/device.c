#include <stdio.h>
#include <string.h>

#include "hsm/point.h"
#include "hsm/token.h"

/* Both numbers mean RFC 5649 in the profiles that write them, so a blob goes from one module to another. */
static bool is_known(const struct hsm_blob *b)
{
    return (b->mechanism == CKM_AES_KEY_WRAP_PAD || b->mechanism == CKM_AES_KEY_WRAP_KWP) && b->len > 0 &&
           b->len <= sizeof b->bytes && b->len % 8 == 0;
}

static enum err_code bad_blob(struct hsm *h, CK_RV rv, struct err *e)
{
    h->last = CKR_OK;
    return err_set(e, &hsm_fault[HSM_BLOB_BAD], "C_UnwrapKey", rv == CKR_OK ? NULL : "CKR", (long)rv, "token '%s': %s",
                   h->label, rv == CKR_OK ? "no blob of ours" : ckr_name(rv));
}

static CK_RV unwrap(struct hsm_key *kek, const struct hsm_blob *b, enum hsm_use use, CK_OBJECT_HANDLE *out)
{
    struct hsm *h = kek->h;
    CK_MECHANISM m = { h->module->profile.wrap, NULL, 0 };
    uint8_t bytes[HSM_BLOB_MAX];
    struct template t;

    h->module->made++;
    memcpy(bytes, b->bytes, b->len);
    template_unwrapped(&t, use);
    if (use == HSM_USE_ECDH && h->module->profile.wants_nss_db) /* asked for, and not looked at by ECDH */
        template_bytes(&t, CKA_NSS_DB_NUMBER, point_generator, sizeof point_generator);
    return h->f->C_UnwrapKey(h->keys, &m, kek->handle, bytes, b->len, t.at, t.n, out);
}

/* SoftHSM2 says CKR_GENERAL_ERROR to a damaged blob and to a token that is gone alike: the last blob that this KEK did
 * unwrap tells which. */
static bool is_alive(struct hsm_key *kek)
{
    struct hsm *h = kek->h;
    CK_OBJECT_HANDLE o;

    if (kek->canary.len == 0 || unwrap(kek, &kek->canary, kek->kind == HSM_KEK ? HSM_USE_ECDH : HSM_USE_MAC, &o) != CKR_OK)
        return false;
    (void)h->f->C_DestroyObject(h->keys, o); /* it goes with the session at the latest */
    return true;
}

/* Codes that speak of the blob, not of the token. */
static bool blames_blob(CK_RV rv)
{
    return rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_FUNCTION_FAILED ||
           rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE || rv == CKR_TEMPLATE_INCONSISTENT;
}

static enum err_code unwrap_into(struct hsm_key *kek, const struct hsm_blob *b, enum hsm_use use, CK_OBJECT_HANDLE *out,
                                 struct err *e)
{
    struct hsm *h = kek->h;
    CK_RV rv;

    if (!is_known(b))
        return bad_blob(h, CKR_OK, e);
    rv = unwrap(kek, b, use, out);
    if (rv == CKR_OK) {
        kek->canary = *b;
        return ERR_OK;
    }
    if (blames_blob(rv) || (rv == CKR_GENERAL_ERROR && is_alive(kek)))
        return bad_blob(h, rv, e);
    return token_fail(h, HSM_BLOB_BAD, "C_UnwrapKey", rv, e);
}

/* ---- new device keys ---- */

struct new_key {
    struct hsm_key *kek;
    uint8_t *pkR;
    struct hsm_blob *blob;
    uint8_t *secret;
};

static enum err_code wrap(struct hsm_key *kek, CK_OBJECT_HANDLE key, struct hsm_blob *blob, struct err *e)
{
    struct hsm *h = kek->h;
    CK_MECHANISM m = { h->module->profile.wrap, NULL, 0 };
    CK_ULONG len = sizeof blob->bytes;
    CK_RV rv = h->f->C_WrapKey(h->work, &m, kek->handle, key, blob->bytes, &len);

    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "C_WrapKey", rv, e);
    blob->len = (uint16_t)len;
    blob->mechanism = (uint32_t)m.mechanism;
    (void)snprintf(blob->profile, sizeof blob->profile, "%s", h->module->profile.name);
    return ERR_OK;
}

/* Unwrap what was wrapped; its ECDH with the base point must be the x of pkR. */
static enum err_code verify(struct hsm_key *kek, const struct hsm_blob *blob, const uint8_t pkR[65], struct err *e)
{
    struct hsm *h = kek->h;
    CK_OBJECT_HANDLE back;
    uint8_t x[32];
    enum err_code rc = unwrap_into(kek, blob, HSM_USE_ECDH, &back, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    h->module->made++;
    rv = point_ecdh(h->f, h->work, back, point_generator, x);
    (void)h->f->C_DestroyObject(h->keys, back); /* it goes with the session at the latest */
    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "C_DeriveKey", rv, e);
    if (memcmp(x, pkR + 1, sizeof x) != 0)
        return err_set(e, &hsm_fault[HSM_SELF_TEST], "C_UnwrapKey", NULL, 0, "token '%s': a wrapped key came back different",
                       h->label);
    return ERR_OK;
}

static bool is_due(struct hsm *h)
{
    if (h->verify_every == 0 || h->until_verify-- > 0)
        return false;
    h->until_verify = h->verify_every - 1;
    return true;
}

static enum err_code wrap_pair(struct new_key *n, CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private, struct err *e)
{
    struct hsm *h = n->kek->h;
    CK_RV rv = point_read(h->f, h->work, public, n->pkR);
    enum err_code rc;

    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "CKA_EC_POINT", rv, e);
    rc = wrap(n->kek, private, n->blob, e);
    return rc == ERR_OK && is_due(h) ? verify(n->kek, n->blob, n->pkR, e) : rc;
}

static enum err_code pair_step(struct hsm *h, void *io, struct err *e)
{
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    struct new_key *n = io;
    CK_OBJECT_HANDLE public, private;
    struct template pub, prv;
    enum err_code rc = key_bind(n->kek, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    template_device_public(&pub);
    template_device_private(&prv);
    if ((rv = h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &public, &private)) != CKR_OK)
        return token_fail(h, HSM_CALL, "C_GenerateKeyPair", rv, e);
    h->module->made += 2;
    rc = wrap_pair(n, public, private, e);
    (void)h->f->C_DestroyObject(h->work, public); /* they go with the session at the latest */
    (void)h->f->C_DestroyObject(h->work, private);
    return rc;
}

static enum err_code is_kek(const struct hsm_key *kek, enum hsm_key_kind kind, struct err *e)
{
    if (kek->source == KEY_OF_TOKEN && kek->kind == kind)
        return ERR_OK;
    return err_set(e, &hsm_fault[HSM_KEY_WRONG], "kek", NULL, 0, "token '%s': key '%s' is not of the kind for this",
                   kek->h->label, kek->label);
}

enum err_code hsm_device_key_new(struct hsm *h, struct hsm_key *kek, uint8_t pkR[65], struct hsm_blob *blob, struct err *e)
{
    uint8_t pk[65] = { 0 };
    struct hsm_blob b = { .len = 0 };
    struct new_key n = { .kek = kek, .pkR = pk, .blob = &b };
    enum err_code rc;

    if ((rc = is_kek(kek, HSM_KEK, e)) != ERR_OK || (rc = token_do(h, pair_step, &n, e)) != ERR_OK)
        return rc;
    memcpy(pkR, pk, sizeof pk);
    *blob = b;
    return ERR_OK;
}

void hsm_verify_every(struct hsm *h, unsigned n)
{
    h->verify_every = n;
    h->until_verify = 0;
}

/* ---- device secrets ---- */

static enum err_code secret_get_step(struct hsm *h, void *io, struct err *e)
{
    struct new_key *n = io;
    CK_OBJECT_HANDLE o;
    enum err_code rc;
    CK_RV rv;

    if ((rc = key_bind(n->kek, e)) != ERR_OK || (rc = unwrap_into(n->kek, n->blob, HSM_USE_VALUE, &o, e)) != ERR_OK)
        return rc;
    rv = point_take_secret(h->f, h->keys, o, n->secret);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_GetAttributeValue", rv, e);
}

static enum err_code secret_new_step(struct hsm *h, void *io, struct err *e)
{
    CK_MECHANISM m = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
    struct new_key *n = io;
    CK_OBJECT_HANDLE o;
    struct template t;
    enum err_code rc = key_bind(n->kek, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    template_shown_secret(&t);
    if ((rv = h->f->C_GenerateKey(h->work, &m, t.at, t.n, &o)) != CKR_OK)
        return token_fail(h, HSM_CALL, "C_GenerateKey", rv, e);
    h->module->made++;
    rc = wrap(n->kek, o, n->blob, e);
    (void)h->f->C_DestroyObject(h->work, o);              /* it goes with the session at the latest */
    return rc == ERR_OK ? secret_get_step(h, io, e) : rc; /* the value of what was wrapped: given out and verified in one */
}

static enum err_code give_secret(struct hsm *h, token_step *step, struct new_key *n, uint8_t secret[32], struct err *e)
{
    uint8_t s[32] = { 0 };
    enum err_code rc = is_kek(n->kek, HSM_KEK_SECRET, e);

    n->secret = s;
    if (rc == ERR_OK && (rc = token_do(h, step, n, e)) == ERR_OK)
        memcpy(secret, s, sizeof s);
    explicit_bzero(s, sizeof s);
    return rc;
}

enum err_code hsm_device_secret_new(struct hsm *h, struct hsm_key *kek, uint8_t secret[32], struct hsm_blob *blob,
                                    struct err *e)
{
    struct hsm_blob b = { .len = 0 };
    struct new_key n = { .kek = kek, .blob = &b };
    enum err_code rc = give_secret(h, secret_new_step, &n, secret, e);

    if (rc == ERR_OK)
        *blob = b;
    return rc;
}

enum err_code hsm_device_secret_get(struct hsm *h, struct hsm_key *kek, const struct hsm_blob *blob, uint8_t secret[32],
                                    struct err *e)
{
    struct hsm_blob b = *blob;
    struct new_key n = { .kek = kek, .blob = &b };

    return give_secret(h, secret_get_step, &n, secret, e);
}

/* ---- unwrapped keys ---- */

enum err_code key_bind_unwrapped(struct hsm_key *k, struct err *e)
{
    return unwrap_into(k->parent, &k->blob, k->use, &k->handle, e);
}

static enum err_code bind_step(struct hsm *h, void *io, struct err *e)
{
    (void)h;
    return key_bind(io, e);
}

enum err_code hsm_unwrap(struct hsm *h, struct hsm_key *kek, const struct hsm_blob *blob, enum hsm_use use,
                         struct hsm_key **out, struct err *e)
{
    enum err_code rc = is_kek(kek, use == HSM_USE_ECDH ? HSM_KEK : HSM_KEK_SECRET, e);
    struct hsm_key *k;

    if (rc != ERR_OK)
        return rc;
    if ((k = key_new(h, kek, KEY_UNWRAPPED, e)) == NULL)
        return e->code;
    k->blob = *blob;
    k->use = use;
    if ((rc = token_do(h, bind_step, k, e)) != ERR_OK)
        hsm_key_free(k);
    else
        *out = k;
    return rc;
}
