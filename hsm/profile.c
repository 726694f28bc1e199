#include "hsm/profile.h"

#include <string.h>

#include "hsm/ckr.h"
#include "hsm/point.h"
#include "hsm/template.h"

static const struct hsm_profile profiles[] = {
    { "softhsm2", CKM_AES_KEY_WRAP_PAD, OAEP_RAW, CKM_SHA_1, CKG_MGF1_SHA1, CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN,
      false, NULL },
    { "kwp-v3", CKM_AES_KEY_WRAP_KWP, OAEP_NATIVE, CKM_SHA256, CKG_MGF1_SHA256, CKK_EC_MONTGOMERY,
      CKM_EC_MONTGOMERY_KEY_PAIR_GEN, false, NULL },
    { "nss", CKM_AES_KEY_WRAP_KWP, OAEP_NATIVE, CKM_SHA256, CKG_MGF1_SHA256, CKK_EC_MONTGOMERY,
      CKM_EC_MONTGOMERY_KEY_PAIR_GEN, true, NULL },
};
enum { PROFILES = sizeof profiles / sizeof *profiles };

/* RFC 5649 over the AES-128 key 00..0f under the AES-256 key 00..1f, by OpenSSL's EVP_aes_256_wrap_pad. */
static const unsigned char known_kek[32] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                             16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
static const unsigned char known_wrapped[24] = { 0x33, 0x7e, 0x07, 0xdc, 0xe1, 0x76, 0x86, 0xcd, 0xdf, 0xa1, 0x5e, 0xa6,
                                                 0x37, 0xc7, 0x77, 0xe7, 0x60, 0xff, 0x61, 0x7b, 0x00, 0x2f, 0xe4, 0x6b };

struct test {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    const struct hsm_profile *p;
    const char *call; /* the last one, for the message */
    CK_RV rv;
};

static bool ok(struct test *t, const char *call, CK_RV rv)
{
    t->call = call;
    t->rv = rv;
    return rv == CKR_OK;
}

static void destroy(struct test *t, CK_OBJECT_HANDLE o)
{
    if (o != CK_INVALID_HANDLE)
        (void)t->f->C_DestroyObject(t->session, o); /* a session object: it would go with the session */
}

static bool create(struct test *t, struct template *what, CK_OBJECT_HANDLE *out)
{
    return ok(t, "C_CreateObject", t->f->C_CreateObject(t->session, what->at, what->n, out));
}

static bool known_key(struct test *t, size_t len, bool wraps, CK_OBJECT_HANDLE *out)
{
    struct template k = { .n = 0 };

    template_number(&k, CKA_CLASS, CKO_SECRET_KEY);
    template_number(&k, CKA_KEY_TYPE, CKK_AES);
    template_flag(&k, CKA_TOKEN, false);
    template_flag(&k, CKA_EXTRACTABLE, !wraps);
    template_flag(&k, CKA_SENSITIVE, true);
    template_flag(&k, CKA_WRAP, wraps);
    template_bytes(&k, CKA_VALUE, known_kek, len); /* public numbers */
    return create(t, &k, out);
}

/* Is the number RFC 5649 here?  Only a known answer tells. */
static bool is_kwp(struct test *t)
{
    CK_MECHANISM m = { t->p->wrap, NULL, 0 };
    CK_OBJECT_HANDLE kek = CK_INVALID_HANDLE, key = CK_INVALID_HANDLE;
    unsigned char blob[64];
    CK_ULONG len = sizeof blob;
    bool good = known_key(t, 32, true, &kek) && known_key(t, 16, false, &key) &&
                ok(t, "C_WrapKey", t->f->C_WrapKey(t->session, &m, kek, key, blob, &len));

    if (good && (len != sizeof known_wrapped || memcmp(blob, known_wrapped, len) != 0))
        good = ok(t, "C_WrapKey: not RFC 5649", CKR_MECHANISM_INVALID);
    destroy(t, kek);
    destroy(t, key);
    return good;
}

/* ---- a device key's life under a KEK of the real template, but for TOKEN ---- */

struct life {
    CK_OBJECT_HANDLE kek, public, private, back;
    unsigned char blob[256], point[65];
    CK_ULONG len;
};

static bool make_kek(struct test *t, struct life *l)
{
    CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
    struct template k;

    template_token_key(&k, HSM_KEK, KEY_MADE, t->p, NULL, NULL);
    template_set_flag(&k, CKA_TOKEN, false);
    template_set_flag(&k, CKA_DESTROYABLE, true);
    return ok(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, k.at, k.n, &l->kek));
}

static bool make_pair(struct test *t, struct life *l)
{
    CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    struct template pub, prv;

    template_device_public(&pub);
    template_device_private(&prv);
    return ok(t, "C_GenerateKeyPair",
              t->f->C_GenerateKeyPair(t->session, &m, pub.at, pub.n, prv.at, prv.n, &l->public, &l->private)) &&
           ok(t, "CKA_EC_POINT", point_read(t->f, t->session, l->public, l->point));
}

