/* verifier/at_rest.h - inside the verifier: a message that waits for its device, as the registry holds it.
 * Included by this room alone.  Layout, version 1: 01 | salt32 | E(data) | tag16, AES-128-CCM over the 33 bytes before.
 *     K           = CKM_AES_ECB_ENCRYPT_DATA(`down` of the server token, salt32), which never leaves it and makes MACs alone
 *     key16 | nonce13 = HMAC-SHA256(K, "fl1 wait" | serial8 | 01)[0:29]    (HKDF-Expand, RFC 5869 s.2.3)
 * So the registry alone gives nothing away, and no row can be moved to another device.  salt32 is drawn by the token, new
 * for each message: no key is used twice.  Secrets: data is the caller's to wipe. */
#ifndef VERIFIER_AT_REST_H
#define VERIFIER_AT_REST_H

#include "db/down.h"
#include "verifier/cache.h"

/* len <= MESSAGE_MAX; out gets len + MESSAGE_OVERHEAD bytes. */
enum err_code at_rest_wrap(struct verifier *v, uint64_t serial, const uint8_t *data, size_t len,
                           uint8_t out[DOWN_PAYLOAD_MAX], struct err *e);
/* verifier-message: it is not what this token wrapped for that device. */
enum err_code at_rest_unwrap(struct verifier *v, const struct down *d, uint8_t data[MESSAGE_MAX], size_t *len,
                             struct err *e);

#endif
