#include "verifier/at_rest.h"

#include <string.h>

#include "protocol/bytes.h"
#include "verifier/fault.h"

enum { VERSION = 1, SALT_LEN = 32, HEAD_LEN = 1 + SALT_LEN, TAG_LEN = CCM_TAG_LONG };
_Static_assert(HEAD_LEN + TAG_LEN == MESSAGE_OVERHEAD && MESSAGE_MAX + MESSAGE_OVERHEAD <= DOWN_PAYLOAD_MAX,
               "docs/server.md, messages");
_Static_assert(CCM_KEY_LEN + CCM_NONCE_LEN <= SHA256_LEN, "one round of HKDF-Expand");

const char verifier_down_key[] = "down";

/* okm: key16 | nonce13 and three bytes that nobody needs. */
static enum err_code derive(struct verifier *v, uint64_t serial, const uint8_t salt[SALT_LEN], uint8_t okm[SHA256_LEN],
                            struct err *e)
{
    static const char label[] = "fl1 wait";
    uint8_t info[sizeof label - 1 + 8 + 1];
    struct token_key *down = NULL;
    struct hsm_key *K = NULL;
    enum err_code rc = token_key_find(v, HSM_MASTER, verifier_down_key, &down, e);

    memcpy(info, label, sizeof label - 1);
    put32(info + sizeof label - 1, (uint32_t)(serial >> 32));
    put32(info + sizeof label + 3, (uint32_t)serial);
    info[sizeof info - 1] = 1;
    if (rc == ERR_OK && (rc = hsm_derive_key(down->key, salt, &K, e)) == ERR_OK)
        rc = hsm_hmac(K, info, sizeof info, okm, e);
    hsm_key_free(K);
    return rc;
}

enum err_code at_rest_wrap(struct verifier *v, uint64_t serial, const uint8_t *data, size_t len,
                           uint8_t out[DOWN_PAYLOAD_MAX], struct err *e)
{
    uint8_t okm[SHA256_LEN];
    const struct crypto_part aad = { out, HEAD_LEN };
    const struct ccm m = { okm, okm + CCM_KEY_LEN, TAG_LEN, &aad, 1 };
    enum err_code rc = hsm_random(v->server, out + 1, SALT_LEN, e);

    out[0] = VERSION;
    if (rc == ERR_OK && (rc = derive(v, serial, out + 1, okm, e)) == ERR_OK &&
        !v->crypto->ccm_seal(v->crypto->io, &m, data, len, out + HEAD_LEN))
        rc = err_set(e, &verifier_fault[VERIFIER_CRYPTO], "CCM", NULL, 0, "message of %zu bytes", len);
    bytes_wipe(okm, sizeof okm);
    return rc;
}

enum err_code at_rest_unwrap(struct verifier *v, const struct down *d, uint8_t data[MESSAGE_MAX], size_t *len, struct err *e)
{
    uint8_t okm[SHA256_LEN];
    const struct crypto_part aad = { d->payload, HEAD_LEN };
    const struct ccm m = { okm, okm + CCM_KEY_LEN, TAG_LEN, &aad, 1 };
    bool good = d->len >= MESSAGE_OVERHEAD && d->len <= MESSAGE_MAX + MESSAGE_OVERHEAD && d->payload[0] == VERSION;
    enum err_code rc = good ? derive(v, d->serial, d->payload + 1, okm, e) : ERR_OK;

    if (rc != ERR_OK)
        return rc;
    *len = good ? (size_t)d->len - MESSAGE_OVERHEAD : 0;
    good = good && v->crypto->ccm_open(v->crypto->io, &m, d->payload + HEAD_LEN, *len, data);
    bytes_wipe(okm, sizeof okm);
    return good ? ERR_OK
                : err_set(e, &verifier_fault[VERIFIER_MESSAGE], "unwrap", NULL, 0, "message %llu of device %016llx",
                          (unsigned long long)d->id, (unsigned long long)d->serial);
}
