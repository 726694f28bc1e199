#include "server/tls_signer.h"

#include <gnutls/crypto.h>
#include <string.h>

enum { HALF = 32, HASH_MAX = 64 };

int tls_signature_der(const uint8_t rs[64], gnutls_datum_t *out)
{
    uint8_t copy[2 * HALF]; /* GnuTLS has no const there */
    const gnutls_datum_t r = { copy, HALF }, s = { copy + HALF, HALF };

    memcpy(copy, rs, sizeof copy);
    return gnutls_encode_rs_value(out, &r, &s);
}

static bool is_ours(gnutls_sign_algorithm_t scheme)
{
    return gnutls_sign_supports_pk_algorithm(scheme, GNUTLS_PK_ECDSA) != 0 &&
           gnutls_hash_get_len((gnutls_digest_algorithm_t)gnutls_sign_get_hash_algorithm(scheme)) >= HALF;
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t scheme, void *signer, unsigned flags,
                     const gnutls_datum_t *hash, gnutls_datum_t *out)
{
    struct tls_signer *s = signer;
    uint8_t rs[2 * HALF];

    (void)key;
    (void)flags;
    if (!is_ours(scheme) || hash->size < HALF)
        return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    s->failed = hsm_sign(s->key, hash->data, rs, &s->why) != ERR_OK;
    return s->failed ? GNUTLS_E_PK_SIGN_FAILED : tls_signature_der(rs, out);
}

static int sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t scheme, void *signer, unsigned flags,
                     const gnutls_datum_t *data, gnutls_datum_t *out)
{
    const gnutls_digest_algorithm_t digest = (gnutls_digest_algorithm_t)gnutls_sign_get_hash_algorithm(scheme);
    uint8_t bytes[HASH_MAX];
    const gnutls_datum_t hash = { bytes, (unsigned)gnutls_hash_get_len(digest) };

    if (!is_ours(scheme) || hash.size > HASH_MAX || gnutls_hash_fast(digest, data->data, data->size, bytes) < 0)
        return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    return sign_hash(key, scheme, signer, flags, &hash, out);
}

static int info(gnutls_privkey_t key, unsigned flags, void *signer)
{
    (void)key;
    (void)signer;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0)
        return GNUTLS_PK_ECDSA;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0)
        return 8 * HALF;
    if ((flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0)
        return is_ours((gnutls_sign_algorithm_t)GNUTLS_FLAGS_TO_SIGN_ALGO(flags));
    return -1; /* as the library wants it for what is not known */
}

int tls_signer_private(struct tls_signer *s, gnutls_privkey_t *out)
{
    int code = gnutls_privkey_init(out);

    if (code < 0)
        *out = NULL;
    else if ((code = gnutls_privkey_import_ext4(*out, s, sign_data, sign_hash, NULL, NULL, info, 0)) < 0) {
        gnutls_privkey_deinit(*out);
        *out = NULL;
    }
    return code;
}

int tls_signer_public(const uint8_t pk[65], gnutls_pubkey_t *out)
{
    uint8_t copy[2 * HALF];
    const gnutls_datum_t x = { copy, HALF }, y = { copy + HALF, HALF };
    int code = gnutls_pubkey_init(out);

    memcpy(copy, pk + 1, sizeof copy);
    if (code < 0)
        *out = NULL;
    else if ((code = gnutls_pubkey_import_ecc_raw(*out, GNUTLS_ECC_CURVE_SECP256R1, &x, &y)) < 0) {
        gnutls_pubkey_deinit(*out);
        *out = NULL;
    }
    return code;
}
