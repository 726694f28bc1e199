/* hsm/point.h - points of P-256 and of Curve25519, and ECDH with them.  For the files of hsm/ only.  pk: 04|x|y, [65]. */
#ifndef HSM_POINT_H
#define HSM_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "hsm/cryptoki.h"

/* SEC 2 s.2.4.2, G.  A private key's ECDH with it gives the x of its own public key. */
extern const uint8_t point_generator[65];

/* Modules answer CKR_GENERAL_ERROR to a point off the curve, and to much else: ask here first. */
bool point_on_curve(const uint8_t pk[65]);

/* The point with that x and an even y.  false: there is none, or no memory. */
bool point_even(const uint8_t x[32], uint8_t pk[65]);

/* CKA_EC_POINT of a public key object: in a DER OCTET STRING, as the standard has it, or bare. */
CK_RV point_read(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t pk[65]);
/* The same of an Ed25519 key: y and the sign of x, RFC 8032 s.5.1.2; of an X25519 key: u, RFC 7748 s.5. */
CK_RV point_read_32(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t pk[32]);

/* z = x of d * pk.  Z has to leave the module: there is no HKDF inside.  Its session object is destroyed. */
CK_RV point_ecdh(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE d, const uint8_t pk[65], uint8_t z[32]);

/* The same on Curve25519: z = X25519(d, u), RFC 7748 s.5.  CKR_FUNCTION_FAILED: z is all zero (s.6.1). */
CK_RV point_x25519(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE d, const uint8_t u[32], uint8_t z[32]);
extern const uint8_t point_nine[32]; /* the base point, u = 9 */

/* Of small order, so that every X25519 with it is zero: RFC 7748 s.7.  SoftHSM2 answers them with CKR_GENERAL_ERROR, which
 * would be taken for a dead token: ask here first. */
bool point_is_small_order(const uint8_t u[32]);

/* Read the 32 bytes of a secret that is meant to leave, and destroy the object in any case. */
CK_RV point_take_secret(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t out[32]);

#endif
