#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "hsm/point.h"
#include "hsm/token.h"

struct job {
    struct hsm_key *k;
    const uint8_t *in;
    size_t len;
    uint8_t *out;
    size_t out_len;
};

static enum err_code run(token_step *step, struct job *j, uint8_t *out, struct err *e)
{
    uint8_t bytes[64] = { 0 };
    enum err_code rc;

    j->out = bytes;
    if ((rc = token_do(j->k->h, step, j, e)) == ERR_OK)
        memcpy(out, bytes, j->out_len);
    explicit_bzero(bytes, sizeof bytes);
    return rc;
}

/* ---- ECDH ---- */

static enum err_code ecdh_step(struct hsm *h, void *io, struct err *e)
{
    struct job *j = io;
    enum err_code rc = key_bind(j->k, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    h->module->made++;
    rv = point_ecdh(h->f, h->work, j->k->handle, j->in, j->out);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_DeriveKey", rv, e);
}

static enum err_code wrong_key(const struct hsm_key *k, const char *op, const char *what, struct err *e)
{
    return err_set(e, &hsm_fault[HSM_KEY_WRONG], op, NULL, 0, "token '%s': key '%s' is no %s", k->h->label, k->label, what);
}

static bool is_kind(const struct hsm_key *k, enum hsm_key_kind kind)
{
    return k->source == KEY_OF_TOKEN && k->kind == kind;
}

enum err_code hsm_ecdh(struct hsm_key *skR, const uint8_t pk[65], uint8_t z[32], struct err *e)
{
    struct job j = { .k = skR, .in = pk, .len = 65, .out_len = 32 };

    if (!is_kind(skR, HSM_FLEET) && (skR->source != KEY_UNWRAPPED || skR->use != HSM_USE_ECDH))
        return wrong_key(skR, "hsm_ecdh", "P-256 key for ECDH", e);
    if (!point_on_curve(pk))
        return err_set(e, &hsm_fault[HSM_BAD_POINT], "hsm_ecdh", NULL, 0, "04%02x%02x%02x..", pk[1], pk[2], pk[3]);
    return run(ecdh_step, &j, z, e);
}

static enum err_code x25519_step(struct hsm *h, void *io, struct err *e)
{
    struct job *j = io;
    enum err_code rc = key_bind(j->k, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    h->module->made++;
    rv = point_x25519(h->f, h->work, j->k->handle, j->in, j->out);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_DeriveKey", rv, e);
}

enum err_code hsm_x25519(struct hsm_key *skR, const uint8_t pk[32], uint8_t z[32], struct err *e)
{
    struct job j = { .k = skR, .in = pk, .len = 32, .out_len = 32 };

    if (!is_kind(skR, HSM_FLEET_X25519))
        return wrong_key(skR, "hsm_x25519", "X25519 key", e);
    if (point_is_small_order(pk))
        return err_set(e, &hsm_fault[HSM_BAD_POINT], "hsm_x25519", NULL, 0, "%02x%02x%02x..", pk[0], pk[1], pk[2]);
    return run(x25519_step, &j, z, e);
}

/* ---- C_Sign: HMAC, ECDSA and EdDSA ---- */

static enum err_code sign(struct hsm *h, struct job *j, CK_MECHANISM_TYPE mechanism, struct err *e)
{
    CK_MECHANISM m = { mechanism, NULL, 0 };
    CK_ULONG len = j->out_len;
    enum err_code rc = key_bind(j->k, e);
    CK_BYTE_PTR in = NULL;
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    memcpy(&in, &j->in, sizeof in); /* PKCS#11 has no const; C_Sign only reads it */
    rv = h->f->C_SignInit(h->work, &m, j->k->handle);
    if (rv == CKR_OPERATION_ACTIVE) { /* one that an earlier failure left */
        token_new_work(h);
        rv = h->f->C_SignInit(h->work, &m, j->k->handle);
    }
    if (rv != CKR_OK)
        return token_fail(h, HSM_CALL, "C_SignInit", rv, e);
    rv = h->f->C_Sign(h->work, in, j->len, j->out, &len);
    if (rv == CKR_OK && len != j->out_len)
        rv = CKR_FUNCTION_FAILED;
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_Sign", rv, e);
}

static enum err_code hmac_step(struct hsm *h, void *io, struct err *e)
{
    return sign(h, io, CKM_SHA256_HMAC, e);
}

static enum err_code ecdsa_step(struct hsm *h, void *io, struct err *e)
{
    return sign(h, io, CKM_ECDSA, e);
}

static enum err_code eddsa_step(struct hsm *h, void *io, struct err *e)
{
    return sign(h, io, CKM_EDDSA, e);
}

enum err_code hsm_hmac(struct hsm_key *k, const uint8_t *data, size_t len, uint8_t mac[32], struct err *e)
{
    struct job j = { .k = k, .in = data, .len = len, .out_len = 32 };

    return run(hmac_step, &j, mac, e);
}

static enum err_code must_be(const struct hsm_key *k, enum hsm_key_kind kind, const char *op, struct err *e)
{
    return is_kind(k, kind) ? ERR_OK : wrong_key(k, op, "signer of that kind", e);
}

enum err_code hsm_sign(struct hsm_key *signer, const uint8_t digest[32], uint8_t sig[64], struct err *e)
{
    struct job j = { .k = signer, .in = digest, .len = 32, .out_len = 64 };
    const bool named = is_kind(signer, HSM_RA) || is_kind(signer, HSM_TLS);
    enum err_code rc = named ? ERR_OK : must_be(signer, HSM_SIGNER, "hsm_sign", e);

