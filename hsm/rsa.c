#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include "hsm/pair.h"

/* RSA-4096, for scheme 6: RFC 8017.  SoftHSM2's OAEP knows SHA-1 only, so there it is RSADP (s.5.1.2) inside, and the
 * padding is looked at outside. */

/* ---- the public half: n512 | e4 ---- */

/* Big-endian, right-aligned; modules may give leading zeros, or leave them out. */
static bool place(uint8_t *out, size_t size, const uint8_t *bytes, size_t len)
{
    while (len > 0 && bytes[0] == 0) {
        bytes++;
        len--;
    }
    if (len > size)
        return false;
    memset(out, 0, size - len);
    memcpy(out + size - len, bytes, len);
    return true;
}

CK_RV rsa_read_public(struct hsm *h, CK_OBJECT_HANDLE public, uint8_t *pk)
{
    uint8_t n[HSM_RSA_BYTES + 8], e[16];
    CK_ATTRIBUTE a[2] = { { CKA_MODULUS, n, sizeof n }, { CKA_PUBLIC_EXPONENT, e, sizeof e } };
    CK_RV rv = h->f->C_GetAttributeValue(h->work, public, a, 2);

    if (rv != CKR_OK)
        return rv;
    if (!place(pk, HSM_RSA_BYTES, n, a[0].ulValueLen) || !place(pk + HSM_RSA_BYTES, 4, e, a[1].ulValueLen) || pk[0] < 0x80)
        return CKR_FUNCTION_FAILED; /* not of 4096 bits */
    return CKR_OK;
}

/* ---- decrypting ---- */

struct decryption {
    struct hsm_key *k;
    CK_MECHANISM m;
    uint8_t in[HSM_RSA_BYTES], out[HSM_RSA_BYTES];
    CK_ULONG len;
};

static CK_RV decrypt(struct hsm *h, CK_OBJECT_HANDLE private, struct decryption *d)
{
    CK_RV rv = h->f->C_DecryptInit(h->work, &d->m, private);

    if (rv == CKR_OPERATION_ACTIVE) { /* one that an earlier failure left */
        token_new_work(h);
        rv = h->f->C_DecryptInit(h->work, &d->m, private);
    }
    d->len = sizeof d->out;
    return rv == CKR_OK ? h->f->C_Decrypt(h->work, d->in, sizeof d->in, d->out, &d->len) : rv;
}

static CK_RV decrypt_raw(struct hsm *h, CK_OBJECT_HANDLE private, struct decryption *d)
{
    uint8_t bare[HSM_RSA_BYTES];
    CK_RV rv;

    d->m = (CK_MECHANISM){ CKM_RSA_X_509, NULL, 0 };
    if ((rv = decrypt(h, private, d)) != CKR_OK)
        return rv;
    memcpy(bare, d->out, sizeof bare);
    if (d->len > sizeof bare || !place(d->out, sizeof d->out, bare, d->len))
        rv = CKR_FUNCTION_FAILED;
    OPENSSL_cleanse(bare, sizeof bare);
    return rv;
}

static CK_RV decrypt_oaep(struct hsm *h, CK_OBJECT_HANDLE private, struct decryption *d, void *label, size_t len)
{
    CK_RSA_PKCS_OAEP_PARAMS p = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, label, len };

    d->m = (CK_MECHANISM){ CKM_RSA_PKCS_OAEP, &p, sizeof p };
    return decrypt(h, private, d);
}

/* ---- the proof: what is encrypted to the public half comes back ---- */

static bool encrypt(const uint8_t *pk, const uint8_t in[HSM_RSA_BYTES], uint8_t out[HSM_RSA_BYTES])
{
    BN_CTX *c = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(pk, HSM_RSA_BYTES, NULL), *e = BN_bin2bn(pk + HSM_RSA_BYTES, 4, NULL),
           *m = BN_bin2bn(in, HSM_RSA_BYTES, NULL);
    bool good = c != NULL && n != NULL && e != NULL && m != NULL && BN_mod_exp(m, m, e, n, c) == 1 &&
                BN_bn2binpad(m, out, HSM_RSA_BYTES) == HSM_RSA_BYTES;

    BN_free(m);
    BN_free(e);
    BN_free(n);
    BN_CTX_free(c);
    return good;
}

CK_RV rsa_prove(struct hsm *h, CK_OBJECT_HANDLE private, const uint8_t *pk, bool *good)
{
    uint8_t block[HSM_RSA_BYTES];
    struct decryption d = { .k = NULL };
    CK_RV rv;

    *good = h->module->profile.oaep == OAEP_NATIVE; /* a module that unpads shows no block to compare */
    if (*good)
        return CKR_OK;
    memset(block, 0x5a, sizeof block); /* below n, whose first bit is set */
    if (!encrypt(pk, block, d.in))
        return CKR_HOST_MEMORY;
    rv = decrypt_raw(h, private, &d);
    *good = rv == CKR_OK && memcmp(d.out, block, sizeof block) == 0;
    return rv;
}

