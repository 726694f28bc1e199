/* protocol/oaep.h - RSAES-OAEP's padding for RSA-4096, SHA-256 and MGF1-SHA-256: on at the device, off at the server.
 * The modular power is elsewhere: the crypto table's rsa_public, or the HSM (CKM_RSA_X_509, for no other mechanism of an HSM
 * can be relied on to know SHA-256 here).
 * Ours instead of OpenSSL's RSA_padding_check_PKCS1_OAEP_mgf1, which is deprecated: the same code is tested against that
 * one, against published vectors and by a fuzzer, and protocol/ stays free of any library. Boundary: the crypto table's
 * sha256.  No buffer on a device's stack is larger than a digest: encoding is done in place. Secrets: seed, message, EM.
 * Source: RFC 8017 7.1.1, 7.1.2, B.2.1. */
#ifndef PROTOCOL_OAEP_H
#define PROTOCOL_OAEP_H

#include "protocol/crypto.h"

enum {
    OAEP_SEED_LEN = SHA256_LEN,
    OAEP_MESSAGE_MAX = RSA_LEN - 2 * SHA256_LEN - 2 /* 446 */
};

/* EM = 00 | maskedSeed | maskedDB.  seed is random, for this message alone; label and message are joined parts that do not
 * overlap em.  False: the message is longer than OAEP_MESSAGE_MAX, or the table failed; em is then wiped. */
bool oaep_encode(const struct crypto *c, const struct crypto_part *label, size_t n_label, const uint8_t seed[OAEP_SEED_LEN],
                 const struct crypto_part *message, size_t n, uint8_t em[RSA_LEN]);

/* False: not a message under this label, for whatever reason: they are one, in the answer and in time (RFC 8017 7.1.2, note;
 * Manger, CRYPTO 2001).  Only a right message's length is in the time that it takes.  message and *len are then untouched.
 */
bool oaep_decode(const struct crypto *c, const struct crypto_part *label, size_t n_label, const uint8_t em[RSA_LEN],
                 uint8_t message[OAEP_MESSAGE_MAX], size_t *len);

#endif
