/* protocol/session_rsa.h - scheme 6 in its RSA form: what both sides share.
 *     30 | RSA block512          block = RSAES-OAEP(label, 01 | ID32 | data), data up to 413 bytes
 *     key iv sid dkey div = HKDF-Expand(ID, "fl1 ses" | suite1 | fleet2, 66)
 * ID is random, new for every OPEN, and all the session hangs on it: the same ID in two OPENs would be nonce reuse.  The
 * registry keeps SHA-256("fl1 id" | ID), never ID; a cold session is remade from its stored OPEN.
 * A proof differs by its label, so that it never opens as telemetry, nor telemetry as a proof; its data is SHA-256 of the
 * proof's bytes (protocol/profile.h).
 * No forward secrecy: who gets the private key reads all that was ever sent.  Secrets: ID, the session.
 * Source: docs/protocol.md, "Scheme 6, RSA"; RFC 8017 7.1. */
#ifndef PROTOCOL_SESSION_RSA_H
#define PROTOCOL_SESSION_RSA_H

#include "protocol/oaep.h"
#include "protocol/session.h"

enum {
    SESSION_RSA_VERSION = 0x01, /* of the plaintext; any other is refused as a wrong padding is */
    SESSION_RSA_ID_LEN = 32,
    SESSION_RSA_HEAD_LEN = 1 + SESSION_RSA_ID_LEN,
    SESSION_RSA_FRAME_LEN = 1 + FRAME_RSA_LEN,
    SESSION_RSA_KEY_LEN = RSA_LEN + 4, /* n512 e4, as the firmware holds it and S0 digests it */
    SESSION_RSA_LABEL_MAX = 9 + 2
};

_Static_assert(SESSION_RSA_HEAD_LEN + FRAME_RSA_DATA_MAX == OAEP_MESSAGE_MAX, "RFC 8017 7.1.1");

/* "fl1 rsa" | fleet2; of a proof "fl1 proof" | fleet2.  Returns the length. */
size_t session_rsa_label(const struct profile *p, bool proof, uint8_t out[SESSION_RSA_LABEL_MAX]);

/* The session of an ID, and id_digest = SHA-256("fl1 id" | ID), its name in the registry.  False: the table failed. */
bool session_rsa_keys(const struct crypto *c, const struct profile *p, const uint8_t id[SESSION_RSA_ID_LEN],
                      struct session *s, uint8_t id_digest[SHA256_LEN]);

#endif
