/* hsm/keep.h - kept copies of SoftHSM2's token files, and their return.  For the files of hsm/ only.
 * Why: a SIGKILL or power cut inside SoftHSM2's C_Login leaves token.object empty or cut short, and with it every key of the
 * token is lost (docs/hsm.md, "the login window").  tokens/UUID/ is SoftHSM2's; keep/UUID/ is ours, each file written whole,
 * synced and renamed. The caller holds the guard.  Memory: nothing kept.  A workspace without tokens/ is fine: nothing to
 * do. */
#ifndef HSM_KEEP_H
#define HSM_KEEP_H

#include "base/err.h"

/* Copy every sound token directory to keep/, and make SoftHSM2's own files durable: it never syncs them itself. */
enum err_code keep_copy(const char *workspace, struct err *e) __attribute__((warn_unused_result));

/* Put back each token.object that is empty, all zeros or shorter than its kept copy.  Before C_Initialize.
 * ERR_UNAVAILABLE: there is a copy and it can't be put back. */
enum err_code keep_restore(const char *workspace, struct err *e) __attribute__((warn_unused_result));

/* Around the destroying of keys in the token with that serial.  begin notes which files it has; end removes the kept copies
 * of those that are gone since, so that a destroyed key is nowhere in the workspace.  Cut in between: keep_restore and
 * keep_copy make an end of it.  The files' bytes may stay on the disk's medium; they are encrypted under the token's PIN. */
enum err_code keep_forget_begin(const char *workspace, const char *serial, struct err *e)
    __attribute__((warn_unused_result));
enum err_code keep_forget_end(const char *workspace, struct err *e) __attribute__((warn_unused_result));

/* Remove token directories that an interrupted init left behind: empty token.object, no kept copy, no key. */
void keep_sweep(const char *workspace);

/* Remove the directory of the token with that serial, if it has no kept copy and no key: C_InitToken was cut in it, so that
 * it knows no SO PIN.  The module is down. */
void keep_discard(const char *workspace, const char *serial);

#endif
