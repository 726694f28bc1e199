/* hsm/profile.h - what differs between modules that all call themselves PKCS#11.  For the files of hsm/ only.
 * The same number does not mean the same thing everywhere: CKM_AES_KEY_WRAP_PAD 0x210A is RFC 5649 in SoftHSM2 and PKCS#7
 * padding in NSS, which has RFC 5649 at 0x210B.  C_GetMechanismInfo cannot tell; a self-test with session keys can. */
#ifndef HSM_PROFILE_H
#define HSM_PROFILE_H

#include <stdbool.h>

#include "base/err.h"
#include "hsm/cryptoki.h"

enum oaep_mode {
    OAEP_NATIVE, /* CKM_RSA_PKCS_OAEP knows SHA-256 */
    OAEP_RAW     /* only SHA-1 inside; OAEP-SHA256 is CKM_RSA_X_509 there, unpadding outside */
};

struct hsm_profile {
    const char *name;            /* stored beside each blob: for ever */
    CK_MECHANISM_TYPE wrap;      /* RFC 5649 (KWP), no parameter */
    enum oaep_mode oaep;         /* of data */
    CK_MECHANISM_TYPE oaep_hash; /* of key transport; OAEP needs no collision resistance: RFC 8017 s.7.1, note */
    CK_ULONG oaep_mgf;           /* CKG_ */
    CK_KEY_TYPE x25519;          /* CKA_KEY_TYPE of X25519 keys */
    CK_MECHANISM_TYPE x25519_gen;
    bool wants_nss_db;        /* an EC key is unwrapped only with CKA_NSS_DB beside it */
    const char *not_enforced; /* literal: the protection that the module takes and ignores; NULL: none */
};

/* The first profile under which the module wraps, unwraps and agrees as needed, in a logged-in session.
 * ERR_UNAVAILABLE: none.  who: the token, for the message. */
enum err_code hsm_profile_find(struct hsm_profile *out, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *who,
                               struct err *e) __attribute__((warn_unused_result));

/* Can the module make X25519 pairs of the real template, and agree with them?  A self-test with session keys, when such a
 * key is to be made and not at each start: SoftHSM2 never gives back the memory of an Edwards or Montgomery key's use. */
bool hsm_profile_has_x25519(const struct hsm_profile *p, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session);

#endif
