/* protocol/cose.h - what a frame is in full: COSE_Encrypt0 (RFC 9052), by fixed rules, in deterministic CBOR.
 * ROTATE is a COSE_Sign1; REKEY and the RSA first frame have no COSE form.
 * Boundary: pure; the caller's buffer, or parts that point into the caller's bytes.  The AAD made here is the one the AEAD
 * gets, so that an expanded frame opens by standard COSE rules: nonce = iv XOR Partial IV, external_aad = frame head.
 * Source: RFC 9052 5.3 (Enc_structure), 4.2.1 of RFC 8949; docs/protocol.md, "Frames as COSE". */
#ifndef PROTOCOL_COSE_H
#define PROTOCOL_COSE_H

#include "protocol/crypto.h"
#include "protocol/frame.h"

enum {
    COSE_ALG_ESP256 = -9,         /* ECDSA with SHA-256 over P-256 (RFC 9864) */
    COSE_ALG_CCM_16_128_64 = 10,  /* AES-CCM-16-64-128: 13-byte nonce, tag 8 (RFC 9053 4.2) */
    COSE_ALG_CCM_16_128_128 = 30, /* AES-CCM-16-128-128: tag 16 */
    COSE_EXPANDED_MAX = FRAME_MAX + 32,
    COSE_AAD_PARTS = 3,
    COSE_SIG_PARTS = 5,
    COSE_ROTATE_MAX = 47, /* payload of a ROTATE */
    COSE_SIGN1_MAX = FRAME_PLAIN_MAX + 12
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

/* The Sig_structure as parts: head, H, proof bytes or empty, head of the payload, payload. */
struct cose_sig {
    uint8_t head[20], payload_head[3];
    struct crypto_part part[COSE_SIG_PARTS];
};

/* Sig_structure = 84 6A "Signature1" 43 A10128 bstr(external | extra) bstr(payload).  All are pointed to, not copied; extra
 * may be NULL with length 0. */
void cose_sig_structure(struct cose_sig *s, const uint8_t *external, size_t external_len, const uint8_t *extra,
                        size_t extra_len, const uint8_t *payload, size_t payload_len);

/* COSE_Sign1 = [A10128, {}, payload, sig], s of the signature brought below n/2.  Of a signed text: payload is everything
 * before its sig, the external_aad H (protocol/signing.h).  Returns its length; 0 if max < payload_len + 76. */
size_t cose_sign1(const uint8_t *payload, size_t payload_len, const uint8_t sig[FRAME_SIG_LEN], uint8_t *out, size_t max);

/* What a ROTATE signs: {1: epoch, 2: COSE_Key of x}.  Returns its length: 46 or 47, of X25519 44 or 45. */
size_t cose_rotate_payload(uint8_t suite, uint8_t epoch, const uint8_t x[FRAME_X_LEN], uint8_t out[COSE_ROTATE_MAX]);

/* COSE_Encrypt0 of a parsed frame: [protected, {4: kid, 6: ctr} or {4: serial or epoch, -4: x}, ciphertext | tag]; in 55 kid
 * is serial4 | boot3.  Of a ROTATE: COSE_Sign1, [A10128, {}, payload, sig], the payload as the suite's keys are.  Untagged.
 * Returns its length; 0: no COSE form (cose_has_form), or max < f->len + 32 (COSE_EXPANDED_MAX always suffices). */
size_t cose_expand(const struct frame *f, uint8_t suite, uint8_t *out, size_t max);

/* The same for a DOWN of schemes 4 and 5, whose kid is serial4 | boot3: the boot is not on the air. */
size_t cose_expand_down(const struct frame *f, const uint8_t boot3[FRAME_BOOT_LEN], uint8_t *out, size_t max);

bool cose_has_form(const struct frame_form *form);

#endif