    return rc == ERR_OK ? run(ecdsa_step, &j, sig, e) : rc;
}

enum err_code hsm_public(struct hsm_key *k, uint8_t pk[65], struct err *e)
{
    if (!is_kind(k, HSM_SIGNER) && !is_kind(k, HSM_RA) && !is_kind(k, HSM_TLS) && !is_kind(k, HSM_FLEET))
        return wrong_key(k, "hsm_public", "P-256 pair of the token", e);
    memcpy(pk, k->pk, 65);
    return ERR_OK;
}

enum err_code hsm_public_x25519(struct hsm_key *k, uint8_t pk[32], struct err *e)
{
    if (!is_kind(k, HSM_FLEET_X25519))
        return wrong_key(k, "hsm_public_x25519", "X25519 key", e);
    memcpy(pk, k->pk, 32);
    return ERR_OK;
}

static bool verifies(const uint8_t pk[32], const uint8_t *message, size_t len, const uint8_t sig[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pk, 32);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = key != NULL && md != NULL && EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(md, sig, 64, message, len) == 1;

    if (!good)
        ERR_clear_error(); /* told by the caller */
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return good;
}

enum err_code hsm_sign_message(struct hsm_key *signer, const void *message, size_t len, uint8_t sig[64], struct err *e)
{
    struct job j = { .k = signer, .in = message, .len = len, .out_len = 64 };
    uint8_t made[64];
    enum err_code rc = must_be(signer, HSM_LOG_SIGNER, "hsm_sign_message", e);

    if (rc != ERR_OK || (rc = run(eddsa_step, &j, made, e)) != ERR_OK)
        return rc;
    if (!verifies(signer->pk, message, len, made)) /* its public half is another's, or the module is at fault */
        return err_set(e, &hsm_fault[HSM_SELF_TEST], "C_Sign", NULL, 0,
                       "token '%s': a signature of key '%s' does not verify", signer->h->label, signer->label);
    memcpy(sig, made, sizeof made);
    return ERR_OK;
}

enum err_code hsm_public_ed25519(struct hsm_key *signer, uint8_t pk[32], struct err *e)
{
    enum err_code rc = must_be(signer, HSM_LOG_SIGNER, "hsm_public_ed25519", e);

    if (rc == ERR_OK)
        memcpy(pk, signer->pk, 32);
    return rc;
}

/* ---- derivation from a master ---- */

static CK_RV derive(struct hsm_key *master, const uint8_t data[32], struct template *t, CK_OBJECT_HANDLE *out)
{
    struct hsm *h = master->h;
    uint8_t bytes[32];
    CK_KEY_DERIVATION_STRING_DATA p = { bytes, sizeof bytes };
    CK_MECHANISM m = { CKM_AES_ECB_ENCRYPT_DATA, &p, sizeof p };

    memcpy(bytes, data, sizeof bytes);
    h->module->made++;
    return h->f->C_DeriveKey(h->keys, &m, master->handle, t->at, t->n, out);
}

static enum err_code derive_step(struct hsm *h, void *io, struct err *e)
{
    struct job *j = io;
    CK_OBJECT_HANDLE o;
    struct template t;
    enum err_code rc = key_bind(j->k, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    template_shown_secret(&t);
    if ((rv = derive(j->k, j->in, &t, &o)) == CKR_OK)
        rv = point_take_secret(h->f, h->keys, o, j->out);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_DeriveKey", rv, e);
}

enum err_code hsm_derive(struct hsm_key *master, const uint8_t data[32], uint8_t out[32], struct err *e)
{
    struct job j = { .k = master, .in = data, .len = 32, .out_len = 32 };

    return run(derive_step, &j, out, e);
}

enum err_code key_bind_derived(struct hsm_key *k, struct err *e)
{
    struct template t;
    CK_RV rv;

    template_mac_key(&t);
    rv = derive(k->parent, k->data, &t, &k->handle);
    return rv == CKR_OK ? ERR_OK : token_fail(k->h, HSM_CALL, "C_DeriveKey", rv, e);
}

static enum err_code bind_step(struct hsm *h, void *io, struct err *e)
{
    (void)h;
    return key_bind(io, e);
}

enum err_code hsm_derive_key(struct hsm_key *master, const uint8_t data[32], struct hsm_key **out, struct err *e)
{
    struct hsm_key *k = key_new(master->h, master, KEY_DERIVED, e);
    enum err_code rc;

    if (k == NULL)
        return e->code;
    memcpy(k->data, data, sizeof k->data);
    if ((rc = token_do(master->h, bind_step, k, e)) != ERR_OK)
        hsm_key_free(k);
    else
        *out = k;
    return rc;
}

/* ---- random ---- */

static enum err_code random_step(struct hsm *h, void *io, struct err *e)
{
    struct job *j = io;
    CK_RV rv = h->f->C_GenerateRandom(h->work, j->out, j->out_len);

    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_GenerateRandom", rv, e);
}

enum err_code hsm_random(struct hsm *h, void *out, size_t len, struct err *e)
{
    struct job j = { .out = out, .out_len = len };

    return token_do(h, random_step, &j, e);
}
