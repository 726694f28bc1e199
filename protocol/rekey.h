/* protocol/rekey.h - scheme 5: the server moves one device to its next generation of keys.
 *     C0 serial4 gen1 salt16 mac8,  mac8 = HMAC(K_root, "fl1 rekey" | nvm_loss1 | suite1 | fleet2 | frame[0:22])[0:8]
 * nvm_loss binds it to this life of the device's flash: after a loss the server MACs the same (gen, salt) anew.
 * Boundary: pure but for one HMAC on the device; the server's HSM MACs what rekey_input gives (C_Sign under K_root).
 * Power: the device writes the new generation into the record of its next boot number (rekey_record), so that boot, gen and
 * salt switch in one flash write: cut before it, the old generation lives and the frame may come again.
 * Source: docs/protocol.md, "REKEY". */
#ifndef PROTOCOL_REKEY_H
#define PROTOCOL_REKEY_H

#include "protocol/counter.h"
#include "protocol/derive.h"
#include "protocol/frame.h"
#include "protocol/profile.h"
#include "protocol/sealed.h"

enum {
    REKEY_LEN = 30,
    REKEY_MAC_LEN = 8,
    REKEY_HEAD_LEN = REKEY_LEN - REKEY_MAC_LEN,
    REKEY_INPUT_LEN = 9 + 1 + 1 + 2 + REKEY_HEAD_LEN,
    GEN_MAX = 255
};

struct rekey {
    uint8_t gen; /* 1..GEN_MAX */
    uint8_t salt[DERIVE_SALT_LEN];
};

/* ---- server ---- */

/* The first REKEY_HEAD_LEN bytes.  gen 1..255; salt from the token's RNG, stored as pending before this is sent. */
void rekey_head(const uint8_t serial[OTP_SERIAL_LEN], const struct rekey *k, uint8_t frame[REKEY_LEN]);
/* What is MACed under K_root; nvm_loss as the device's boot numbers show it. */
void rekey_input(const struct profile *p, uint8_t nvm_loss, const uint8_t head[REKEY_HEAD_LEN],
                 uint8_t out[REKEY_INPUT_LEN]);
/* Put the MAC behind the head: the frame is whole, REKEY_LEN bytes. */
void rekey_finish(const uint8_t mac[SHA256_LEN], uint8_t frame[REKEY_LEN]);

/* ---- device ---- */

/* SEALED_FORM (no REKEY, or not a scheme that has it), SEALED_SERIAL, SEALED_AUTH (compared in constant time),
 * SEALED_COUNTER (gen is not above `gen`: a replay or a rollback), SEALED_CRYPTO.  *out is set on SEALED_OK alone. */
enum sealed_result rekey_check(const struct crypto *c, const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN],
                               const uint8_t K_root[DERIVE_KEY_LEN], uint8_t nvm_loss, uint8_t gen, const uint8_t *bytes,
                               size_t len, struct rekey *out);

/* Into the record of the next boot number, which is taken at once (counter_plan, then this, then write); ctr is 1 again. */
void rekey_record(const struct rekey *k, struct counter_record *r);

#endif
