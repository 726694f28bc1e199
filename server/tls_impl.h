/* server/tls_impl.h - inside server/: what the two makers of certificates share (tls_make.c, tls_certify.c). */
#ifndef SERVER_TLS_IMPL_H
#define SERVER_TLS_IMPL_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

enum { TLS_NAMES = 16, TLS_NAME_LEN = 256 };

struct tls_names { /* what a client may call us: a name that it reached us by must stand in the certificate */
    struct tls_name {
        gnutls_x509_subject_alt_name_t type;
        unsigned char bytes[TLS_NAME_LEN]; /* DNS name, or address of 4 or 16 bytes */
        unsigned len;
    } name[TLS_NAMES];
    unsigned n;
    char common[TLS_NAME_LEN + 4]; /* "CN=..", RFC 4514 */
};

void tls_names_own(struct tls_names *out); /* localhost, its addresses, this machine's name */
/* "a.example,192.0.2.1".  False: one of them is none, or there are too many. */
bool tls_names_parse(const char *text, struct tls_names *out);

/* All of a certificate but its key and signature.  A GnuTLS code. */
int tls_fill(gnutls_x509_crt_t c, const struct tls_names *names);

enum err_code tls_cannot(const char *op, int code, const char *path, struct err *e);

/* Whole or not at all: beside it, synced, then renamed. */
enum err_code tls_write(const char *path, const gnutls_datum_t *pem, mode_t mode, struct err *e);

#endif
