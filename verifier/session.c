#include "protocol/bytes.h"
#include "verifier/cache.h"

/* The token's share of one frame, and how that failed. */
struct asked {
    const struct peer *p;
    enum err_code rc;
    struct err *e;
};

static bool ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct asked *a = io;
    return (a->rc = hsm_ecdh(a->p->skR, enc, z, a->e)) == ERR_OK;
}

static bool mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    struct asked *a = io;
    return (a->rc = hsm_hmac(a->p->psk, in, len, out, a->e)) == ERR_OK;
}

enum err_code session_from_open(struct verifier *v, const struct peer *p, const struct frame *f, struct peer_session *s,
                                enum sealed_result *result, struct err *e)
{
    struct asked asked = { p, ERR_OK, e };
    const struct peer_token token = { .ecdh = ecdh, .mac = mac, .io = &asked };

    *result = peer_sealed.session(v->crypto, &p->sealed, &token, f, s);
    return asked.rc;
}
