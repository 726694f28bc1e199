/* verifier/cache.h - inside the verifier: devices with their unwrapped keys, and live sessions, both bounded.
 * Included by this room alone.  Memory: fixed; the oldest unused entry makes room, wiped.  State of a device is never
 * cached: it is read for each frame. */
#ifndef VERIFIER_CACHE_H
#define VERIFIER_CACHE_H

#include <stdbool.h>

#include "protocol/peer.h"
#include "verifier/verifier.h"

enum {
    PEERS_MAX = 256,
    SESSIONS_MAX = 64,
    KEKS_MAX = 4,
    SESSIONS_TRIED = 16, /* newest with a prefix of sid: docs/protocol.md, "Frames" */
    SESSION_IDLE_S = 900
};

struct peer { /* a device as its frames need it; its product and keys never change */
    bool used;
    uint64_t serial, stamp;
    uint8_t scheme;
    struct peer_side sealed;
    struct hsm_key *skR, *psk; /* psk NULL in base mode */
};

struct live_session {
    bool used;
    uint64_t serial, stamp; /* of the last use, CLOCK_MONOTONIC ns */
    uint8_t x[P256_LEN];    /* names it in the registry */
    struct peer_session session;
};

struct kek {
    bool used;
    enum hsm_key_kind kind;
    char label[REG_NAME];
    uint8_t kcv[3];
    struct hsm_key *key;
};

struct verifier {
    struct registry *registry;
    struct hsm *server;
    const struct crypto *crypto;
    uint64_t clock; /* counts uses of peers */
    struct peer peer[PEERS_MAX];
    struct live_session session[SESSIONS_MAX];
    struct kek kek[KEKS_MAX];
    struct frame_row stored[SESSIONS_TRIED]; /* OPEN frames of cold sessions */
    size_t n_stored;
};

/* The peer of a registered device; its keys are unwrapped if it is not cached.  Valid until the next call. */
enum err_code peer_get(struct verifier *v, const struct device *d, struct peer **out, struct err *e);
void peers_wipe(struct verifier *v);

/* Keep a session; an old one may go. */
void session_keep(struct verifier *v, uint64_t serial, const uint8_t x[P256_LEN], const struct peer_session *s);
/* The next cached session after *at (start with 0) whose sid starts so; NULL: no more. */
struct live_session *session_next(struct verifier *v, size_t *at, const uint8_t *sid, size_t len);
struct live_session *session_of(struct verifier *v, const uint8_t x[P256_LEN]);
void sessions_wipe(struct verifier *v, uint64_t older_than_ns);

/* The session of an OPEN or a proof of this peer: check, then the token's share, then the key schedule. */
enum err_code session_from_open(struct verifier *v, const struct peer *p, const struct frame *f, struct peer_session *s,
                                enum sealed_result *result, struct err *e);

#endif
