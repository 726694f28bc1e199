/* hsm/module.h - PKCS#11 modules of this process, each loaded and initialised once.  For the files of hsm/ only.
 * The roles of one station often share a module: it is C_Initialized at the first module_up, C_Finalized at the last
 * module_put. `life` counts the C_Initializes: handles of an earlier life are dead.
 * Processes: after fork() the child starts with no use of any module.  Never unloaded: modules do not survive that. */
#ifndef HSM_MODULE_H
#define HSM_MODULE_H

#include <stdbool.h>
#include <sys/types.h>

#include "hsm/cryptoki.h"
#include "hsm/profile.h"
#include "hsm/uri.h"

/* SoftHSM2 2.6.1 keeps 250 bytes of each destroyed session object until C_Finalize: 50 MB; a device key makes four. */
enum { MODULE_RENEW_AFTER = 200000 /* session objects */ };

struct module {
    struct module *next;
    char *path, *init_args, *workspace; /* workspace: absolute, while up */
    CK_FUNCTION_LIST *f;
    bool up;
    unsigned users;             /* module_get less module_put */
    unsigned once;              /* of these, how many can't log in a second time (PIN from a descriptor or prompt) */
    unsigned long life;         /* C_Initializes so far */
    unsigned long made;         /* session objects in this life */
    struct hsm_profile profile; /* profile.name NULL: not tested yet */
    pid_t pid;
};

/* The module of the URI, loaded if it was not; not yet initialised.
 * ERR_UNAVAILABLE missing; ERR_CONFIG no module; ERR_RETRY no memory. */
enum err_code module_get(struct module **out, const char *path, const char *init_args, struct err *e)
    __attribute__((warn_unused_result));
void module_put(struct module *m);

/* C_Initialize if it is not.  SOFTHSM2_CONF is set if the workspace has a softhsm2.conf; kept token files are put back
 * first. The caller holds the guard.  *rv: the CKR code, to decide about another try.
 * ERR_UNAVAILABLE it does not start; ERR_CONFIG it already serves another workspace. */
enum err_code module_up(struct module *m, const char *workspace, CK_RV *rv, struct err *e)
    __attribute__((warn_unused_result));
/* C_Finalize: every session of every token of it ends. */
void module_down(struct module *m);

#endif
