/* hsm/hsm.h - keys that nobody sees: one token of one role, opened by an RFC 7512 URI.
 * Boundary: station, verifier, officer above; any PKCS#11 v2.40 module below.  No CK_* type crosses this header.
 * Processes: fork first, open afterwards; a struct hsm is never used across fork() or by two threads (SoftHSM2 scales by
 * processes). Secrets: PINs are wiped after login; private keys and the KEK never leave the module in clear, CKA_VALUE of
 * them is never asked for. Power: token objects are made only by hsm_key_ensure, and end only by hsm_key_destroy, at a
 * ceremony; device keys are session objects and die with the process. Errors: CKR codes are translated here, once
 * (hsm/fault.h); err.native holds the CKR number, err.subject the token's label. Source: PKCS#11 v2.40, RFC 7512; templates
 * and their reasons: docs/hsm.md. */
#ifndef HSM_HSM_H
#define HSM_HSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    HSM_LABEL = 33,      /* bytes: CKA_LABEL or token label, 1..32 characters and NUL */
    HSM_BLOB_MAX = 256,  /* bytes of a wrapped key */
    HSM_RSA_BYTES = 512, /* RSA-4096: modulus, block */
    HSM_PIN_MAX = 256    /* bytes, PIN and NUL */
};

struct hsm;     /* one logged-in token */
struct hsm_key; /* a key inside it; freed by hsm_key_free, dead after hsm_close */

/* Where a PIN comes from; never argv, never the environment. */
enum hsm_pin_kind {
    HSM_PIN_URI,   /* the URI's own pin-source=file:PATH (regular file, ours, mode & 077 == 0; one trailing newline is taken
                      off) */
    HSM_PIN_FD,    /* read once from descriptor fd, to its end */
    HSM_PIN_PROMPT /* ask on /dev/tty, once, naming the token, without echo; a signal that is caught ends the question */
};
struct hsm_pin_source {
    enum hsm_pin_kind kind;
    int fd;
};

/* ---- opening ---- */

/* Load the module, find the token, log in as user, find the module's profile (a self-test with session keys, once per
 * process). uri: pkcs11:token=..;serial=..?module-path=/abs/module.so&pin-source=file:/abs/pin.  workspace: the directory
 * that holds the lock file, and the kept copies of SoftHSM2's token files; SoftHSM2's login window is guarded there
 * (docs/hsm.md). ERR_UNAVAILABLE module or token missing; ERR_CONFIG not a module, bad URI; ERR_RIGHTS wrong PIN (the error
 * tells "PIN count low", "final try", "locked"); a wrong PIN is never tried twice. */
enum err_code hsm_open(struct hsm **out, const char *uri, const struct hsm_pin_source *pin, const char *workspace,
                       struct err *e);
void hsm_close(struct hsm *h); /* NULL is fine */

const char *hsm_profile(const struct hsm *h); /* name of the mechanism profile: "softhsm2" */
/* NULL, or the literal name of a protection that the module takes and then ignores ("CKA_UNWRAP_TEMPLATE"); on such a module
 * no KEK or master is made or used (hsm-not-enforced). */
const char *hsm_not_enforced(const struct hsm *h);
const char *hsm_token_label(const struct hsm *h);

/* ---- token keys, made at a ceremony ---- */

