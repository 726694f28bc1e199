/* protocol/peer_first.h - what the server's files of the HPKE family share; the far end of protocol/device_first.h. */
#ifndef PROTOCOL_PEER_FIRST_H
#define PROTOCOL_PEER_FIRST_H

#include "protocol/peer.h"

/* As peer_scheme.session for one family of forms; id as for sealing_session. */
enum sealed_result first_session(const struct frame_form forms[2], const struct crypto *c, const struct peer_side *p,
                                 const struct peer_token *token, const struct frame *f, struct peer_session *s, uint8_t *id);

/* What a sealed text holds, in this order; lengths of 0: absent. */
struct first_text {
    size_t serial_len, boot_len, pk_len, sig_len;
};

/* As peer_scheme.open for one family of forms. */
enum sealed_result first_read(const struct frame_form forms[2], const struct first_text *layout, const struct crypto *c,
                              const struct peer_side *p, struct peer_session *s, const struct frame *f, const uint8_t *proof,
                              struct peer_text *out);

/* serial8, or in compact products serial4. */
size_t first_serial_len(const struct peer_side *p);

/* As peer_scheme.data, DATA being signed or not. */
enum sealed_result first_data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                              const struct frame *f, bool is_signed, struct peer_text *out);

/* As peer_scheme.verify, for the family's forms. */
enum sealed_result first_verify(const struct frame_form forms[2], const struct crypto *c, const struct peer_side *p,
                                const struct peer_session *s, uint32_t counter, const uint8_t *proof,
                                const struct peer_text *out, const uint8_t x[P256_LEN]);

/* As peer_scheme.data and peer_scheme.down, for sessions named by their sid, unsigned. */
enum sealed_result peer_sid_data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                 const struct frame *f, struct peer_text *out);
enum sealed_result peer_sid_down(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                 uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                 size_t *frame_len);

#endif
