/* hsm/ckr.h - CKR codes, translated once, at the edge.  For the files of hsm/ only. */
#ifndef HSM_CKR_H
#define HSM_CKR_H

#include <stdbool.h>

#include "hsm/cryptoki.h"
#include "hsm/fault.h"

/* Fill *e for a failed call: the fault that fits rv, else `otherwise`; the subject is `who` (a token's label) and the code's
 * name. */
enum err_code ckr_fail(struct err *e, enum hsm_fault_id otherwise, const char *call, CK_RV rv, const char *who);

/* "CKR_PIN_LOCKED"; "CKR code" for one we do not know. */
const char *ckr_name(CK_RV rv);

/* The session or the token is dead: finalise, initialise and log in once more before the call is tried again. */
bool ckr_is_reopen(CK_RV rv);

#endif
