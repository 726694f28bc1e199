#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "hsm/guard.h"
#include "hsm/point.h"
#include "hsm/token.h"

/* One move: an RSA key for this once in `to`, its public half in `from` under the SO's word, the wrapped key in between.
 * Source: PKCS#11 v2.40 s.4.9 (CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED). */
enum { RSA_BITS = 3072, WRAPPED = RSA_BITS / 8 };

static const uint8_t copy_tag[] = "fuseline copy";

struct move {
    struct hsm *from, *to;
    CK_OBJECT_HANDLE rsa_public, rsa_private; /* in to->work */
    CK_OBJECT_HANDLE trusted;                 /* in from->work */
    uint8_t modulus[WRAPPED], exponent[8];
    CK_ULONG exponent_len;
};

/* The profile's transport: RFC 8017 OAEP with an empty label. */
static void oaep(const struct hsm *h, CK_RSA_PKCS_OAEP_PARAMS *p, CK_MECHANISM *m)
{
    *p = (CK_RSA_PKCS_OAEP_PARAMS){ h->module->profile.oaep_hash, h->module->profile.oaep_mgf, CKZ_DATA_SPECIFIED, NULL, 0 };
    *m = (CK_MECHANISM){ CKM_RSA_PKCS_OAEP, p, sizeof *p };
}

static CK_RV read_public(struct move *v)
{
    CK_ATTRIBUTE a[2] = { { CKA_MODULUS, v->modulus, sizeof v->modulus },
                          { CKA_PUBLIC_EXPONENT, v->exponent, sizeof v->exponent } };
    CK_RV rv = v->to->f->C_GetAttributeValue(v->to->work, v->rsa_public, a, 2);

    v->exponent_len = a[1].ulValueLen;
    return rv == CKR_OK && a[0].ulValueLen != sizeof v->modulus ? CKR_FUNCTION_FAILED : rv;
}

static enum err_code make_rsa(struct hsm *h, void *io, struct err *e)
{
    static const uint8_t f4[3] = { 1, 0, 1 };
    CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    struct move *v = io;
    struct template pub = { .n = 0 }, prv = { .n = 0 };
    CK_RV rv;

    template_flag(&pub, CKA_TOKEN, false);
    template_flag(&pub, CKA_PRIVATE, false);
    template_flag(&pub, CKA_WRAP, true);
    template_number(&pub, CKA_MODULUS_BITS, RSA_BITS);
    template_bytes(&pub, CKA_PUBLIC_EXPONENT, f4, sizeof f4);
    template_flag(&prv, CKA_TOKEN, false);
    template_flag(&prv, CKA_PRIVATE, true);
    template_flag(&prv, CKA_SENSITIVE, true);
    template_flag(&prv, CKA_EXTRACTABLE, false);
    template_flag(&prv, CKA_UNWRAP, true);
    template_flag(&prv, CKA_DECRYPT, false); /* or who logs in there could decrypt the KEK instead */
    template_flag(&prv, CKA_SIGN, false);
    rv = h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &v->rsa_public, &v->rsa_private);
    if (rv == CKR_OK)
        rv = read_public(v);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_GenerateKeyPair", rv, e);
}

/* By the SO: only he can say TRUSTED.  A public session object: it outlives his logout and dies with from->work. */
static enum err_code trust(struct move *v, struct err *e)
{
    struct hsm *h = v->from;
    struct template t = { .n = 0 };
    CK_RV rv;

    template_number(&t, CKA_CLASS, CKO_PUBLIC_KEY);
    template_number(&t, CKA_KEY_TYPE, CKK_RSA);
    template_flag(&t, CKA_TOKEN, false);
    template_flag(&t, CKA_PRIVATE, false);
    template_flag(&t, CKA_WRAP, true);
    template_flag(&t, CKA_ENCRYPT, false);
    template_flag(&t, CKA_TRUSTED, true);
    template_bytes(&t, CKA_MODULUS, v->modulus, sizeof v->modulus);
    template_bytes(&t, CKA_PUBLIC_EXPONENT, v->exponent, v->exponent_len);
    rv = h->f->C_CreateObject(h->work, t.at, t.n, &v->trusted);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_CreateObject (TRUSTED)", rv, e);
}

struct parcel {
    struct move *v;
    struct hsm_key *source;
    uint8_t bytes[WRAPPED];
    CK_ULONG len;
};

static enum err_code pack(struct hsm *h, void *io, struct err *e)
{
    struct parcel *p = io;
    CK_RSA_PKCS_OAEP_PARAMS params;
    CK_MECHANISM m;
    CK_RV rv;
    enum err_code rc = key_bind(p->source, e);

