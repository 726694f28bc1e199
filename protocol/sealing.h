/* protocol/sealing.h - the HPKE family (schemes 1, 2, 3, 6 ECIES, 7, 8): from one ECDH to the keys of a session.
 * Boundary: hpke.h below.  The device makes the ephemeral key here; on the server the ECDH happens inside the HSM.
 * The even-y rule is kept here: enc and pkRm of P-256 are 04 | x | y_even on both sides; of X25519 they are u.
 * Secrets: skE, dh, psk, id.  Source: docs/protocol.md, "Keys of a session"; RFC 9180. */
#ifndef PROTOCOL_SEALING_H
#define PROTOCOL_SEALING_H

#include "protocol/kem.h"
#include "protocol/session.h"

enum {
    SEALING_INFO_MAX = 7 + OTP_SERIAL_LEN, /* "fl1" suite1 scheme1 fleet2, then serial8 (scheme 1) or epoch1 */
    SEALING_PSK_INPUT_LEN = 39,            /* "fl1 psk" x32: what is MACed under S1 to get psk */
    SEALING_ID_LEN = 32
};

/* serial: scheme 1; epoch: the others.  Returns the length. */
size_t sealing_info(const struct profile *p, const uint8_t serial[OTP_SERIAL_LEN], uint8_t epoch,
                    uint8_t info[SEALING_INFO_MAX]);

void sealing_psk_input(const uint8_t x[P256_LEN], uint8_t out[SEALING_PSK_INPUT_LEN]);

/* Reads the RNG once: HMAC(secret, label | boot4 | i1 | 32 random bytes), i = 0, 1, .., until it is a private key of the
 * KEM (X25519: i = 0 always).  Safe if either the secret slot or the RNG is good.  secret NULL: 32 zero bytes, and a failed
 * RNG is SEALED_RANDOM. */
enum sealed_result sealing_ephemeral(const struct crypto *c, const struct kem *kem, const uint8_t *secret, uint32_t boot,
                                     uint8_t skE[P256_LEN]);

struct sealing {
    const struct profile *profile;
    const uint8_t *serial; /* [OTP_SERIAL_LEN], scheme 1 */
    uint8_t epoch;
    const uint8_t *enc, *pkRm; /* as the KEM of the profile's suite has them; y even */
    const uint8_t *dh;         /* [P256_LEN] */
    const uint8_t *psk;        /* [SHA256_LEN]; NULL: mode_base */
};

/* The session; also how a cold one is remade from its stored OPEN.  Proves nothing yet: only opening does.
 *   id  gets Export("fl1 id", 32); NULL: not wanted (only scheme 6 knows it)
 * SEALED_POINT: pkRm or enc has odd y; SEALED_CRYPTO. */
enum sealed_result sealing_session(const struct crypto *c, const struct sealing *in, struct session *s,
                                   uint8_t id[SEALING_ID_LEN]);

#endif
