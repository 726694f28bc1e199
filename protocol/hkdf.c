#include "protocol/hkdf.h"

#include <string.h>

#include "protocol/bytes.h"

bool hkdf_extract(const struct crypto *c, const uint8_t *salt, size_t salt_len, const struct crypto_part *ikm, size_t n,
                  uint8_t prk[SHA256_LEN])
{
    return c->hmac_sha256(c->io, salt, salt_len, ikm, n,
                          prk); /* HMAC pads an empty key with zeros: RFC 5869 2.2's default */
}

bool hkdf_expand(const struct crypto *c, const uint8_t prk[SHA256_LEN], const struct crypto_part *info, size_t n,
                 uint8_t *out, size_t len)
{
    if (len > HKDF_LEN_MAX || n > HKDF_PARTS)
        return false;

    uint8_t t[SHA256_LEN], i = 0;
    struct crypto_part part[HKDF_PARTS + 2] = { { t, 0 } }; /* T(0) is empty */
    for (size_t k = 0; k < n; k++)
        part[1 + k] = info[k];
    part[1 + n] = (struct crypto_part){ &i, 1 };

    bool ok = true;
    for (size_t done = 0; ok && done < len; done += sizeof t) {
        i++;
        ok = c->hmac_sha256(c->io, prk, SHA256_LEN, part, n + 2, t);
        part[0].len = sizeof t;
        if (ok)
            memcpy(out + done, t, len - done < sizeof t ? len - done : sizeof t);
    }
    bytes_wipe(t, sizeof t);
    return ok;
}
