/* protocol/hpke.h - HPKE, export-only: from one ECDH result to exported keys.
 * Suites: DHKEM(P-256, HKDF-SHA256) 0x0010 or DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, export-only 0xFFFF;
 * mode_base and mode_psk.
 * Boundary: the DH itself is the caller's: on the server it happens inside the HSM, on the chip in the crypto table.
 * The even-y rule lives above (protocol/sealing.h): enc and pkRm are hashed here exactly as they are given, on both sides
 * 04 | x | y_even, while RFC 9180's own vectors with odd y pass too.  X25519 has one form, 32 bytes.
 * Secrets: dh, shared_secret, psk, exporter_secret and every exported value.  Source: RFC 9180 4.1, 5.1, 5.3. */
#ifndef PROTOCOL_HPKE_H
#define PROTOCOL_HPKE_H

#include "protocol/crypto.h"

enum { HPKE_NSECRET = 32, HPKE_NH = 32, HPKE_NDH = 32 };

/* RFC 9180 7.1, the low byte of its number: it stands in every label.  Nenc = Npk is 65 or 32. */
enum hpke_kem { HPKE_P256 = 0x10, HPKE_X25519 = 0x20 };

/* RFC 9180 5.1: both are there, or the mode is mode_base (a NULL struct hpke_psk).  psk_len >= 32 (9.5). */
struct hpke_psk {
    const uint8_t *psk;
    size_t psk_len;
    const uint8_t *psk_id;
    size_t psk_id_len;
};

/* ExtractAndExpand(dh, enc | pkRm), the end of both Encap and Decap (4.1). */
bool hpke_shared_secret(const struct crypto *c, enum hpke_kem kem, const uint8_t dh[HPKE_NDH], const uint8_t *enc,
                        const uint8_t *pkRm, uint8_t shared_secret[HPKE_NSECRET]);

/* KeySchedule (5.1), the part that leads to exporter_secret.  psk NULL: mode_base.  False: a psk shorter than 32 bytes or
 * without psk_id, or the table failed. */
bool hpke_key_schedule(const struct crypto *c, enum hpke_kem kem, const uint8_t shared_secret[HPKE_NSECRET],
                       const struct hpke_psk *psk, const uint8_t *info, size_t info_len, uint8_t exporter_secret[HPKE_NH]);

/* Context.Export(exporter_context, L) (5.3). */
bool hpke_export(const struct crypto *c, enum hpke_kem kem, const uint8_t exporter_secret[HPKE_NH], const void *context,
                 size_t context_len, uint8_t *out, size_t len);

#endif
