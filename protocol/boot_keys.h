/* protocol/boot_keys.h - schemes 4 and 5: the keys of one boot, and the frames under them.
 * There is no OPEN: serial4, boot3 and ctr2 are in every frame, and both sides get to the keys from them.
 *     K_boot = HKDF-Expand(K_gen, "fl1 boot" | suite1 | scheme1 | fleet2 | serial8 | boot4, 58) = key16 iv13 dkey16 div13
 * K_gen is S0 (scheme 4) or protocol/derive.h's (5).  Where K_gen lies in an HSM, HKDF-Expand is two HMACs:
 *     T(1) = HMAC(K_gen, input 1), T(2) = HMAC(K_gen, input 2), which holds T(1)     (RFC 5869 2.3)
 * Boundary: the crypto table; the boot number comes from protocol/counter.h, replay is the verifier's.
 * A frame under the same boot, ctr and K_gen twice is nonce reuse: who can restore the flash can bring that about.
 * Secrets: K_gen, T(1), T(2), the session.  Source: docs/protocol.md, "Schemes 4 and 5". */
#ifndef PROTOCOL_BOOT_KEYS_H
#define PROTOCOL_BOOT_KEYS_H

#include "protocol/session.h"

enum {
    BOOT_KEYS_LEN = 58,
    BOOT_KEYS_ROUNDS = 2,
    BOOT_KEYS_INFO_LEN = 8 + 1 + 1 + 2 + OTP_SERIAL_LEN + 4,
    BOOT_KEYS_INPUT_MAX = SHA256_LEN + BOOT_KEYS_INFO_LEN + 1
};

/* What is MACed under K_gen in round 1 or 2.  t1: the result of round 1; not read in round 1.  Returns the length. */
size_t boot_keys_input(const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN], uint32_t boot, unsigned round,
                       const uint8_t t1[SHA256_LEN], uint8_t out[BOOT_KEYS_INPUT_MAX]);

/* Both results -> the keys.  sid stays zero: the serial and the boot name the session. */
void boot_keys_take(const uint8_t t[BOOT_KEYS_ROUNDS][SHA256_LEN], struct session *s);

/* All of it where K_gen lies in the clear.  SEALED_RANGE: boot is 0 or above 24 bits; SEALED_CRYPTO. */
enum sealed_result boot_keys_make(const struct crypto *c, const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN],
                                  uint32_t boot, const uint8_t K_gen[SHA256_LEN], struct session *s);

/* ---- frames: `55 serial4 boot3 ctr2 ct tag8` up, `71 serial4 ctr1 ct tag8` down ---- */

/* serial4 of a serial8: its low bytes. */
const uint8_t *boot_keys_kid(const uint8_t serial[OTP_SERIAL_LEN]);

/* DATA with ctr 1..65535 of this boot, each once; SEALED_RANGE at 65536: the next message takes a new boot, ctr 1.
 * proof: PROOF_LEN bytes that go into the AAD, or NULL.  data must not overlap frame.  34 bytes for 16 bytes of data. */
enum sealed_result boot_keys_data(const struct crypto *c, const uint8_t serial[OTP_SERIAL_LEN], uint32_t boot,
                                  const struct session *s, uint32_t counter, const uint8_t *proof, const uint8_t *data,
                                  size_t len, uint8_t *frame, size_t max, size_t *frame_len);

/* Is it a 55 of this device?  *boot gets its number.  SEALED_FORM, SEALED_SERIAL; SEALED_RANGE: boot 0 does not exist. */
enum sealed_result boot_keys_check(const struct frame *f, const uint8_t serial[OTP_SERIAL_LEN], uint32_t *boot);

/* Open a 55 that passed boot_keys_check, under the keys of its boot; data gets f->data_len bytes.  SEALED_AUTH.
 * A proof never opens here, nor telemetry with a proof given. */
enum sealed_result boot_keys_read(const struct crypto *c, const struct session *s, const struct frame *f,
                                  const uint8_t *proof, uint8_t data[FRAME_DATA_MAX]);

#endif
