/* protocol/peer.h - the server's side of every scheme: what opens a frame, and what a DOWN frame is made with.
 * Staged, because the HSM stands between:
 *     frame_parse -> peer_scheme_of -> session (form, name, point; then the token's share; then the keys) -> open
 *     -> the caller finds the device that the text names -> verify, where the scheme signs
 * Boundary: verifier above; the token's private keys stay behind struct peer_token.  The profile comes from the registry,
 * never from the frame.  Replay, boot numbers and clones are the caller's. Memory: caller's; nothing kept.  On failure
 * outputs hold no secret and are not to be used.  Secrets: keys, text. Source: docs/protocol.md, "Frames", "Proof". */
#ifndef PROTOCOL_PEER_H
#define PROTOCOL_PEER_H

#include "protocol/session.h"

/* Whom a frame claims to come from, from the registry: a device (1, 4, 5), or a fleet in one epoch (others). */
struct peer_side {
    struct profile profile;
    uint8_t serial[OTP_SERIAL_LEN]; /* 1, 4, 5 */
    uint8_t epoch;                  /* of pkRm; 0 where the scheme has none */
    uint8_t pkRm[P256_PK_LEN];      /* as the suite's KEM has it, rebuilt from its name (kem.point), never the HSM's own */
};

/* What only the token can do, for one peer.  A function that the scheme does not need may be NULL.  False: it failed; why,
 * the owner of io keeps for itself, and the call here answers SEALED_CRYPTO. */
struct peer_token {
    /* z = ECDH(skR of peer_side.pkRm, enc); enc, as the suite's KEM has it, was checked to be a point. */
    bool (*ecdh)(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN]);
    /* HMAC-SHA256 under the device's secret: S1 (1 with PSK), K_gen (4, 5). */
    bool (*mac)(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN]);
    /* m = c^d mod n, unpadded here. */
    bool (*rsa)(void *io, const uint8_t c[FRAME_RSA_LEN], uint8_t m[FRAME_RSA_LEN]);
    void *io;
};

/* 6, RSA: what rode along with the session's ID, from `session` to `open`, which wipes it. */
struct peer_ride {
    bool proof; /* its label said so */
    uint16_t len;
    uint8_t data[FRAME_RSA_DATA_MAX];
};

/* A session as the server keeps it. */
struct peer_session {
    struct session keys;
    struct session_open open; /* boot: known once a first frame of 3, 7, 8 was opened; 0 where it is never sent */
    struct peer_ride ride;
};

/* A sealed text, taken apart.  Pointers go into `text`: not to be copied. */
struct peer_text {
    uint8_t text[FRAME_PLAIN_MAX];
    const uint8_t
        *serial; /* who sent it (serial8, compact serial4; scheme 7: x5t8), by its own word; NULL: not in the text */
    size_t serial_len;
    const uint8_t *pk; /* [P256_LEN], scheme 8: x of its signature key; else NULL */
    const uint8_t *data;
    size_t data_len;
    const uint8_t *sig; /* [FRAME_SIG_LEN] over everything before it; NULL: unsigned */
};

struct peer_scheme {
    uint8_t id, suite[2];

    /* The session of a first frame; also how a cold one is remade from its stored OPEN (without its boot: see `open`).  The
     * token is asked only about a frame whose form and name are the peer's and whose x is a point.
     * SEALED_FORM, SEALED_SERIAL, SEALED_POINT, SEALED_CRYPTO. */
    enum sealed_result (*session)(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                  const struct frame *f, struct peer_session *s);

    /* Open a first frame with its session; s->open.boot is set from a text that has one.
     *   proof [PROOF_LEN]  profile_proof() of the challenge and image: accept a proof over them, and nothing else; NULL:
     * accept a first frame, never a proof SEALED_FORM (also a proof that carries data, a boot number of 0), SEALED_SERIAL,
     * SEALED_AUTH. */
    enum sealed_result (*open)(const struct crypto *c, const struct peer_side *p, struct peer_session *s,
                               const struct frame *f, const uint8_t *proof, struct peer_text *out);

    /* Open DATA of a session (the caller found it by the sid on the air, and tries the newest ones with that prefix).
     * SEALED_FORM, SEALED_SERIAL (the sid is not this session's), SEALED_RANGE, SEALED_AUTH. */
    enum sealed_result (*data)(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                               const struct frame *f, struct peer_text *out);

    /* Is out->sig the device's, whose key is x?  p is the fleet in the epoch of the session's OPEN; counter 0 and, for a
     * proof, the proof's bytes as given to `open`.  s and n - s are both accepted.  NULL: the scheme signs nothing.
     * SEALED_POINT (x), SEALED_SIGNATURE, SEALED_CRYPTO. */
    enum sealed_result (*verify)(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                                 uint32_t counter, const uint8_t *proof, const struct peer_text *out,
                                 const uint8_t x[P256_LEN]);

    /* DOWN with a counter that the registry has committed as used.  SEALED_FORM, SEALED_RANGE, SEALED_CRYPTO. */
    enum sealed_result (*down)(const struct crypto *c, const struct peer_side *p, const struct peer_session *s,
                               uint32_t counter, const uint8_t *data, size_t len, uint8_t *frame, size_t max,
                               size_t *frame_len);
};

extern const struct peer_scheme peer_sealed, peer_fleet, peer_identity, peer_secret, peer_derived, peer_session_ecies,
    peer_session_rsa, peer_signup;

/* The row for a profile's scheme and suite; NULL: this version does not speak it. */
const struct peer_scheme *peer_scheme_of(uint8_t scheme, uint8_t suite);

/* Scheme 6: the session's ID, which both sides derive and nobody sends.  Arguments as for `session`. */
enum sealed_result peer_session_id(const struct crypto *c, const struct peer_side *p, const struct peer_token *token,
                                   const struct frame *f, uint8_t id[32]);

#endif
