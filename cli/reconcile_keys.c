#include "cli/reconcile_keys.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/kek.h"

struct walk {
    const struct reconcile_keys *k;
    struct hsm_key *kek[KEKS];
    uint8_t kcv[KEKS][3];
    uint64_t seen, keys;
};

/* SEC 2 s.2.4.2, G: a private key's ECDH with it gives the x of its own public key. */
static const uint8_t generator[65] = { 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
                                       0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
                                       0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
                                       0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
                                       0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5 };

static const char restore[] = "open the token that wrapped it: the newest copy of the line's";

/* ---- one key ---- */

static enum err_code sha256_of(const char *label, const uint8_t *value, uint8_t out[32], struct err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                    EVP_DigestUpdate(ctx, label, strlen(label)) == 1 && EVP_DigestUpdate(ctx, value, 32) == 1 &&
                    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return ok ? ERR_OK : err_set(e, &cli_fault[CLI_CRYPTO], "SHA-256", NULL, 0, "OpenSSL");
}

/* The public x is that of skR * G. */
static enum err_code pair_digest(struct walk *w, const struct hsm_blob *blob, uint8_t out[32], struct err *e)
{
    struct hsm_key *skR = NULL;
    uint8_t x[32];
    enum err_code rc = hsm_unwrap(w->k->line, w->kek[0], blob, HSM_USE_ECDH, &skR, e);

    if (rc == ERR_OK)
        rc = hsm_ecdh(skR, generator, x, e);
    hsm_key_free(skR);
    return rc == ERR_OK ? sha256_of("", x, out, e) : rc;
}

static enum err_code secret_digest(struct walk *w, const struct hsm_blob *blob, uint8_t out[32], struct err *e)
{
    uint8_t secret[32];
    enum err_code rc = hsm_device_secret_get(w->k->line, w->kek[1], blob, secret, e);

    if (rc == ERR_OK)
        rc = sha256_of("fl1 key", secret, out, e);
    explicit_bzero(secret, sizeof secret);
    return rc;
}

static enum err_code differ(struct walk *w, uint64_t serial, const char *kind, const uint8_t *is, const uint8_t *should,
                            size_t len, struct err *e)
{
    char have[65], want[65];

    hex_encode(is, len, have);
    hex_encode(should, len, want);
    return w->k->tell(w->k->io, serial, kind, have, want, restore, e);
}

static enum err_code check_key(struct walk *w, uint64_t serial, const struct wrapped_key *key, struct err *e)
{
    const bool is_pair = strcmp(key->role, "server") == 0;
    const int i = is_pair ? 0 : 1;
    struct hsm_blob blob = { .len = key->blob_len, .mechanism = key->mechanism };
    uint8_t digest[32];
    struct err why = { 0 };

    w->keys++;
    if (memcmp(w->kcv[i], key->kek_kcv, sizeof key->kek_kcv) != 0)
        return differ(w, serial, "key-kek", key->kek_kcv, w->kcv[i], sizeof key->kek_kcv, e);
    memcpy(blob.bytes, key->blob, sizeof blob.bytes);
    (void)snprintf(blob.profile, sizeof blob.profile, "%s", key->profile);
    if ((is_pair ? pair_digest : secret_digest)(w, &blob, digest, &why) != ERR_OK)
        return w->k->tell(w->k->io, serial, "key-unwrap", why.fault->cause, "a key that unwraps", restore, e);
    return memcmp(digest, key->digest, sizeof digest) == 0
               ? ERR_OK
               : differ(w, serial, "key-value", digest, key->digest, sizeof digest, e);
}

/* ---- all of them ---- */

/* Of `devices` the i-th is looked at if it is the first of its share. */
static bool is_chosen(const struct walk *w, uint64_t i)
{
    const uint64_t n = w->k->devices, limit = w->k->limit;

    return limit == 0 || limit >= n || i == 0 || i * limit / n != (i - 1) * limit / n;
}

static enum err_code check_device(void *io, const struct device *d, struct err *e)
{
    struct walk *w = io;
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;
    const uint64_t i = w->seen++;

    if (!is_chosen(w, i))
        return ERR_OK;
    enum err_code rc = registry_keys(w->k->registry, d->serial, key, &n, e);
    for (size_t j = 0; j < n && rc == ERR_OK; j++)
        rc = check_key(w, d->serial, &key[j], e);
    if (w->k->progress && i % 100 == 0)
        fprintf(stderr, "\r\033[Kkeys: %" PRIu64 " of %" PRIu64 " devices", i, w->k->devices);
    return rc;
}

static enum err_code open_keks(struct walk *w, struct err *e)
{
    enum err_code rc = keks_find(w->k->line, w->kcv, e);

    for (int i = 0; i < KEKS && rc == ERR_OK; i++)
        rc = hsm_key_find(w->k->line, keks[i].kind, keks[i].label, &w->kek[i], e);
    return rc;
}

enum err_code reconcile_keys(const struct reconcile_keys *k, uint64_t *keys, struct err *e)
{
    struct walk w = { .k = k };
    enum err_code rc = open_keks(&w, e);

    if (rc == ERR_OK)
        rc = registry_devices(k->registry, NULL, DEV_STATES, check_device, &w, e);
    for (int i = 0; i < KEKS; i++)
        hsm_key_free(w.kek[i]);
    if (k->progress)
        fputs("\r\033[K", stderr);
    *keys = w.keys;
    return rc;
}
