/* protocol/session.h - one session: the keys that an OPEN (or, in schemes 4 and 5, a boot number) leads to, and the frames
 * that are sealed under them, DATA up and DOWN down.
 * Boundary: the crypto table below; who makes the keys stands above (protocol/sealing.h for the HPKE family).  Replay is the
 * caller's: the verifier's rows for DATA, `last` for DOWN on the device.
 * Memory: caller's; nothing kept.  On failure outputs hold no secret and are not to be used.  Secrets: struct session whole,
 * but for sid.
 * Source: docs/protocol.md, "Keys of a session", "Frames". */
#ifndef PROTOCOL_SESSION_H
#define PROTOCOL_SESSION_H

#include "protocol/crypto.h"
#include "protocol/frame.h"
#include "protocol/profile.h"
#include "protocol/sealed.h"

enum { SESSION_IV_LEN = CCM_NONCE_LEN };

struct session {
    uint8_t key[CCM_KEY_LEN], iv[SESSION_IV_LEN];
    uint8_t sid[FRAME_SID_LEN];                     /* public; unused in schemes 4 and 5 */
    uint8_t dkey[CCM_KEY_LEN], div[SESSION_IV_LEN]; /* downlink */
};

/* What a session's first frame said; public.  Signatures of 3, 7 and 8 bind it to every later frame. */
struct session_open {
    uint32_t boot;
    uint8_t epoch;
    uint8_t x[P256_LEN]; /* names the session in the registry; RSA: SHA-256("fl1 id" | ID) */
};

/* One direction of a session. */
struct session_way {
    const uint8_t *key, *iv;
};
struct session_way session_up(const struct session *s);
struct session_way session_down(const struct session *s);

/* Seal in place: frame holds the head of `form` and, behind it, len bytes of text; the tag is put behind that.  The AAD is
 * Enc_structure over the head and `extra` (a proof's bytes; NULL: none); the nonce is iv XOR counter.  SEALED_CRYPTO. */
enum sealed_result session_seal(const struct crypto *c, struct session_way way, const struct frame_form *form,
                                uint32_t counter, const struct crypto_part *extra, size_t len, uint8_t *frame);

/* The reverse: text gets f->data_len bytes.  SEALED_AUTH. */
enum sealed_result session_unseal(const struct crypto *c, struct session_way way, const struct frame *f,
                                  const struct crypto_part *extra, uint8_t *text);

/* Write the head of DATA or DOWN: hdr, kid (form->kid_len bytes), boot3 if the form has it (else NULL), counter. */
void session_head(const struct frame_form *form, const uint8_t *kid, const uint8_t *boot3, uint32_t counter, uint8_t *frame);

/* May this counter and this much text go into a frame of that form and room?  SEALED_RANGE: no; a counter that no longer
 * fits ctr_len means: OPEN again (the all-ones value is used).  form NULL: SEALED_FORM. */
enum sealed_result session_fits(const struct frame_form *form, uint32_t counter, size_t len, size_t max);

/* DATA without a signature, with counter 1.. of this session; each value once.  28..31 bytes for 16 bytes of data.
 * data must not overlap frame. */
enum sealed_result session_make_data(const struct crypto *c, const struct profile *p, const struct session *s,
                                     uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                     size_t *frame_len);

/* Open DATA of a session (the caller found it by the sid on the air, and tries the newest ones with that prefix).
 * text gets f->data_len bytes, at most FRAME_DATA_MAX + signature_len; signature_len is FRAME_SIG_LEN where the profile
 * signs DATA (they are its last bytes, protocol/signing.h), else 0. SEALED_FORM, SEALED_SERIAL (the sid is not this
 * session's), SEALED_RANGE (no length of such DATA), SEALED_AUTH. */
enum sealed_result session_read_data(const struct crypto *c, const struct profile *p, const struct session *s,
                                     const struct frame *f, size_t signature_len, uint8_t text[FRAME_PLAIN_MAX]);

/* DOWN, by the server.  kid: the session's sid8 (its first sid_len bytes go on the air), or serial4 in schemes 4 and 5 with
 * kid_len 4 for `form`.  Its counter is committed as used before this call. */
enum sealed_result session_make_down(const struct crypto *c, const struct frame_form *form, const uint8_t *kid,
                                     const struct session *s, uint32_t counter, const uint8_t *data, size_t len,
                                     uint8_t *frame, size_t max, size_t *frame_len);

/* DOWN, on the device.  *last: ctr of the last one accepted in this session (0 at its start), set on success; only a higher
 * one is accepted (SEALED_COUNTER).  data gets *len bytes, at most FRAME_DATA_MAX.
 * SEALED_FORM, SEALED_SERIAL, SEALED_COUNTER, SEALED_AUTH. */
enum sealed_result session_read_down(const struct crypto *c, const struct frame_form *form, const uint8_t *kid,
                                     const struct session *s, uint32_t *last, const uint8_t *frame, size_t frame_len,
                                     uint8_t data[FRAME_DATA_MAX], size_t *len);

#endif
