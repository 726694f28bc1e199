/* hsm/cryptoki.h - PKCS#11 v2.40 types by their standard names, and the numbers that p11-kit's header lacks.  For the files
 * of hsm/ only. Trap: with CRYPTOKI_COMPAT the info structs have standard member names, the mechanism parameter structs do
 * not. */
#ifndef HSM_CRYPTOKI_H
#define HSM_CRYPTOKI_H

#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210BUL /* PKCS#11 v3.0 s.2.14; NSS */
#endif
#ifndef CKK_EC_MONTGOMERY
#define CKK_EC_MONTGOMERY 0x41UL /* PKCS#11 v3.0 s.2.3.5 */
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN 0x1056UL
#endif
#define CKA_NSS_DB_NUMBER 0xD5A0DB00UL /* NSS: an EC private key is unwrapped only with its public point beside it */

#endif
