/* server/tls_certify.c - the certificate, or the request for one, of a key that stays in its token. */
#include <gnutls/abstract.h>
#include <unistd.h>

#include "server/fault.h"
#include "server/tls.h"
#include "server/tls_impl.h"
#include "server/tls_signer.h"

struct pair { /* the key's two halves, as GnuTLS has them */
    struct tls_signer signer;
    gnutls_privkey_t private;
    gnutls_pubkey_t public;
};

static int self_sign(struct pair *p, const struct tls_names *names, gnutls_datum_t *pem)
{
    gnutls_x509_crt_t c = NULL;
    int code = gnutls_x509_crt_init(&c);

    if (code < 0)
        return code;
    if ((code = tls_fill(c, names)) >= 0 && (code = gnutls_x509_crt_set_pubkey(c, p->public)) >= 0 &&
        (code = gnutls_x509_crt_privkey_sign(c, c, p->private, GNUTLS_DIG_SHA256, 0)) >= 0)
        code = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, pem);
    gnutls_x509_crt_deinit(c);
    return code;
}

static int fill_request(gnutls_x509_crq_t r, const struct tls_names *names)
{
    int code = gnutls_x509_crq_set_dn(r, names->common, NULL);

    for (unsigned i = 0; i < names->n && code >= 0; i++)
        code = gnutls_x509_crq_set_subject_alt_name(r, names->name[i].type, names->name[i].bytes, names->name[i].len,
                                                    GNUTLS_FSAN_APPEND);
    if (code >= 0)
        code = gnutls_x509_crq_set_version(r, 1);
    if (code >= 0)
        code = gnutls_x509_crq_set_key_usage(r, GNUTLS_KEY_DIGITAL_SIGNATURE);
    return code < 0 ? code : gnutls_x509_crq_set_key_purpose_oid(r, GNUTLS_KP_TLS_WWW_SERVER, 0);
}

static int ask(struct pair *p, const struct tls_names *names, gnutls_datum_t *pem)
{
    gnutls_x509_crq_t r = NULL;
    int code = gnutls_x509_crq_init(&r);

    if (code < 0)
        return code;
    if ((code = fill_request(r, names)) >= 0 && (code = gnutls_x509_crq_set_pubkey(r, p->public)) >= 0 &&
        (code = gnutls_x509_crq_privkey_sign(r, p->private, GNUTLS_DIG_SHA256, 0)) >= 0)
        code = gnutls_x509_crq_export2(r, GNUTLS_X509_FMT_PEM, pem);
    gnutls_x509_crq_deinit(r);
    return code;
}

static enum err_code make(struct pair *p, const struct tls_names *names, bool request, const char *path, struct err *e)
{
    gnutls_datum_t pem = { NULL, 0 };
    uint8_t pk[65];
    enum err_code rc = hsm_public(p->signer.key, pk, e);
    int code;

    if (rc != ERR_OK)
        return rc;
    if ((code = tls_signer_public(pk, &p->public)) >= 0 && (code = tls_signer_private(&p->signer, &p->private)) >= 0)
        code = request ? ask(p, names, &pem) : self_sign(p, names, &pem);
    if (p->signer.failed) {
        *e = p->signer.why;
        rc = e->code;
    } else {
        rc = code < 0 ? tls_cannot(request ? "request" : "certificate", code, path, e) : tls_write(path, &pem, 0644, e);
    }
    gnutls_free(pem.data);
    return rc;
}

enum err_code tls_certify(struct hsm_key *key, const char *names, bool request, const char *path, struct err *e)
{
    struct pair p = { .signer = { .key = key } };
    struct tls_names n;

    if (names == NULL)
        tls_names_own(&n);
    else if (!tls_names_parse(names, &n))
        return err_set(e, &server_fault[SERVER_TLS_NAME], "parse", NULL, 0, "'%s'", names);
    if (access(path, F_OK) == 0)
        return err_set(e, &server_fault[SERVER_TLS_THERE], "open", NULL, 0, "%s", path);
    enum err_code rc = make(&p, &n, request, path, e);
    if (p.private != NULL)
        gnutls_privkey_deinit(p.private);
    if (p.public != NULL)
        gnutls_pubkey_deinit(p.public);
    return rc;
}
