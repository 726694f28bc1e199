/* protocol/peer_boot.h - the server's side of schemes 4 and 5.  They differ in what the token MACs under: peer_token.mac is
 * HMAC under S0 (4), or under the K_gen of one generation (5).
 * Each frame is a first frame: `session` makes the keys of its boot, and they serve every frame of that boot.
 * Scheme 5: the server calls session and open once for each generation it knows, in the order g+1 (pending), g, initial:
 *     g+1 opens      the device has moved: g has ended
 *     g opens        data
 *     only the initial one does, and nvm_loss of its boot is above the registry's highest: "flash lost", no data; the answer
 * is the pending REKEY for that nvm_loss (protocol/rekey.h).  Else a late frame of an ended generation. Source:
 * docs/protocol.md, "Schemes 4 and 5", "REKEY". */
#ifndef PROTOCOL_PEER_BOOT_H
#define PROTOCOL_PEER_BOOT_H

#include "protocol/peer.h"

/* As struct peer_scheme's.  session: SEALED_RANGE for boot number 0.  A session's boot is in s->open.boot. */
enum sealed_result peer_boot_session(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                     const struct frame *f, struct peer_session *s);
enum sealed_result peer_boot_open(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                                  const struct frame *f, const uint8_t *proof, struct peer_text *out);
enum sealed_result peer_boot_data(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                  const struct frame *f, struct peer_text *out);
enum sealed_result peer_boot_down(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                  uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                                  size_t *frame_len);

/* ---- scheme 5: what a frame that opened at one of the generations means ---- */

struct peer_gen {
    uint8_t gen; /* 0: initial, salt of zeros */
    uint8_t salt[FRAME_SALT_LEN];
};

/* What the registry knows of a device.  pending.gen = 0: no REKEY waits. */
struct peer_gens {
    struct peer_gen current, pending;
    uint8_t nvm_loss; /* the highest of any boot that was accepted */
};

enum { PEER_GENS_MAX = 3 };

/* The generations to try, in order; each once.  Returns how many, 1..PEER_GENS_MAX. */
size_t peer_boot_gens(const struct peer_gens *known, struct peer_gen out[PEER_GENS_MAX]);

enum peer_boot_meaning {
    PEER_BOOT_DATA,  /* the current generation */
    PEER_BOOT_MOVED, /* data, and the pending generation is the current one from now on */
    PEER_BOOT_LOST,  /* no data: the device lost its flash; answer with REKEY for this boot's nvm_loss */
    PEER_BOOT_ENDED  /* a frame of an ended generation: refused, without an alarm */
};
enum peer_boot_meaning peer_boot_means(const struct peer_gens *known, uint8_t gen, uint32_t boot);

#endif
