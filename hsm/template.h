/* hsm/template.h - every attribute of every key of this house, in one table.  For the files of hsm/ only.
 * No key is made with a library's defaults; what was made is read back and compared.  Source: PKCS#11 v2.40 s.4; the reasons
 * are in docs/hsm.md.  Memory: struct template holds what its attributes point to: never copy or move one. */
#ifndef HSM_TEMPLATE_H
#define HSM_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "hsm/cryptoki.h"
#include "hsm/hsm.h"
#include "hsm/profile.h"

enum { TEMPLATE_MAX = 28, KEY_ID_BYTES = 16 };

struct template
{
    CK_ATTRIBUTE at[TEMPLATE_MAX];
    CK_ULONG n;
    CK_ULONG number[TEMPLATE_MAX];
    CK_MECHANISM_TYPE mechanism;
    CK_ATTRIBUTE nested[2][4]; /* CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE */
    CK_ULONG nested_number[2][4];
};

void template_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool on);
void template_number(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
void template_bytes(struct template *t, CK_ATTRIBUTE_TYPE type, const void *bytes, size_t len); /* not copied */
void template_set_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool on); /* one that is there already */

/* Made here, or a copy moved in from another token: a copy goes no further and wraps nothing. */
enum key_origin { KEY_MADE, KEY_COPIED, KEY_ORIGINS };

/* The token key's attributes, for C_GenerateKey (KEY_MADE) or C_UnwrapKey (KEY_COPIED); of a pair, those of its private
 * half. p: the module's profile.  label, id: not copied; may be NULL. */
void template_token_key(struct template *t, enum hsm_key_kind kind, enum key_origin origin, const struct hsm_profile *p,
                        const char *label, const uint8_t id[KEY_ID_BYTES]);

/* The public half beside a pair's private one, for C_GenerateKeyPair.  label, id: not copied; may be NULL. */
void template_public(struct template *t, enum hsm_key_kind kind, const char *label, const uint8_t id[KEY_ID_BYTES]);

/* CKA_CLASS of the kind's key, of a pair its private half; the only mechanism that it may be used with. */
CK_OBJECT_CLASS template_class(enum hsm_key_kind kind);
CK_MECHANISM_TYPE template_mechanism(enum hsm_key_kind kind, const struct hsm_profile *p);
bool template_destroyable(enum hsm_key_kind kind);

/* Read the object's attributes back.  NULL: all as in the table; else the literal name of the first that differs. */
const char *template_differs(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, enum hsm_key_kind kind,
                             enum key_origin origin, const struct hsm_profile *p);

/* Session objects. */
void template_device_public(struct template *t);
void template_device_private(struct template *t); /* C_GenerateKeyPair: wrapped at once, then destroyed */
void template_unwrapped(struct template *t, enum hsm_use use);
void template_shown_secret(struct template *t); /* 32 bytes that are meant to leave: Z, K_root and PSK for the chip */
void template_mac_key(struct template *t);      /* 32 bytes that are not: C_Sign only */

extern const unsigned char template_p256[10]; /* CKA_EC_PARAMS: OID 1.2.840.10045.3.1.7, DER */

#endif