/* ---- the contract ---- */

static enum err_code must_be_rsa(const struct hsm_key *k, const char *op, struct err *e)
{
    if (k->source == KEY_OF_TOKEN && k->kind == HSM_RSA)
        return ERR_OK;
    return err_set(e, &hsm_fault[HSM_KEY_WRONG], op, NULL, 0, "token '%s': key '%s' is no RSA key", k->h->label, k->label);
}

static enum err_code out_of_range(const struct hsm_key *k, const char *op, struct err *e)
{
    return err_set(e, &hsm_fault[HSM_RSA_RANGE], op, NULL, 0, "token '%s': key '%s'", k->h->label, k->label);
}

/* 1..n-1.  All of it is public. */
static bool in_range(const struct hsm_key *k, const uint8_t block[HSM_RSA_BYTES])
{
    static const uint8_t zero[HSM_RSA_BYTES];

    return memcmp(block, zero, sizeof zero) != 0 && memcmp(block, k->pk, HSM_RSA_BYTES) < 0;
}

static enum err_code raw_step(struct hsm *h, void *io, struct err *e)
{
    struct decryption *d = io;
    enum err_code rc = key_bind(d->k, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    rv = decrypt_raw(h, d->k->handle, d);
    return rv == CKR_OK ? ERR_OK : token_fail(h, HSM_CALL, "C_Decrypt", rv, e);
}

enum err_code hsm_rsa_raw(struct hsm_key *k, const uint8_t block[HSM_RSA_BYTES], uint8_t out[HSM_RSA_BYTES], struct err *e)
{
    struct decryption d = { .k = k };
    enum err_code rc = must_be_rsa(k, "hsm_rsa_raw", e);

    if (rc != ERR_OK)
        return rc;
    if (!in_range(k, block))
        return out_of_range(k, "hsm_rsa_raw", e);
    memcpy(d.in, block, sizeof d.in);
    if ((rc = token_do(k->h, raw_step, &d, e)) == ERR_OK)
        memcpy(out, d.out, sizeof d.out);
    OPENSSL_cleanse(&d, sizeof d);
    return rc;
}

struct oaep {
    struct decryption d;
    uint8_t label[64];
    size_t label_len;
    bool refused;
};

/* The codes by which a module says that the padding is wrong: all the same to us. */
static bool blames_padding(CK_RV rv)
{
    return rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE || rv == CKR_DATA_INVALID ||
           rv == CKR_FUNCTION_FAILED;
}

static enum err_code oaep_step(struct hsm *h, void *io, struct err *e)
{
    struct oaep *o = io;
    enum err_code rc = key_bind(o->d.k, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    rv = decrypt_oaep(h, o->d.k->handle, &o->d, o->label, o->label_len);
    o->refused = blames_padding(rv);
    return rv == CKR_OK || o->refused ? ERR_OK : token_fail(h, HSM_CALL, "C_Decrypt", rv, e);
}

enum err_code hsm_rsa_oaep(struct hsm_key *k, const void *label, size_t label_len, const uint8_t block[HSM_RSA_BYTES],
                           uint8_t out[HSM_RSA_BYTES], size_t *len, struct err *e)
{
    struct oaep o = { .d = { .k = k }, .label_len = label_len };
    enum err_code rc = must_be_rsa(k, "hsm_rsa_oaep", e);

    if (rc != ERR_OK)
        return rc;
    if (!in_range(k, block) || label_len > sizeof o.label)
        return out_of_range(k, "hsm_rsa_oaep", e);
    if (label_len > 0)
        memcpy(o.label, label, label_len);
    memcpy(o.d.in, block, sizeof o.d.in);
    rc = token_do(k->h, oaep_step, &o, e);
    if (rc == ERR_OK && o.refused)
        rc = out_of_range(k, "hsm_rsa_oaep", e);
    if (rc == ERR_OK) {
        memcpy(out, o.d.out, o.d.len);
        *len = o.d.len;
    }
    OPENSSL_cleanse(&o, sizeof o);
    return rc;
}

bool hsm_rsa_is_native(const struct hsm_key *k)
{
    return k->h->module->profile.oaep == OAEP_NATIVE;
}

enum err_code hsm_rsa_public(struct hsm_key *k, uint8_t n[HSM_RSA_BYTES], uint8_t e4[4], struct err *e)
{
    enum err_code rc = must_be_rsa(k, "hsm_rsa_public", e);

    if (rc != ERR_OK)
        return rc;
    memcpy(n, k->pk, HSM_RSA_BYTES);
    memcpy(e4, k->pk + HSM_RSA_BYTES, 4);
    return ERR_OK;
}