enum hsm_key_kind {
    HSM_KEK,          /* "kek", AES-256: wraps and unwraps private keys; EXTRACTABLE only with WRAP_WITH_TRUSTED */
    HSM_MASTER,       /* "master/LINE", "down", AES-256: DERIVE by CKM_AES_ECB_ENCRYPT_DATA only; leaves as a KEK does */
    HSM_SIGNER,       /* P-256: SIGN by CKM_ECDSA; never leaves */
    HSM_KEK_SECRET,   /* "kek-secret", AES-256: wraps and unwraps the 32-byte secrets of devices; leaves as a KEK does */
    HSM_LOG_SIGNER,   /* "checkpoint", Ed25519: SIGN by CKM_EDDSA; never leaves.  In a token of its own: libp11 0.4.12 finds
                         no key at all in a token that holds an Edwards key */
    HSM_RA,           /* "ra", "ra-backup", P-256 with an even y: SIGN by CKM_ECDSA; never leaves.  One with an odd y is not
                         seen, and never made: a device knows x alone (docs/protocol.md, primitives) */
    HSM_FLEET,        /* "fleet/FLEET/EPOCH", P-256: ECDH only; never leaves, destroyed when it is retired */
    HSM_FLEET_X25519, /* the same of suite 2; where the module can make and use one, by a self-test before */
    HSM_RSA,          /* "rsa/FLEET/EPOCH", RSA-4096, e = 65537: decrypts only; else as HSM_FLEET */
    HSM_TLS,          /* "tls/NAME", P-256: SIGN by CKM_ECDSA; never leaves, destroyed when it is retired.  As an RA, but by
                         its label, and y may be odd */
    HSM_KEY_KINDS
};

/* The token's key of that label and kind: found, or made from this room's template, and read back attribute by attribute.
 * ERR_CONFLICT: there is one whose attributes are not the template's, or there are two.  *made (may be NULL) tells.
 * ERR_UNAVAILABLE: the module has no such keys; err.subject names the mechanism that it lacks. */
enum err_code hsm_key_ensure(struct hsm *h, enum hsm_key_kind kind, const char *label, struct hsm_key **out, bool *made,
                             struct err *e);
/* As above, but never makes one: ERR_UNAVAILABLE when absent. */
enum err_code hsm_key_find(struct hsm *h, enum hsm_key_kind kind, const char *label, struct hsm_key **out, struct err *e);
/* Could hsm_key_ensure make a pair of that kind in this module?  By its mechanisms, and for X25519 by a self-test with
 * session keys.  ERR_UNAVAILABLE hsm-mechanism: what it lacks. */
enum err_code hsm_can(struct hsm *h, enum hsm_key_kind kind, struct err *e);
void hsm_key_free(
    struct hsm_key *k); /* destroys session objects, forgets token objects; NULL is fine, also after hsm_close */

/* Key check value: which key of that label this is; public.  CKA_CHECK_VALUE of the original (a copy has the same); of a
 * pair the first bytes of SHA-256 over its public key: [65], [32], or n512 | e4. */
enum err_code hsm_key_kcv(struct hsm_key *k, uint8_t kcv[3], struct err *e);

/* What the token holds, one call of `each` for each key (a pair is one), in the token's own order. */
enum hsm_key_state {
    HSM_KEY_WHOLE,
    HSM_KEY_CUT,    /* its making, or its destroying, was cut: it does nothing, and is passed over or refused */
    HSM_KEY_FOREIGN /* not by a template of this house; kind is HSM_KEY_KINDS */
};
struct hsm_key_info {
    enum hsm_key_state state;
    enum hsm_key_kind kind;
    char label[HSM_LABEL]; /* cut to this length, if it is longer */
    bool copied;           /* from another token */
    uint8_t kcv[3];        /* of a whole one */
    uint8_t pk[65];        /* pair: its public key, 65 or 32 bytes; RSA: SHA-256(n512 | e4), 32 bytes, as devices have it */
    size_t pk_len;         /* 0: none */
};
typedef enum err_code hsm_key_each(void *io, const struct hsm_key_info *k, struct err *e);
enum err_code hsm_keys(struct hsm *h, hsm_key_each *each, void *io, struct err *e);

/* Destroy the token key of that label and kind (one that is DESTROYABLE), both halves, what a cut left of its making,
 * and the workspace's kept copies of them.  For ever.  *destroyed (may be NULL): the token's objects that went; 0: there
 * were none.  Power: repeat it; what a cut left of the kept copies goes at the next start of the module.
 * ERR_CONFLICT hsm-key-kept: a kind that is never destroyed; hsm-key-wrong: the key is of another kind, all is left.
 * Handles of the key are dead afterwards.  Backups elsewhere still hold it. */
enum err_code hsm_key_destroy(struct hsm *h, enum hsm_key_kind kind, const char *label, unsigned *destroyed, struct err *e);

