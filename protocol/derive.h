/* protocol/derive.h - scheme 5's keys: one master of a line -> K_root of each serial -> K_gen of each generation.
 * Boundary: pure inputs, for an HSM that does the keyed step itself; the crypto table where K_root lies in the clear
 * (device). Only the line's and the server's token hold a master; K_root is in the device's OTP and, on the server, a
 * session object that can only sign.  Secrets: K_root, K_gen. Source: docs/protocol.md, "Derived keys"; NIST SP 800-108
 * r1, 4.1 (counter mode, HMAC-SHA256, r = 32); PKCS#11 v3.0 2.17.2. */
#ifndef PROTOCOL_DERIVE_H
#define PROTOCOL_DERIVE_H

#include "protocol/crypto.h"

enum {
    DERIVE_KEY_LEN = 32,
    DERIVE_SALT_LEN = 16,
    DERIVE_ROOT_INPUT_LEN = 32,                                /* two AES blocks */
    DERIVE_GEN_INPUT_LEN = 4 + 7 + 1 + 1 + DERIVE_SALT_LEN + 4 /* counter, label, 00, context, length in bits */
};

/* What CKM_AES_ECB_ENCRYPT_DATA encrypts under the line's master; the two blocks of the result are K_root.
 * serial8 "fl1root1" serial8 "fl1root2": no two blocks of two devices are equal, so ECB shows nothing. */
void derive_root_input(const uint8_t serial[8], uint8_t out[DERIVE_ROOT_INPUT_LEN]);

/* What is MACed (HMAC-SHA256, C_Sign) under K_root; the result is K_gen.  Generation 0 has the all-zero salt. */
void derive_gen_input(uint8_t gen, const uint8_t salt[DERIVE_SALT_LEN], uint8_t out[DERIVE_GEN_INPUT_LEN]);

/* The same in the clear.  False: the table failed. */
bool derive_gen(const struct crypto *c, const uint8_t K_root[DERIVE_KEY_LEN], uint8_t gen,
                const uint8_t salt[DERIVE_SALT_LEN], uint8_t K_gen[DERIVE_KEY_LEN]);

#endif
