#include "protocol/session_rsa.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/hkdf.h"

size_t session_rsa_label(const struct profile *p, bool proof, uint8_t out[SESSION_RSA_LABEL_MAX])
{
    size_t n = proof ? 9 : 7;
    memcpy(out, proof ? "fl1 proof" : "fl1 rsa", n);
    put16(out + n, p->fleet);
    return n + 2;
}

bool session_rsa_keys(const struct crypto *c, const struct profile *p, const uint8_t id[SESSION_RSA_ID_LEN],
                      struct session *s, uint8_t id_digest[SHA256_LEN])
{
    uint8_t okm[sizeof *s], product[3] = { p->suite }, *k = okm;
    put16(product + 1, p->fleet);
    const struct crypto_part info[] = { { "fl1 ses", 7 }, { product, sizeof product } };
    const struct crypto_part name[] = { { "fl1 id", 6 }, { id, SESSION_RSA_ID_LEN } };
    bool ok = hkdf_expand(c, id, info, 2, okm, sizeof okm) && c->sha256(c->io, name, 2, id_digest);
    if (ok) {
        memcpy(s->key, k, sizeof s->key);
        memcpy(s->iv, k += sizeof s->key, sizeof s->iv);
        memcpy(s->sid, k += sizeof s->iv, sizeof s->sid);
        memcpy(s->dkey, k += sizeof s->sid, sizeof s->dkey);
        memcpy(s->div, k += sizeof s->dkey, sizeof s->div);
    }
    bytes_wipe(okm, sizeof okm);
    return ok;
}
