/* hsm/pair.h - token keys that are pairs: what each kind's public half is, and how it is made, read and proved.  For the
 * files of hsm/ only.  The public half is an object of its own with the same CKA_ID; k->pk holds it, pk_len bytes. */
#ifndef HSM_PAIR_H
#define HSM_PAIR_H

#include "hsm/token.h"

struct pair {
    const char *type;       /* for messages: "P-256" */
    CK_MECHANISM_TYPE make; /* of X25519 the profile's */
    size_t pk_len;          /* of k->pk: 65, 32, or n512 | e4 */
    CK_RV (*read)(struct hsm *h, CK_OBJECT_HANDLE public, uint8_t *pk);
    /* Private and public half belong together.  NULL: each of its results is verified, or it gives none. */
    CK_RV (*prove)(struct hsm *h, CK_OBJECT_HANDLE private, const uint8_t *pk, bool *good);
    /* pk from the private half alone: SoftHSM2 syncs nothing, so a power cut before the keep may take the public object and
     * leave this one.  P-256: of the two points the one with even y, as devices take it.  NULL: it can't be had. */
    CK_RV (*recover)(struct hsm *h, CK_OBJECT_HANDLE private, uint8_t *pk);
};

/* NULL: the kind is a secret key. */
const struct pair *pair_of(enum hsm_key_kind kind);

/* The private half of some kind has what comes with its value: false, its making was cut.  Whatever the kind: a key of
 * another one must never be taken for a cut one. */
bool pair_has_value(struct hsm *h, CK_OBJECT_HANDLE private);

/* Not cut in its making; of an RA key also: its y is even. */
bool pair_is_whole(struct hsm *h, CK_OBJECT_HANDLE private, enum hsm_key_kind kind);

/* k->pk from the public half; where that is lost, from the private one.  *there false: neither has it. */
enum err_code pair_read_public(struct hsm_key *k, CK_OBJECT_HANDLE private, bool *there, struct err *e)
    __attribute__((warn_unused_result));
void pair_kcv(const struct hsm_key *k, uint8_t kcv[3]);
enum err_code pair_prove(struct hsm_key *k, CK_OBJECT_HANDLE private, struct err *e) __attribute__((warn_unused_result));

/* Asked first, so that the message can name what is missing, and no key is made that is of no use. */
enum err_code pair_has_mechanisms(const struct hsm_key *k, struct err *e) __attribute__((warn_unused_result));
enum err_code pair_make(struct hsm_key *k, const uint8_t id[KEY_ID_BYTES], struct err *e)
    __attribute__((warn_unused_result));

/* Destroy what a making that failed has left: a private half alone has a value, passes for a key, and stops every later call
 * for its label.  By its id, which is of that try alone. */
void pair_remove_halves(struct hsm *h, const uint8_t id[KEY_ID_BYTES]);

/* Destroy the RA keys of k's label whose y is odd: what a cut between making and looking left.  Another kind: nothing. */
enum err_code pair_remove_odd(struct hsm_key *k, struct err *e) __attribute__((warn_unused_result));

/* RSA: hsm/rsa.c */
CK_RV rsa_read_public(struct hsm *h, CK_OBJECT_HANDLE public, uint8_t *pk);
CK_RV rsa_prove(struct hsm *h, CK_OBJECT_HANDLE private, const uint8_t *pk, bool *good);

#endif
