#include "server/tls_token.h"

#include <stdlib.h>
#include <string.h>

#include "server/fault.h"
#include "server/tls_signer.h"

enum { CHAIN_MAX = 16 };

struct tls_token {
    struct tls_signer signer;
    gnutls_privkey_t key;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n;
};

static enum err_code no_pair(const struct tls_token *t, int code, const char *name, struct err *e)
{
    if (t->signer.failed) {
        *e = t->signer.why;
        return e->code;
    }
    return err_set(e, &server_fault[SERVER_TLS_PAIR], "token", "gnutls", code, "%s: %s", name,
                   code < 0 ? gnutls_strerror(code) : "the key of [serve] is another's");
}

/* Is it the certificate's?  By the public halves. */
static int is_of(const struct tls_token *t, gnutls_pubkey_t public, bool *same)
{
    uint8_t id[2][32];
    size_t len[2] = { sizeof id[0], sizeof id[1] };
    int code = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, id[0], &len[0]);

    if (code >= 0)
        code = gnutls_pubkey_get_key_id(t->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, id[1], &len[1]);
    *same = code >= 0 && len[0] == len[1] && memcmp(id[0], id[1], len[0]) == 0;
    return code;
}

/* Private and public half belong together, before the first client finds out. */
static int try(const struct tls_token *t, gnutls_pubkey_t public)
{
    unsigned char text[] = "fuseline: may it sign?";
    const gnutls_datum_t data = { text, sizeof text };
    gnutls_datum_t sig = { NULL, 0 };
    int code = gnutls_privkey_sign_data(t->key, GNUTLS_DIG_SHA256, 0, &data, &sig);

    if (code >= 0)
        code = gnutls_pubkey_verify_data2(public, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &sig);
    gnutls_free(sig.data);
    return code;
}

static enum err_code fill(struct tls_token *t, const struct tls_pair *pair, const char *name, struct err *e)
{
    const gnutls_datum_t pem = { (unsigned char *)pair->certificate, (unsigned)strlen(pair->certificate) };
    gnutls_pubkey_t public = NULL;
    unsigned n = CHAIN_MAX;
    uint8_t pk[65];
    bool same = false;
    enum err_code rc = hsm_public(t->signer.key, pk, e);
    int code;

    if (rc != ERR_OK)
        return rc;
    if ((code = gnutls_pcert_list_import_x509_raw(t->chain, &n, &pem, GNUTLS_X509_FMT_PEM, 0)) >= 0)
        t->n = n;
    if (code < 0 || (code = tls_signer_public(pk, &public)) < 0 || (code = is_of(t, public, &same)) < 0 || !same ||
        (code = tls_signer_private(&t->signer, &t->key)) < 0 || (code = try(t, public)) < 0)
        rc = no_pair(t, code, name, e);
    if (public != NULL)
        gnutls_pubkey_deinit(public);
    return rc;
}

enum err_code tls_token_open(struct tls_token **out, const struct tls_pair *pair, const char *name, struct hsm_key *key,
                             struct err *e)
{
    struct tls_token *t = calloc(1, sizeof *t);
    enum err_code rc;

    if (t == NULL)
        return err_errno(e, &server_fault[SERVER_MEMORY], "calloc", "%s", name);
    t->signer.key = key;
    if ((rc = fill(t, pair, name, e)) == ERR_OK)
        *out = t;
    else
        tls_token_close(t);
    return rc;
}

void tls_token_close(struct tls_token *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < t->n; i++)
        gnutls_pcert_deinit(&t->chain[i]);
    if (t->key != NULL)
        gnutls_privkey_deinit(t->key);
    free(t);
}

bool tls_token_is_lost(const struct tls_token *t, struct err *why)
{
    if (t->signer.failed)
        *why = t->signer.why;
    return t->signer.failed;
}

/* ---- for libmicrohttpd ---- */

static struct tls_token *served;

/* The session keeps none of it: it stays ours. */
static int retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int n_authorities,
                    const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **chain, unsigned *n,
                    gnutls_privkey_t *key)
{
    (void)session;
    (void)authorities;
    (void)n_authorities;
    (void)algorithms;
    (void)n_algorithms;
    if (served == NULL)
        return -1;
    *chain = served->chain;
    *n = served->n;
    *key = served->key;
    return 0;
}

gnutls_certificate_retrieve_function2 *tls_token_serve(struct tls_token *t)
{
    served = t;
    return t != NULL ? retrieve : NULL;
}