/* Move keys (KEK, KEK_SECRET, MASTER) to another token, at a ceremony of two SOs or in the embedded default's init: wrapped
 * under an RSA key made for this once in `to`, whose public half the SO of `from` has marked TRUSTED; both are session
 * objects and leave nothing behind.  The copies are not extractable and wrap nothing new.  Idempotent: a key that is in `to`
 * already with the same check value is left alone; ERR_CONFLICT: with another one.
 * from_so: PIN of from's SO; kind HSM_PIN_URI: from_uri's pin-source is the SO's.  `from` must have its own PIN from its
 * URI, for the SO's login logs its user out.  softhsm: hsm_softhsm_keep afterwards. */
struct hsm_key_name {
    enum hsm_key_kind kind;
    const char *label;
};
enum err_code hsm_keys_copy(struct hsm *from, const char *from_uri, const struct hsm_pin_source *from_so, struct hsm *to,
                            const struct hsm_key_name *keys, size_t n, struct err *e);
/* The same for one KEK of that label. */
enum err_code hsm_kek_copy(struct hsm *from, const char *from_uri, const struct hsm_pin_source *from_so, struct hsm *to,
                           const char *label, struct err *e);

/* ---- device keys: session objects, wrapped out ---- */

struct hsm_blob {
    uint8_t bytes[HSM_BLOB_MAX];
    uint16_t len;
    uint32_t mechanism;      /* CKM_ number that wrapped it */
    char profile[HSM_LABEL]; /* of the module that did */
};

/* A new P-256 key pair: pkR = 04|x|y as the module gives it, the private key wrapped under kek.  The blob is unwrapped again
 * and an ECDH of both sides compared before it is given out: what is recorded can be used. */
enum err_code hsm_device_key_new(struct hsm *h, struct hsm_key *kek, uint8_t pkR[65], struct hsm_blob *blob, struct err *e);

/* A new 32-byte secret for a chip (it must be burned, so its value is given out; the caller wipes it), and its wrapped form.
 */
enum err_code hsm_device_secret_new(struct hsm *h, struct hsm_key *kek, uint8_t secret[32], struct hsm_blob *blob,
                                    struct err *e);
/* The value again, for a burn that was interrupted.  The caller wipes it. */
enum err_code hsm_device_secret_get(struct hsm *h, struct hsm_key *kek, const struct hsm_blob *blob, uint8_t secret[32],
                                    struct err *e);

/* Verify only every n-th new key in this way, for bulk work (1, the default: each; 0: none).  What is not verified must be
 * before it is burned: unwrap it and compare hsm_ecdh with the base point to the x of pkR. */
void hsm_verify_every(struct hsm *h, unsigned n);

enum hsm_use {
    HSM_USE_ECDH,
    HSM_USE_MAC,
    HSM_USE_VALUE /* hsm_device_secret_get's own */
};
/* Unwrap a private key (ECDH) or a secret (MAC: sensitive, C_Sign by SHA256-HMAC only) into a session object. */
enum err_code hsm_unwrap(struct hsm *h, struct hsm_key *kek, const struct hsm_blob *blob, enum hsm_use use,
                         struct hsm_key **out, struct err *e);

/* Z = x-coordinate of skR * pk; pk = 04|x|y on the curve.  skR: unwrapped, or HSM_FLEET.  ERR_INPUT: the point is not. */
enum err_code hsm_ecdh(struct hsm_key *skR, const uint8_t pk[65], uint8_t z[32], struct err *e);

/* HSM_FLEET_X25519: Z = X25519(skR, pk), RFC 7748 s.5.  ERR_INPUT: pk is of small order, Z would be zero. */
enum err_code hsm_x25519(struct hsm_key *skR, const uint8_t pk[32], uint8_t z[32], struct err *e);

/* HSM_RSA.  Where hsm_rsa_is_native is false: out = block ^ d mod n, big-endian; the padding is the caller's to look at, in
 * constant time (RFC 8017 s.7.1.2), and out is his to wipe.  ERR_INPUT: block is 0 or not below n; the token is not asked.
 */
