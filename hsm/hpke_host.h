/* hsm/hpke_host.h - the crypto table of protocol/ on the host: OpenSSL 3.0, EVP only.
 * Boundary: protocol/crypto.h above.  The server's ECDH under a device key is not here: it happens inside the HSM (hsm.h).
 * Threads, processes: one table each; open it after fork().  Memory: OpenSSL's, freed by hpke_host_close. */
#ifndef HSM_HPKE_HOST_H
#define HSM_HPKE_HOST_H

#include "protocol/crypto.h"

struct hpke_host; /* contexts that are kept warm between calls */

/* *table gets the functions and io = the new struct.  NULL: OpenSSL lacks something, or no memory; *table untouched. */
struct hpke_host *hpke_host_open(struct crypto *table);
void hpke_host_close(struct hpke_host *h); /* NULL is fine */

#endif
