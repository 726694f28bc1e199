#include "hsm/pair.h"

#include <string.h>

#include <openssl/sha.h>

#include "hsm/point.h"

enum { MANY = 8 };

/* ---- the table ---- */

static CK_RV read_p256(struct hsm *h, CK_OBJECT_HANDLE public, uint8_t *pk)
{
    return point_read(h->f, h->work, public, pk);
}

static CK_RV read_32(struct hsm *h, CK_OBJECT_HANDLE public, uint8_t *pk)
{
    return point_read_32(h->f, h->work, public, pk);
}

/* d * G is the public key: without this a foreign public half would be burned into a series. */
static CK_RV prove_p256(struct hsm *h, CK_OBJECT_HANDLE private, const uint8_t *pk, bool *good)
{
    uint8_t x[32] = { 0 };
    CK_RV rv = point_ecdh(h->f, h->work, private, point_generator, x);

    h->module->made++;
    *good = memcmp(x, pk + 1, sizeof x) == 0;
    return rv;
}

static CK_RV prove_x25519(struct hsm *h, CK_OBJECT_HANDLE private, const uint8_t *pk, bool *good)
{
    uint8_t u[32] = { 0 };
    CK_RV rv = point_x25519(h->f, h->work, private, point_nine, u);

    h->module->made++;
    *good = memcmp(u, pk, sizeof u) == 0;
    return rv;
}

/* ECDH gives x alone: which of the two y the token had is not to be known, and nobody asks. */
static CK_RV recover_p256(struct hsm *h, CK_OBJECT_HANDLE private, uint8_t *pk)
{
    uint8_t x[32];
    CK_RV rv = point_ecdh(h->f, h->work, private, point_generator, x);

    h->module->made++;
    return rv == CKR_OK && !point_even(x, pk) ? CKR_FUNCTION_FAILED : rv;
}

static CK_RV recover_x25519(struct hsm *h, CK_OBJECT_HANDLE private, uint8_t *pk)
{
    h->module->made++;
    return point_x25519(h->f, h->work, private, point_nine, pk);
}

static const struct pair pairs[HSM_KEY_KINDS] = {
    [HSM_SIGNER] = { "P-256", CKM_EC_KEY_PAIR_GEN, 65, read_p256, NULL, NULL },
    [HSM_LOG_SIGNER] = { "Ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, 32, read_32, NULL, NULL },
    [HSM_RA] = { "P-256", CKM_EC_KEY_PAIR_GEN, 65, read_p256, NULL, NULL },
    [HSM_TLS] = { "P-256", CKM_EC_KEY_PAIR_GEN, 65, read_p256, NULL, NULL },
    [HSM_FLEET] = { "P-256", CKM_EC_KEY_PAIR_GEN, 65, read_p256, prove_p256, recover_p256 },
    [HSM_FLEET_X25519] = { "X25519", 0, 32, read_32, prove_x25519, recover_x25519 },
    /* both halves of it have modulus and exponent */
    [HSM_RSA] = { "RSA-4096", CKM_RSA_PKCS_KEY_PAIR_GEN, HSM_RSA_BYTES + 4, rsa_read_public, rsa_prove, rsa_read_public },
};

const struct pair *pair_of(enum hsm_key_kind kind)
{
    return pairs[kind].type == NULL ? NULL : &pairs[kind];
}

/* ---- the public half ---- */

static enum err_code find_public(struct hsm *h, CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE *public, bool *there,
                                 struct err *e)
{
    uint8_t id[KEY_ID_BYTES];
    CK_OBJECT_HANDLE found[MANY];
    struct template t = { .n = 0 };
    CK_ULONG n = 0;
    enum err_code rc;

    *there = false;
    if (key_bytes(h, private, CKA_ID, id, sizeof id) != sizeof id)
        return ERR_OK;
    template_number(&t, CKA_CLASS, CKO_PUBLIC_KEY);
    template_bytes(&t, CKA_ID, id, sizeof id);
    if ((rc = key_objects(h, &t, found, MANY, &n, e)) != ERR_OK || n != 1)
        return rc;
    *public = found[0];
    *there = true;
    return ERR_OK;
}

enum err_code pair_read_public(struct hsm_key *k, CK_OBJECT_HANDLE private, bool *there, struct err *e)
{
    const struct pair *p = &pairs[k->kind];
    CK_OBJECT_HANDLE public = CK_INVALID_HANDLE;
    enum err_code rc = find_public(k->h, private, &public, there, e);

    *there = rc == ERR_OK && *there && p->read(k->h, public, k->pk) == CKR_OK;
    if (rc == ERR_OK && !*there && p->recover != NULL)
        *there = p->recover(k->h, private, k->pk) == CKR_OK;
    return rc;
}

/* false: even, or not to be known: then its missing public half is told elsewhere. */
static bool is_odd(struct hsm *h, CK_OBJECT_HANDLE private)
{
    CK_OBJECT_HANDLE public;
    uint8_t pk[65];
    bool there;
    struct err e;

    return find_public(h, private, &public, &there, &e) == ERR_OK && there && read_p256(h, public, pk) == CKR_OK &&
           (pk[64] & 1) != 0;
}

bool pair_has_value(struct hsm *h, CK_OBJECT_HANDLE private)
{
    uint8_t bytes[2 * HSM_RSA_BYTES];

    return key_bytes(h, private, CKA_EC_PARAMS, bytes, sizeof bytes) > 0 ||
           key_bytes(h, private, CKA_MODULUS, bytes, sizeof bytes) > 0;
}

bool pair_is_whole(struct hsm *h, CK_OBJECT_HANDLE private, enum hsm_key_kind kind)
{
    return pair_has_value(h, private) && (kind != HSM_RA || !is_odd(h, private));
}

void pair_kcv(const struct hsm_key *k, uint8_t kcv[3])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    memcpy(kcv, SHA256(k->pk, pairs[k->kind].pk_len, digest), 3);
}

