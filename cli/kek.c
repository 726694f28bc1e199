#include "cli/kek.h"

#include <string.h>

#include "cli/fault.h"

const struct hsm_key_name keks[KEKS] = { { HSM_KEK, "kek" }, { HSM_KEK_SECRET, "kek-secret" } };

enum err_code keks_find(struct hsm *h, uint8_t kcv[KEKS][3], struct err *e)
{
    enum err_code rc = ERR_OK;

    for (int i = 0; i < KEKS && rc == ERR_OK; i++) {
        struct hsm_key *key = NULL;

        rc = hsm_key_find(h, keks[i].kind, keks[i].label, &key, e);
        if (rc == ERR_OK)
            rc = hsm_key_kcv(key, kcv[i], e);
        hsm_key_free(key);
    }
    return rc;
}

enum err_code keks_compare(uint8_t line[KEKS][3], uint8_t server[KEKS][3], struct err *e)
{
    for (int i = 0; i < KEKS; i++)
        if (memcmp(line[i], server[i], sizeof line[i]) != 0)
            return err_set(e, &cli_fault[CLI_KEK_DIFFERS], "compare", NULL, 0, "key '%s'", keks[i].label);
    return ERR_OK;
}
