/* server/tls_make.c - the self-signed pair. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol/bytes.h"
#include "server/fault.h"
#include "server/tls.h"
#include "server/tls_impl.h"

enum { DAY_S = 24 * 60 * 60, YEARS_S = 3652 * DAY_S };

enum err_code tls_cannot(const char *op, int code, const char *path, struct err *e)
{
    return err_set(e, &server_fault[SERVER_TLS_MAKE], op, "gnutls", code, "%s: %s", path, gnutls_strerror(code));
}

enum err_code tls_write(const char *path, const gnutls_datum_t *pem, mode_t mode, struct err *e)
{
    char beside[4096 + 8];
    bool good;

    (void)snprintf(beside, sizeof beside, "%s.new", path);
    (void)unlink(beside); /* of a run that was cut */
    const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(e, &server_fault[SERVER_TLS_MAKE], "open", "%s", beside);
    good = write(fd, pem->data, pem->size) == (ssize_t)pem->size && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    good = close(fd) == 0 && good && rename(beside, path) == 0;
    if (good)
        return ERR_OK;
    (void)err_errno(e, &server_fault[SERVER_TLS_MAKE], "write", "%s", path);
    (void)unlink(beside);
    return ERR_CREATE;
}

static enum err_code read_key(gnutls_x509_privkey_t key, const char *path, struct err *e)
{
    gnutls_datum_t pem = { NULL, 0 };
    int code = gnutls_load_file(path, &pem);

    if (code >= 0)
        code = gnutls_x509_privkey_import(key, &pem, GNUTLS_X509_FMT_PEM);
    if (pem.data != NULL)
        bytes_wipe(pem.data, pem.size);
    gnutls_free(pem.data);
    return code < 0 ? tls_cannot("key", code, path, e) : ERR_OK;
}

static enum err_code make_key(gnutls_x509_privkey_t key, const char *path, struct err *e)
{
    gnutls_datum_t pem = { NULL, 0 };
    int code = gnutls_x509_privkey_generate(key, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    enum err_code rc;

    if (code >= 0)
        code = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
    rc = code < 0 ? tls_cannot("key", code, path, e) : tls_write(path, &pem, 0400, e);
    if (pem.data != NULL)
        bytes_wipe(pem.data, pem.size);
    gnutls_free(pem.data);
    return rc;
}

static int set_names(gnutls_x509_crt_t c, const struct tls_names *names)
{
    int code = gnutls_x509_crt_set_dn(c, names->common, NULL);

    for (unsigned i = 0; i < names->n && code >= 0; i++)
        code = gnutls_x509_crt_set_subject_alt_name(c, names->name[i].type, names->name[i].bytes, names->name[i].len,
                                                    GNUTLS_FSAN_APPEND);
    return code;
}

int tls_fill(gnutls_x509_crt_t c, const struct tls_names *names)
{
    unsigned char number[16];
    const time_t now = time(NULL);
    int code = gnutls_rnd(GNUTLS_RND_NONCE, number, sizeof number);

    number[0] = (number[0] & 0x3F) | 0x40; /* positive, and of full length */
    if (code < 0 || (code = gnutls_x509_crt_set_version(c, 3)) < 0 ||
        (code = gnutls_x509_crt_set_serial(c, number, sizeof number)) < 0 || (code = set_names(c, names)) < 0 ||
        (code = gnutls_x509_crt_set_activation_time(c, now - DAY_S)) < 0 ||
        (code = gnutls_x509_crt_set_expiration_time(c, now + YEARS_S)) < 0 ||
        (code = gnutls_x509_crt_set_basic_constraints(c, 0, -1)) < 0 ||
        (code = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0)
        return code;
    return gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_SERVER, 0);
}

static int sign(gnutls_x509_crt_t c, gnutls_x509_privkey_t key)
{
    struct tls_names names;
    int code;

    tls_names_own(&names);
    if ((code = tls_fill(c, &names)) < 0 || (code = gnutls_x509_crt_set_key(c, key)) < 0)
        return code;
    return gnutls_x509_crt_sign2(c, c, key, GNUTLS_DIG_SHA256, 0);
}

static enum err_code make_certificate(gnutls_x509_privkey_t key, const char *path, struct err *e)
{
    gnutls_x509_crt_t c = NULL;
    gnutls_datum_t pem = { NULL, 0 };
    int code = gnutls_x509_crt_init(&c);
    enum err_code rc;

    if (code >= 0)
        code = sign(c, key);
    if (code >= 0)
        code = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem);
    rc = code < 0 ? tls_cannot("certificate", code, path, e) : tls_write(path, &pem, 0644, e);
    gnutls_free(pem.data);
    if (c != NULL)
        gnutls_x509_crt_deinit(c);
    return rc;
}

enum err_code tls_self_signed(const char *certificate, const char *key, bool *made, struct err *e)
{
    const bool has_certificate = access(certificate, F_OK) == 0, has_key = access(key, F_OK) == 0;
    gnutls_x509_privkey_t k = NULL;
    enum err_code rc;
    int code;

    *made = !has_certificate;
    if (has_certificate) /* without its key, tls_load will say so */
        return ERR_OK;
    if ((code = gnutls_x509_privkey_init(&k)) < 0)
        return tls_cannot("key", code, key, e);
    rc = has_key ? read_key(k, key, e) : make_key(k, key, e);
    if (rc == ERR_OK)
        rc = make_certificate(k, certificate, e);
    gnutls_x509_privkey_deinit(k);
    return rc;
}
