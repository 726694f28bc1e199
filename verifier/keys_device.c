/* Schemes 1 and 4: a key of the device's own, wrapped in its row. */
#include <string.h>

#include "protocol/bytes.h"
#include "verifier/cache.h"
#include "verifier/fault.h"

static enum err_code keys_missing(const struct peer *p, size_t n, struct err *e)
{
    return err_set(e, &verifier_fault[VERIFIER_KEY_ROWS], "keys", NULL, 0, "device %016llx, %zu keys",
                   (unsigned long long)p->serial, n);
}

enum err_code load_sealed(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                          struct err *e)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;
    enum err_code rc = registry_keys(v->registry, p->serial, key, &n, e);

    (void)product, (void)k;
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        if (strcmp(key[i].role, "server") == 0 && p->skR == NULL) {
            if (!v->crypto->p256_decompress(v->crypto->io, key[i].public_x, p->side.pkRm))
                return err_set(e, &verifier_fault[VERIFIER_CRYPTO], "decompress", NULL, 0, "device %016llx",
                               (unsigned long long)p->serial);
            rc = token_key_unwrap(v, &key[i], HSM_KEK, HSM_USE_ECDH, &p->skR, e);
        } else if (strcmp(key[i].role, "psk") == 0 && p->mac == NULL) {
            rc = token_key_unwrap(v, &key[i], HSM_KEK_SECRET, HSM_USE_MAC, &p->mac, e);
        }
    }
    if (rc == ERR_OK && (p->skR == NULL || (p->mac != NULL) != p->side.profile.psk))
        rc = keys_missing(p, n, e);
    return rc;
}

/* Its one key is the secret, whatever its role is called: no public key stands beside it. */
enum err_code load_secret(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                          struct err *e)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;
    enum err_code rc = registry_keys(v->registry, p->serial, key, &n, e);

    (void)product, (void)k;
    if (rc != ERR_OK)
        return rc;
    if (n != 1 || !bytes_all(key[0].public_x, sizeof key[0].public_x, 0))
        return keys_missing(p, n, e);
    return token_key_unwrap(v, &key[0], HSM_KEK_SECRET, HSM_USE_MAC, &p->mac, e);
}