static CK_RV unwrap(struct test *t, struct life *l, bool sealed, CK_OBJECT_HANDLE *out)
{
    CK_MECHANISM m = { t->p->wrap, NULL, 0 };
    struct template k;

    template_unwrapped(&k, HSM_USE_ECDH);
    template_set_flag(&k, CKA_EXTRACTABLE, !sealed);
    template_set_flag(&k, CKA_SENSITIVE, sealed);
    if (t->p->wants_nss_db)
        template_bytes(&k, CKA_NSS_DB_NUMBER, point_generator, sizeof point_generator);
    return t->f->C_UnwrapKey(t->session, &m, l->kek, l->blob, l->len, k.at, k.n, out);
}

static bool lives(struct test *t, struct life *l)
{
    CK_MECHANISM m = { t->p->wrap, NULL, 0 };
    unsigned char z[32];

    l->len = sizeof l->blob;
    if (!make_kek(t, l) || !make_pair(t, l) ||
        !ok(t, "C_WrapKey", t->f->C_WrapKey(t->session, &m, l->kek, l->private, l->blob, &l->len)) ||
        !ok(t, "C_UnwrapKey", unwrap(t, l, true, &l->back)) ||
        !ok(t, "C_DeriveKey", point_ecdh(t->f, t->session, l->back, point_generator, z)))
        return false;
    /* d * G is the public key: both sides of the agreement in one */
    return memcmp(z, l->point + 1, sizeof z) == 0 || ok(t, "C_DeriveKey: wrong result", CKR_FUNCTION_FAILED);
}

/* What a module takes without a word and then does not keep to (NSS: all of these). */
static const char *not_enforced(struct test *t, struct life *l)
{
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    CK_OBJECT_HANDLE naked = CK_INVALID_HANDLE;
    struct template change = { .n = 0 };

    if (unwrap(t, l, false, &naked) == CKR_OK) {
        destroy(t, naked);
        return "CKA_UNWRAP_TEMPLATE";
    }
    template_flag(&change, CKA_DECRYPT, true);
    if (t->f->C_SetAttributeValue(t->session, l->kek, change.at, change.n) == CKR_OK)
        return "CKA_MODIFIABLE";
    if (t->f->C_EncryptInit(t->session, &ecb, l->kek) == CKR_OK)
        return "CKA_ALLOWED_MECHANISMS";
    return NULL;
}

static bool fits(struct test *t, struct hsm_profile *out)
{
    struct life l = { .len = 0 };
    bool good = is_kwp(t) && lives(t, &l);

    if (good) {
        *out = *t->p;
        out->not_enforced = not_enforced(t, &l);
    }
    destroy(t, l.back);
    destroy(t, l.private);
    destroy(t, l.public);
    destroy(t, l.kek);
    return good;
}

enum err_code hsm_profile_find(struct hsm_profile *out, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *who,
                               struct err *e)
{
    struct test t = { .f = f, .session = session };

    for (size_t i = 0; i < PROFILES; i++) {
        t.p = &profiles[i];
        if (fits(&t, out))
            return ERR_OK;
    }
    return err_set(e, &hsm_fault[HSM_SELF_TEST], t.call, "CKR", (long)t.rv, "token '%s': %s", who, ckr_name(t.rv));
}

/* ---- X25519, with session keys of the real template ---- */

/* d * 9 is the public key (RFC 7748 s.6.1): both sides of the agreement in one. */
static bool agrees(struct test *t, CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private)
{
    unsigned char point[32], z[32];

    return ok(t, "CKA_EC_POINT", point_read_32(t->f, t->session, public, point)) &&
           ok(t, "C_DeriveKey", point_x25519(t->f, t->session, private, point_nine, z)) && memcmp(z, point, sizeof z) == 0;
}

bool hsm_profile_has_x25519(const struct hsm_profile *p, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session)
{
    struct test test = { .f = f, .session = session, .p = p }, *t = &test;
    CK_MECHANISM m = { t->p->x25519_gen, NULL, 0 };
    CK_OBJECT_HANDLE public = CK_INVALID_HANDLE, private = CK_INVALID_HANDLE;
    struct template pub, prv;

    template_public(&pub, HSM_FLEET_X25519, NULL, NULL);
    template_token_key(&prv, HSM_FLEET_X25519, KEY_MADE, t->p, NULL, NULL);
    template_set_flag(&pub, CKA_TOKEN, false);
    template_set_flag(&prv, CKA_TOKEN, false);
    bool good = ok(t, "C_GenerateKeyPair",
                   t->f->C_GenerateKeyPair(t->session, &m, pub.at, pub.n, prv.at, prv.n, &public, &private)) &&
                agrees(t, public, private);
    destroy(t, public);
    destroy(t, private);
    return good;
}