enum err_code hsm_rsa_raw(struct hsm_key *k, const uint8_t block[HSM_RSA_BYTES], uint8_t out[HSM_RSA_BYTES], struct err *e);
/* Where it is true: OAEP with SHA-256, MGF1-SHA-256 and that label, inside the token.  ERR_INPUT: the block is out of range,
 * or its padding is not right: which of them is not told. */
enum err_code hsm_rsa_oaep(struct hsm_key *k, const void *label, size_t label_len, const uint8_t block[HSM_RSA_BYTES],
                           uint8_t out[HSM_RSA_BYTES], size_t *len, struct err *e);
bool hsm_rsa_is_native(const struct hsm_key *k);
enum err_code hsm_rsa_public(struct hsm_key *k, uint8_t n[HSM_RSA_BYTES], uint8_t e4[4], struct err *e);

/* HMAC-SHA256 under a key that stays inside. */
enum err_code hsm_hmac(struct hsm_key *k, const uint8_t *data, size_t len, uint8_t mac[32], struct err *e);

/* CKM_AES_ECB_ENCRYPT_DATA under a master: the line's K_root in clear (out), for the chip. */
enum err_code hsm_derive(struct hsm_key *master, const uint8_t data[32], uint8_t out[32], struct err *e);

/* The same inside the token, for the server: *out only makes HMACs, and dies with hsm_key_free. */
enum err_code hsm_derive_key(struct hsm_key *master, const uint8_t data[32], struct hsm_key **out, struct err *e);

/* SIGNER, RA, TLS: ECDSA over a SHA-256 digest: r32 | s32, not normalised.  ERR_CONFLICT: the key is of another kind. */
enum err_code hsm_sign(struct hsm_key *signer, const uint8_t digest[32], uint8_t sig[64], struct err *e);

/* 04|x|y of a SIGNER, RA, TLS or FLEET, as the module gives it: only of an RA is y even, and of a FLEET whose public half
 * the token has lost: it is made again from the private one.  u of a FLEET_X25519. */
enum err_code hsm_public(struct hsm_key *k, uint8_t pk[65], struct err *e);
enum err_code hsm_public_x25519(struct hsm_key *k, uint8_t pk[32], struct err *e);

/* LOG_SIGNER: Ed25519 (RFC 8032 s.5.1, the pure form) over the message itself, never over a digest of it: R32 | S32.  It has
 * verified under the public key when it is given out.  ERR_CONFLICT: the key is of another kind. */
enum err_code hsm_sign_message(struct hsm_key *signer, const void *message, size_t len, uint8_t sig[64], struct err *e);
enum err_code hsm_public_ed25519(struct hsm_key *signer, uint8_t pk[32], struct err *e); /* RFC 8032 s.5.1.2 */

enum err_code hsm_random(struct hsm *h, void *out, size_t len, struct err *e);

/* ---- the embedded default ---- */

/* Make (or find: idempotent) a SoftHSM2 token `label` under workspace/tokens, PINs drawn at random into
 * workspace/pins/LABEL.pin and LABEL.so-pin (0400), and give its URI.  Keeps a copy of the token's files.  uri has uri_max
 * bytes.  *made (may be NULL) tells. */
enum err_code hsm_softhsm_init(const char *workspace, const char *label, char *uri, size_t uri_max, bool *made,
                               struct err *e);
/* As hsm_softhsm_init's uri, but with the SO PIN as its pin-source: for hsm_keys_copy. */
enum err_code hsm_softhsm_so_uri(const char *workspace, const char *label, char *uri, size_t uri_max, struct err *e);
/* Refresh the kept copies of the workspace's tokens after a ceremony made token objects. */
enum err_code hsm_softhsm_keep(const char *workspace, const char *label, struct err *e);
/* Put back what a login that was killed left empty, as hsm_open does, but without a login, which would change the files.
 * Nothing to do: nothing is changed. */
enum err_code hsm_softhsm_mend(const char *workspace, struct err *e);

#endif
