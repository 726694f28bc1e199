#include "hsm/guard.h"
#include "hsm/hsm.h"
#include "hsm/keep.h"

enum err_code hsm_softhsm_mend(const char *workspace, struct err *e)
{
    struct guard g;
    enum err_code rc = guard_enter(&g, workspace, e);

    if (rc != ERR_OK)
        return rc;
    rc = keep_restore(workspace, e);
    guard_leave(&g);
    return rc;
}
