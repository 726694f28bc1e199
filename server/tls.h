/* server/tls.h - the receiver's certificate and key: two PEM files, or a self-signed pair that is made once.
 * Boundary: GnuTLS below.  TLS 1.2 and 1.3 only.
 * Secrets: the key is read once, before the workers are forked, and wiped by tls_free; the file must be closed to others.
 * Power: the key is written first, then the certificate, each whole or not at all; what a cut leaves is completed. */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

extern const char tls_priorities[]; /* a GnuTLS priority string */

struct tls_pair {
    char *certificate, *key; /* PEM, NUL-terminated */
    size_t key_len;
    char fingerprint[65]; /* SHA-256 of the certificate (DER), hexadecimal */
};

/* ERR_CONFIG: not readable, no PEM, or no pair; ERR_RIGHTS: the key is open to others. */
enum err_code tls_load(struct tls_pair *out, const char *certificate, const char *key, struct err *e);
void tls_free(struct tls_pair *t);

/* P-256, ten years, for localhost, 127.0.0.1, ::1 and this machine's name: for tests and demonstrations; a phone must be
 * told its fingerprint by another way.  Idempotent: what is there is kept.  *made tells. */
enum err_code tls_self_signed(const char *certificate, const char *key, bool *made, struct err *e);

#endif
