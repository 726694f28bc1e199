#include "cli/kek.h"

#include <stdio.h>
#include <string.h>

#include "cli/fault.h"

const struct hsm_key_name keks[KEKS] = { { HSM_KEK, "kek" }, { HSM_KEK_SECRET, "kek-secret" } };
const struct hsm_key_name log_signer = { HSM_LOG_SIGNER, "checkpoint" };

static enum err_code find(struct hsm *h, enum hsm_key_kind kind, const char *label, uint8_t kcv[3], struct err *e)
{
    struct hsm_key *key = NULL;
    enum err_code rc = hsm_key_find(h, kind, label, &key, e);

    if (rc == ERR_OK)
        rc = hsm_key_kcv(key, kcv, e);
    hsm_key_free(key);
    return rc;
}

static enum err_code compare(const char *label, const uint8_t line[3], const uint8_t server[3], struct err *e)
{
    return memcmp(line, server, 3) == 0 ? ERR_OK
                                        : err_set(e, &cli_fault[CLI_KEK_DIFFERS], "compare", NULL, 0, "key '%s'", label);
}

enum err_code keks_find(struct hsm *h, uint8_t kcv[KEKS][3], struct err *e)
{
    enum err_code rc = ERR_OK;

    for (int i = 0; i < KEKS && rc == ERR_OK; i++)
        rc = find(h, keks[i].kind, keks[i].label, kcv[i], e);
    return rc;
}

enum err_code keks_compare(uint8_t line[KEKS][3], uint8_t server[KEKS][3], struct err *e)
{
    enum err_code rc = ERR_OK;

    for (int i = 0; i < KEKS && rc == ERR_OK; i++)
        rc = compare(keks[i].label, line[i], server[i], e);
    return rc;
}

struct master master_of(uint16_t station)
{
    struct master m;

    (void)snprintf(m.label, sizeof m.label, "master/%u", station);
    return m;
}

enum err_code master_find(struct hsm *h, const struct master *m, uint8_t kcv[3], struct err *e)
{
    return find(h, HSM_MASTER, m->label, kcv, e);
}

enum err_code master_compare(const struct master *m, const uint8_t line[3], const uint8_t server[3], struct err *e)
{
    return compare(m->label, line, server, e);
}

enum err_code signer_find(struct hsm *log, uint8_t kcv[3], uint8_t pk[32], struct err *e)
{
    struct hsm_key *key = NULL;
    enum err_code rc = hsm_key_find(log, log_signer.kind, log_signer.label, &key, e);

    if (rc == ERR_OK && (rc = hsm_key_kcv(key, kcv, e)) == ERR_OK)
        rc = hsm_public_ed25519(key, pk, e);
    hsm_key_free(key);
    return rc;
}