    if (rc != ERR_OK)
        return rc;
    oaep(h, &params, &m);
    p->len = sizeof p->bytes;
    rv = h->f->C_WrapKey(h->work, &m, p->v->trusted, p->source->handle, p->bytes, &p->len);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_KEY_WRONG, "C_WrapKey", rv, e);
}

static enum err_code unpack(struct hsm *h, void *io, struct err *e)
{
    struct parcel *p = io;
    const struct hsm_key *k = p->source;
    CK_RSA_PKCS_OAEP_PARAMS params;
    CK_MECHANISM m;
    uint8_t id[KEY_ID_BYTES];
    struct template t;
    CK_OBJECT_HANDLE copy;
    CK_RV rv = h->f->C_GenerateRandom(h->work, id, sizeof id);

    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "C_GenerateRandom", rv, e);
    key_copy_id(id, k->kcv);
    oaep(h, &params, &m);
    template_token_key(&t, k->kind, KEY_COPIED, &h->module->profile, k->label, id);
    rv = h->f->C_UnwrapKey(h->work, &m, p->v->rsa_private, p->bytes, p->len, t.at, t.n, &copy);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_UnwrapKey", rv, e);
}

/* ---- the proof: the copy does what the original does ---- */

static enum err_code prove_kek(struct hsm_key *source, struct hsm_key *copy, bool *agree, struct err *e)
{
    struct hsm_blob blob;
    struct hsm_key *d = NULL;
    uint8_t pk[65], x[32];
    enum err_code rc;

    if ((rc = hsm_device_key_new(source->h, source, pk, &blob, e)) == ERR_OK &&
        (rc = hsm_unwrap(copy->h, copy, &blob, HSM_USE_ECDH, &d, e)) == ERR_OK &&
        (rc = hsm_ecdh(d, point_generator, x, e)) == ERR_OK)
        *agree = memcmp(x, pk + 1, sizeof x) == 0;
    hsm_key_free(d);
    return rc;
}

/* The value on one side, only its MACs on the other. */
static enum err_code same_mac(struct hsm_key *k, const uint8_t secret[32], bool *agree, struct err *e)
{
    uint8_t here[32], there[32];
    unsigned len = sizeof here;
    enum err_code rc = hsm_hmac(k, copy_tag, sizeof copy_tag, there, e);

    if (rc == ERR_OK && HMAC(EVP_sha256(), secret, 32, copy_tag, sizeof copy_tag, here, &len) != NULL)
        *agree = CRYPTO_memcmp(here, there, sizeof here) == 0;
    return rc;
}

static enum err_code prove_secret(struct hsm_key *source, struct hsm_key *copy, bool *agree, struct err *e)
{
    struct hsm_blob blob;
    struct hsm_key *k = NULL;
    uint8_t secret[32] = { 0 };
    enum err_code rc;

    if (source->kind == HSM_MASTER) {
        static const uint8_t data[32] = "fuseline: a copy is compared....";

        if ((rc = hsm_derive(source, data, secret, e)) == ERR_OK)
            rc = hsm_derive_key(copy, data, &k, e);
    } else if ((rc = hsm_device_secret_new(source->h, source, secret, &blob, e)) == ERR_OK)
        rc = hsm_unwrap(copy->h, copy, &blob, HSM_USE_MAC, &k, e);
    if (rc == ERR_OK)
        rc = same_mac(k, secret, agree, e);
    hsm_key_free(k);
    explicit_bzero(secret, sizeof secret);
    return rc;
}

static enum err_code prove(struct hsm *to, struct hsm_key *source, struct err *e)
{
    struct hsm_key *copy = NULL;
    bool agree = false;
    enum err_code rc = hsm_key_find(to, source->kind, source->label, &copy, e);

    if (rc == ERR_OK)
        rc = source->kind == HSM_KEK ? prove_kek(source, copy, &agree, e) : prove_secret(source, copy, &agree, e);
    if (rc == ERR_OK && !agree)
        rc = err_set(e, &hsm_fault[HSM_SELF_TEST], "C_UnwrapKey", NULL, 0, "token '%s': key '%s' came over different",
                     to->label, source->label);
    hsm_key_free(copy);
    return rc;
}

/* ---- the move ---- */

/* ERR_OK with *same: nothing to do.  Another key of that name: ERR_CONFLICT. */
static enum err_code compare(struct hsm *to, const struct hsm_key *source, bool *same, struct err *e)
{
    struct hsm_key *k = NULL;
    enum err_code rc = hsm_key_find(to, source->kind, source->label, &k, e);

