/* verifier/cache.h - inside the verifier: whose keys open frames, and live sessions, both bounded.
 * Included by this room alone.  Memory: fixed; the oldest unused entry makes room, wiped; what is idle is wiped too.  State
 * of a device or of a fleet's key is never cached: it is read for each frame. */
#ifndef VERIFIER_CACHE_H
#define VERIFIER_CACHE_H

#include <stdbool.h>

#include "db/fleet.h"
#include "protocol/peer.h"
#include "protocol/peer_boot.h"
#include "verifier/verifier.h"
#include "verifier/way.h"

enum {
    PEERS_MAX = 256,
    SESSIONS_MAX = 64,
    KEYS_MAX = 16,       /* KEKs and masters of the token */
    SESSIONS_TRIED = 16, /* newest with a prefix of sid: docs/protocol.md, "Frames" */
    SESSION_IDLE_S = 900
};

/* Scheme 5: K_gen of a generation; secret. */
struct gen_key {
    bool used;
    struct peer_gen gen;
    uint8_t K_gen[SHA256_LEN];
};

/* Whom frames come from, as the way of their scheme needs it: a device (1, 4, 5), or a fleet in one epoch (others).  Its
 * product and keys never change. */
struct peer {
    bool used;
    uint64_t serial; /* 0: a fleet's */
    uint16_t fleet;
    uint8_t epoch;  /* of a fleet's key */
    uint64_t stamp; /* of the last use, CLOCK_MONOTONIC ns */
    const struct way *way;
    const struct peer_scheme *scheme;
    struct peer_side side;
    bool field_sign_up, one_way;
    struct hsm_key *skR; /* 1: unwrapped; 2, 3, 6, 8: the token's own */
    struct hsm_key *mac; /* 1: S1, NULL in base mode; 4: S0; 5: K_root */
    struct gen_key gen[PEER_GENS_MAX];
};

struct live_session {
    bool used;
    uint64_t stamp;  /* of the last use, CLOCK_MONOTONIC ns */
    uint64_t serial; /* 0: nobody says whose (6) */
    uint16_t fleet;
    uint8_t epoch, gen;
    const struct way *way;
    uint8_t x[P256_LEN]; /* names it in the registry */
    struct peer_session session;
};

struct token_key {
    bool used;
    enum hsm_key_kind kind;
    char label[REG_NAME];
    uint8_t kcv[3];
    struct hsm_key *key;
};

struct verifier {
    struct registry *registry;
    struct hsm *server;
    uint64_t wiped_ns; /* when it was last looked for what is idle */
    const struct crypto *crypto;
    struct peer peer[PEERS_MAX];
    struct live_session session[SESSIONS_MAX];
    struct token_key key[KEYS_MAX];
    struct frame_row stored[SESSIONS_TRIED]; /* OPEN frames of cold sessions */
    size_t n_stored;
};

/* ---- token keys (token_key.c) ---- */

enum err_code token_key_find(struct verifier *v, enum hsm_key_kind kind, const char *label, struct token_key **out,
                             struct err *e);
/* A device's wrapped key, by the KEK that its row names. */
enum err_code token_key_unwrap(struct verifier *v, const struct wrapped_key *w, enum hsm_key_kind kind, enum hsm_use use,
                               struct hsm_key **out, struct err *e);
void token_keys_forget(struct verifier *v);

/* ---- peers (peer.c) ---- */

/* The peer of a registered device whose scheme gives each device a key of its own; *out NULL: it is a fleet's scheme.  Keys
 * are unwrapped if it is not cached.  Valid until the next call. */
enum err_code peer_of_device(struct verifier *v, const struct device *d, struct peer **out, struct err *e);
/* The peer of a fleet's key, whose state the caller has looked at. */
enum err_code peer_of_fleet(struct verifier *v, const struct fleet_key *k, struct peer **out, struct err *e);
/* May a key in this state open frames? */
bool fleet_key_opens(enum fleet_key_state s);
void peers_wipe(struct verifier *v, uint64_t older_than_ns);

/* Scheme 5: K_gen, cached in the peer.  Valid until the next call. */
enum err_code peer_gen_key(struct verifier *v, struct peer *p, const struct peer_gen *gen, const uint8_t **K_gen,
                           struct err *e);

/* ---- sessions (sessions.c) ---- */

/* Keep a copy; an old one may go.  used and stamp are set here. */
void session_keep(struct verifier *v, const struct live_session *s);
/* The next cached session after *at (start with 0) whose sid starts so, of that fleet (0: any); NULL: no more. */
struct live_session *session_next(struct verifier *v, size_t *at, uint16_t fleet, const uint8_t *sid, size_t len);
struct live_session *session_of(struct verifier *v, const uint8_t x[P256_LEN]);
void sessions_wipe(struct verifier *v, uint64_t older_than_ns);

/* ---- the token's share (token.c) ---- */

/* The session of a first frame or a proof of this peer: check, then the token's share, then the key schedule.
 * gen: scheme 5; NULL: not that. */
enum err_code session_from_open(struct verifier *v, struct peer *p, const struct peer_gen *gen, const struct frame *f,
                                struct peer_session *s, enum sealed_result *result, struct err *e);

#endif
