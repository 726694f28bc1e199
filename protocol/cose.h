/* protocol/cose.h - what a frame is in full: COSE_Encrypt0 (RFC 9052), by fixed rules, in deterministic CBOR.
 * Boundary: pure; the caller's buffer, or parts that point into the caller's bytes.  The AAD made here is the one the AEAD
 * gets, so that an expanded frame opens by standard COSE rules: nonce = iv XOR Partial IV, external_aad = frame head.
 * Source: RFC 9052 5.3 (Enc_structure), 4.2.1 of RFC 8949; docs/protocol.md, "Frames as COSE". */
#ifndef PROTOCOL_COSE_H
#define PROTOCOL_COSE_H

#include "protocol/crypto.h"
#include "protocol/frame.h"

enum {
    COSE_ALG_CCM_16_128_64 = 10,  /* AES-CCM-16-64-128: 13-byte nonce, tag 8 (RFC 9053 4.2) */
    COSE_ALG_CCM_16_128_128 = 30, /* AES-CCM-16-128-128: tag 16 */
    COSE_EXPANDED_MAX = FRAME_MAX + 32,
    COSE_AAD_PARTS = 3
};

/* The Enc_structure as parts: [0] everything up to the external_aad's length, [1] frame head, [2] proof bytes or empty. */
struct cose_aad {
    uint8_t head[20];
    struct crypto_part part[COSE_AAD_PARTS];
};

/* Enc_structure = 83 68 "Encrypt0" bstr({1: alg}) bstr(external | extra), alg by tag_len (8 or 16).
 * Both are pointed to, not copied.  extra may be NULL with length 0; total at most 65535. */
void cose_enc_structure(struct cose_aad *a, size_t tag_len, const uint8_t *external, size_t external_len,
                        const uint8_t *extra, size_t extra_len);

/* COSE_Encrypt0 of a parsed frame: [protected, {4: kid, 6: ctr} or {4: kid, -4: x}, ciphertext | tag].  Untagged.
 * Returns its length; 0 if max < f->len + 32 (COSE_EXPANDED_MAX always suffices). */
size_t cose_expand(const struct frame *f, uint8_t *out, size_t max);

#endif