    *same = rc == ERR_OK && memcmp(k->kcv, source->kcv, sizeof k->kcv) == 0;
    if (rc == ERR_OK && !*same)
        rc = err_set(e, &hsm_fault[HSM_KEY_AMBIGUOUS], "C_UnwrapKey", NULL, 0, "token '%s': its key '%s' is another one",
                     to->label, source->label);
    hsm_key_free(k);
    return rc == ERR_UNAVAILABLE && e->fault == &hsm_fault[HSM_KEY_MISSING] ? ERR_OK : rc;
}

static enum err_code move_one(struct move *v, const struct hsm_key_name *name, struct err *e)
{
    struct parcel p = { .v = v };
    bool same = false;
    enum err_code rc = hsm_key_find(v->from, name->kind, name->label, &p.source, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = compare(v->to, p.source, &same, e)) == ERR_OK && !same && (rc = token_do(v->from, pack, &p, e)) == ERR_OK &&
        (rc = token_do(v->to, unpack, &p, e)) == ERR_OK)
        rc = prove(v->to, p.source, e);
    hsm_key_free(p.source);
    return rc;
}

/* All there already: then no RSA key, and no SO, is needed. */
static enum err_code all_there(struct move *v, const struct hsm_key_name *keys, size_t n, bool *there, struct err *e)
{
    enum err_code rc = ERR_OK;

    *there = true;
    for (size_t i = 0; i < n && rc == ERR_OK && *there; i++) {
        struct hsm_key *source = NULL;

        if ((rc = hsm_key_find(v->from, keys[i].kind, keys[i].label, &source, e)) == ERR_OK)
            rc = compare(v->to, source, there, e);
        hsm_key_free(source);
    }
    return rc;
}

static enum err_code with_trusted(struct move *v, const char *from_uri, const struct hsm_pin_source *from_so, struct err *e)
{
    struct hsm_uri u;
    enum err_code rc;

    if ((rc = uri_parse(&u, from_uri, e)) != ERR_OK)
        return rc;
    if ((rc = token_do(v->to, make_rsa, v, e)) == ERR_OK &&
        (rc = token_so_login(v->from, from_so, u.pin_source, e)) == ERR_OK) {
        rc = trust(v, e);
        token_so_logout(v->from);
    }
    uri_fini(&u);
    return rc;
}

static enum err_code move_all(struct move *v, const char *from_uri, const struct hsm_pin_source *from_so,
                              const struct hsm_key_name *keys, size_t n, struct err *e)
{
    bool there;
    enum err_code rc = all_there(v, keys, n, &there, e);

    if (rc != ERR_OK || there)
        return rc;
    if (v->from->pin.kind != HSM_PIN_URI)
        return err_set(e, &hsm_fault[HSM_PIN_SOURCE], "C_Login", NULL, 0,
                       "token '%s': its own PIN is needed again after the SO's: name it in the URI", v->from->label);
    rc = with_trusted(v, from_uri, from_so, e);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = move_one(v, &keys[i], e);
    return rc;
}

static void destroy(struct hsm *h, CK_OBJECT_HANDLE o)
{
    if (o != CK_INVALID_HANDLE)
        (void)h->f->C_DestroyObject(h->work, o); /* a session object: gone with the session at the latest */
}

enum err_code hsm_keys_copy(struct hsm *from, const char *from_uri, const struct hsm_pin_source *from_so, struct hsm *to,
                            const struct hsm_key_name *keys, size_t n, struct err *e)
{
    struct move v = { .from = from, .to = to };
    struct guard guard;
    enum err_code rc = guard_enter(&guard, to->workspace, e); /* two processes would make two copies of one label */

    if (rc != ERR_OK)
        return rc;
    rc = move_all(&v, from_uri, from_so, keys, n, e);
    destroy(from, v.trusted);
    destroy(to, v.rsa_public);
    destroy(to, v.rsa_private);
    guard_leave(&guard);
    return rc;
}

enum err_code hsm_kek_copy(struct hsm *from, const char *from_uri, const struct hsm_pin_source *from_so, struct hsm *to,
                           const char *label, struct err *e)
{
    /* the one kind that the label names: see enum hsm_key_kind */
    const struct hsm_key_name key = { strcmp(label, "kek-secret") == 0 ? HSM_KEK_SECRET : HSM_KEK, label };

    return hsm_keys_copy(from, from_uri, from_so, to, &key, 1, e);
}
