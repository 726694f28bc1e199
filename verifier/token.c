#include "hsm/fault.h"
#include "hsm/fleet.h"
#include "protocol/bytes.h"
#include "verifier/cache.h"

/* The token's share of one frame, and how that failed. */
struct asked {
    struct verifier *v;
    struct peer *p;
    const struct peer_gen *gen;
    enum err_code rc;
    struct err *e;
};

static bool ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct asked *a = io;
    return (a->rc = hsm_fleet_of(a->p->side.profile.suite)->ecdh(a->p->skR, enc, z, a->e)) == ERR_OK;
}

static bool mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    struct asked *a = io;
    const struct crypto_part part = { in, len };
    const uint8_t *K_gen = NULL;

    if (a->gen == NULL)
        return (a->rc = hsm_hmac(a->p->mac, in, len, out, a->e)) == ERR_OK;
    return (a->rc = peer_gen_key(a->v, a->p, a->gen, &K_gen, a->e)) == ERR_OK &&
           a->v->crypto->hmac_sha256(a->v->crypto->io, K_gen, SHA256_LEN, &part, 1, out);
}

static bool rsa(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN])
{
    struct asked *a = io;
    return (a->rc = hsm_rsa_raw(a->p->skR, c, m, a->e)) == ERR_OK;
}

enum err_code session_from_open(struct verifier *v, struct peer *p, const struct peer_gen *gen, const struct frame *f,
                                struct peer_session *s, enum sealed_result *result, struct err *e)
{
    struct asked asked = { v, p, gen, ERR_OK, e };
    const struct peer_token token = { .ecdh = ecdh, .mac = mac, .rsa = rsa, .io = &asked };

    *result = p->scheme->session(v->crypto, &p->side, &token, f, s);
    if (asked.rc != ERR_OK && e->fault == &hsm_fault[HSM_RSA_RANGE]) { /* wrong with the frame, not with the token */
        *result = SEALED_AUTH;
        return ERR_OK;
    }
    return asked.rc;
}
