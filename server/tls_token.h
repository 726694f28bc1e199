/* server/tls_token.h - one worker's certificate whose key is in the server token: for libmicrohttpd, instead of a key file.
 * Processes: after the fork, as hsm.h has it; at most one is served by a process, for libmicrohttpd's callback is told of
 * the connection only. */
#ifndef SERVER_TLS_TOKEN_H
#define SERVER_TLS_TOKEN_H

#include <gnutls/abstract.h>
#include <stdbool.h>

#include "hsm/hsm.h"
#include "server/tls.h"

struct tls_token;

/* pair: its certificate; name: of its file, for errors.  key: HSM_TLS, the caller's, outlives the object.  One signature is
 * made and verified first.  ERR_CONFIG server-tls-pair: the key is not the certificate's; else what the token says. */
enum err_code tls_token_open(struct tls_token **out, const struct tls_pair *pair, const char *name, struct hsm_key *key,
                             struct err *e);
void tls_token_close(struct tls_token *t); /* NULL is fine */

/* The token did not sign, not even in a new session: *why. */
bool tls_token_is_lost(const struct tls_token *t, struct err *why);

/* MHD_OPTION_HTTPS_CERT_CALLBACK, and whose certificate it gives from now on (NULL: none). */
gnutls_certificate_retrieve_function2 *tls_token_serve(struct tls_token *t);

#endif
