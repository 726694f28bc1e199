/* server/tls.h - the receiver's certificate and key: two PEM files, or a self-signed pair that is made once; or a
 * certificate alone, whose key is in the server token (server/tls_token.h). Boundary: GnuTLS below.  TLS 1.2 and 1.3 only.
 * Secrets: the key is read once, before the workers are forked, and wiped by tls_free; the file must be closed to others.
 * Power: the key is written first, then the certificate, each whole or not at all; what a cut leaves is completed. */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

extern const char tls_priorities[]; /* a GnuTLS priority string */

struct tls_pair {
    char *certificate, *key; /* PEM, NUL-terminated; key NULL: it is in a token */
    size_t key_len;
    char fingerprint[65]; /* SHA-256 of the certificate (DER), hexadecimal */
    int64_t starts, ends; /* of the certificate, RFC 5280 s.4.1.2.5: seconds since 1970, UTC */
};

/* key NULL: the certificate alone.  ERR_CONFIG: not readable, no PEM, or no pair; ERR_RIGHTS: the key is open to others. */
enum err_code tls_load(struct tls_pair *out, const char *certificate, const char *key, struct err *e);
void tls_free(struct tls_pair *t);

/* P-256, ten years, for localhost, 127.0.0.1, ::1 and this machine's name: for tests and demonstrations; a phone must be
 * told its fingerprint by another way.  Idempotent: what is there is kept.  *made tells. */
enum err_code tls_self_signed(const char *certificate, const char *key, bool *made, struct err *e);

/* Of a key in a token (HSM_TLS): a certificate that it signs itself, as above; or a request (PKCS#10) for an authority to
 * make one.  names: DNS names and addresses, separated by commas, the first is the common name; NULL: as above.  PEM, 0644,
 * whole or not at all.  ERR_CONFLICT: the file is there; ERR_USAGE: no such name. */
struct hsm_key;
enum err_code tls_certify(struct hsm_key *key, const char *names, bool request, const char *path, struct err *e);

#endif
