#include "server/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "protocol/bytes.h"
#include "server/fault.h"

enum { PEM_MAX = 64 * 1024 };

const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

static enum err_code no_pair(const char *op, int code, const char *subject, struct err *e)
{
    return err_set(e, &server_fault[SERVER_TLS_PAIR], op, "gnutls", code, "%s: %s", subject, gnutls_strerror(code));
}

static enum err_code read_pem(const char *path, bool secret, char **out, size_t *len, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum err_code rc = ERR_OK;

    if (fd < 0 || fstat(fd, &st) != 0)
        rc = err_errno(e, &server_fault[SERVER_TLS_FILE], "open", "%s", path);
    else if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > PEM_MAX)
        rc = err_set(e, &server_fault[SERVER_TLS_FILE], "open", NULL, 0, "%s: no file of 1 to %d bytes", path, PEM_MAX);
    else if (secret && (st.st_mode & 077) != 0)
        rc = err_set(e, &server_fault[SERVER_TLS_RIGHTS], "open", NULL, 0, "%s has mode %04o", path,
                     (unsigned)st.st_mode & 07777);
    else if ((*out = calloc(1, (size_t)st.st_size + 1)) == NULL)
        rc = err_errno(e, &server_fault[SERVER_MEMORY], "calloc", "%s", path);
    else if (read(fd, *out, (size_t)st.st_size) != st.st_size)
        rc = err_errno(e, &server_fault[SERVER_TLS_FILE], "read", "%s", path);
    else
        *len = (size_t)st.st_size;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Do they belong together?  Of a key in a token a worker asks: only there is it open. */
static int check_pair(const struct tls_pair *t, const gnutls_datum_t *cert_pem)
{
    const gnutls_datum_t key_pem = { (unsigned char *)t->key, (unsigned)t->key_len };
    gnutls_certificate_credentials_t pair = NULL;
    int code = gnutls_certificate_allocate_credentials(&pair);

    if (code < 0)
        return code;
    code = gnutls_certificate_set_x509_key_mem(pair, cert_pem, &key_pem, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(pair);
    return code;
}

/* And the fingerprint, by which people know the certificate, and its dates. */
static enum err_code check(struct tls_pair *t, const char *certificate, const char *key, struct err *e)
{
    gnutls_x509_crt_t own = NULL;
    const gnutls_datum_t cert_pem = { (unsigned char *)t->certificate, (unsigned)strlen(t->certificate) };
    uint8_t digest[32];
    size_t len = sizeof digest;
    enum err_code rc = ERR_OK;
    int code;

    if (key != NULL && (code = check_pair(t, &cert_pem)) < 0)
        rc = no_pair("key pair", code, key, e);
    else if ((code = gnutls_x509_crt_init(&own)) < 0 ||
             (code = gnutls_x509_crt_import(own, &cert_pem, GNUTLS_X509_FMT_PEM)) < 0 ||
             (code = gnutls_x509_crt_get_fingerprint(own, GNUTLS_DIG_SHA256, digest, &len)) < 0)
        rc = no_pair("certificate", code, certificate, e);
    else {
        hex_encode(digest, sizeof digest, t->fingerprint);
        t->starts = (int64_t)gnutls_x509_crt_get_activation_time(own);
        t->ends = (int64_t)gnutls_x509_crt_get_expiration_time(own);
    }
    if (own != NULL)
        gnutls_x509_crt_deinit(own);
    return rc;
}

enum err_code tls_load(struct tls_pair *out, const char *certificate, const char *key, struct err *e)
{
    size_t len = 0;
    enum err_code rc;

    *out = (struct tls_pair){ .certificate = NULL };
    if ((rc = read_pem(certificate, false, &out->certificate, &len, e)) != ERR_OK ||
        (key != NULL && (rc = read_pem(key, true, &out->key, &out->key_len, e)) != ERR_OK) ||
        (rc = check(out, certificate, key, e)) != ERR_OK)
        tls_free(out);
    return rc;
}

void tls_free(struct tls_pair *t)
{
    if (t->key != NULL)
        bytes_wipe(t->key, t->key_len);
    free(t->key);
    free(t->certificate);
    *t = (struct tls_pair){ .certificate = NULL };
}