enum err_code pair_prove(struct hsm_key *k, CK_OBJECT_HANDLE private, struct err *e)
{
    const struct pair *p = pair_of(k->kind);
    bool good = false;
    CK_RV rv;

    if (p == NULL || p->prove == NULL)
        return ERR_OK;
    if ((rv = p->prove(k->h, private, k->pk, &good)) != CKR_OK)
        return token_fail(k->h, HSM_CALL, "C_DeriveKey", rv, e);
    if (!good)
        return err_set(e, &hsm_fault[HSM_SELF_TEST], "C_DeriveKey", NULL, 0,
                       "token '%s': the two halves of key '%s' do not belong together", k->h->label, k->label);
    return ERR_OK;
}

/* ---- making ---- */

static CK_MECHANISM_TYPE make_by(const struct hsm_key *k)
{
    return k->kind == HSM_FLEET_X25519 ? k->h->module->profile.x25519_gen : pairs[k->kind].make;
}

static const char *mechanism_name(CK_MECHANISM_TYPE number)
{
    static const struct {
        CK_MECHANISM_TYPE number;
        const char *name;
    } names[] = {
        { CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN" },
        { CKM_EC_EDWARDS_KEY_PAIR_GEN, "CKM_EC_EDWARDS_KEY_PAIR_GEN" },
        { CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "CKM_EC_MONTGOMERY_KEY_PAIR_GEN" },
        { CKM_RSA_PKCS_KEY_PAIR_GEN, "CKM_RSA_PKCS_KEY_PAIR_GEN" },
        { CKM_ECDSA, "CKM_ECDSA" },
        { CKM_EDDSA, "CKM_EDDSA" },
        { CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE" },
        { CKM_RSA_X_509, "CKM_RSA_X_509" },
        { CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP" },
    };
    size_t i = 0;

    while (i < sizeof names / sizeof *names - 1 && names[i].number != number)
        i++;
    return names[i].name;
}

static enum err_code lacks(const struct hsm_key *k, const char *what, CK_RV rv, struct err *e)
{
    return err_set(e, &hsm_fault[HSM_MECHANISM], "C_GetMechanismInfo", rv == CKR_OK ? NULL : "CKR", (long)rv,
                   "token '%s': key '%s' (%s) needs %s", k->h->label, k->label, pairs[k->kind].type, what);
}

enum err_code pair_has_mechanisms(const struct hsm_key *k, struct err *e)
{
    const struct hsm_profile *p = &k->h->module->profile;
    CK_MECHANISM_INFO info;
    CK_RV rv;

    if (pair_of(k->kind) == NULL)
        return ERR_OK;
    const CK_MECHANISM_TYPE needed[] = { make_by(k), template_mechanism(k->kind, p) };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if ((rv = k->h->f->C_GetMechanismInfo(k->h->slot, needed[i], &info)) == CKR_MECHANISM_INVALID)
            return lacks(k, mechanism_name(needed[i]), rv, e);
    if (k->kind == HSM_FLEET_X25519 && !hsm_profile_has_x25519(p, k->h->f, k->h->work))
        return lacks(k, "CKM_ECDH1_DERIVE with X25519, which failed its self-test", CKR_OK, e);
    return ERR_OK;
}

void pair_remove_halves(struct hsm *h, const uint8_t id[KEY_ID_BYTES])
{
    CK_OBJECT_HANDLE found[MANY];
    struct template t = { .n = 0 };
    CK_ULONG n = 0;
    struct err none;

    template_flag(&t, CKA_TOKEN, true);
    template_bytes(&t, CKA_ID, id, KEY_ID_BYTES);
    if (key_objects(h, &t, found, MANY, &n, &none) != ERR_OK)
        return;
    for (CK_ULONG i = 0; i < n; i++)
        (void)h->f->C_DestroyObject(h->work, found[i]);
}

enum err_code hsm_can(struct hsm *h, enum hsm_key_kind kind, struct err *e)
{
    const struct hsm_key none = { .h = h, .kind = kind, .label = "any" };

    return pair_has_mechanisms(&none, e);
}

enum err_code pair_make(struct hsm_key *k, const uint8_t id[KEY_ID_BYTES], struct err *e)
{
    struct hsm *h = k->h;
    CK_MECHANISM m = { make_by(k), NULL, 0 };
    CK_OBJECT_HANDLE public, private;
    struct template pub, prv;

    template_public(&pub, k->kind, k->label, id);
    template_token_key(&prv, k->kind, KEY_MADE, &h->module->profile, k->label, id);
    CK_RV rv = h->f->C_GenerateKeyPair(h->work, &m, pub.at, pub.n, prv.at, prv.n, &public, &private);
    if (rv == CKR_OK)
        return ERR_OK;
    pair_remove_halves(h, id);
    return token_fail(h, HSM_CALL, "C_GenerateKeyPair", rv, e);
}

/* ---- an RA key with an odd y ---- */

/* The private half first: alone, it would be found and its missing public half told. */
static enum err_code remove_pair(struct hsm *h, CK_OBJECT_HANDLE private, struct err *e)
{
    CK_OBJECT_HANDLE public = CK_INVALID_HANDLE;
    bool there;
    enum err_code rc = find_public(h, private, &public, &there, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    rv = h->f->C_DestroyObject(h->work, private);
    if (rv == CKR_OK && there)
        rv = h->f->C_DestroyObject(h->work, public);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_DestroyObject", rv, e);
}

enum err_code pair_remove_odd(struct hsm_key *k, struct err *e)
{
    struct hsm *h = k->h;
    CK_OBJECT_HANDLE found[MANY];
    struct template t = { .n = 0 };
    CK_ULONG n = 0;
    enum err_code rc;

    if (k->kind != HSM_RA)
        return ERR_OK;
    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_CLASS, CKO_PRIVATE_KEY);
    template_bytes(&t, CKA_LABEL, k->label, strlen(k->label));
    rc = key_objects(h, &t, found, MANY, &n, e);
    for (CK_ULONG i = 0; i < n && rc == ERR_OK; i++)
        if (is_odd(h, found[i]) && template_differs(h->f, h->work, found[i], k->kind, KEY_MADE, &h->module->profile) == NULL)
            rc = remove_pair(h, found[i], e);
    return rc;
}
