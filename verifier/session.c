#include "protocol/bytes.h"
#include "verifier/cache.h"

/* Only what passed sealed_check_open reaches the token. */
static enum err_code ask_token(const struct peer *p, const uint8_t enc[P256_PK_LEN], struct sealed_secrets *out,
                               struct err *e)
{
    uint8_t input[SEALED_PSK_INPUT_LEN];
    enum err_code rc = hsm_ecdh(p->skR, enc, out->dh, e);

    if (rc != ERR_OK || !p->sealed.profile.psk)
        return rc;
    sealed_psk_input(enc + 1, input);
    return hsm_hmac(p->psk, input, sizeof input, out->psk, e);
}

enum err_code session_from_open(struct verifier *v, const struct peer *p, const struct frame *f, struct sealed_session *s,
                                enum sealed_result *result, struct err *e)
{
    struct sealed_secrets secrets = { { 0 }, { 0 } };
    uint8_t enc[P256_PK_LEN];
    enum err_code rc = ERR_OK;

    *result = sealed_check_open(v->crypto, &p->sealed, f, enc);
    if (*result == SEALED_OK && (rc = ask_token(p, enc, &secrets, e)) == ERR_OK)
        *result = sealed_session_make(v->crypto, &p->sealed.profile, p->sealed.serial, enc, p->sealed.pkRm, &secrets, s);
    bytes_wipe(&secrets, sizeof secrets);
    return rc;
}
