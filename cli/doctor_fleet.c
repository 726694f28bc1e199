/* cli/doctor_fleet.c - the check of the fleets' keys: are those that devices seal to in the server token? */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/config.h"
#include "cli/doctor.h"
#include "cli/fault.h"
#include "cli/keys.h"
#include "db/fleet.h"

struct look {
    struct key_rows rows; /* of the token */
    unsigned *n;
};

/* One that is RETIRED can come back. */
static enum err_code compare(void *io, const struct fleet_key *f, struct err *e)
{
    const struct look *l = io;
    char x[KEY_VALUE];
    bool named = false;

    if (f->state == FLEET_KEY_DESTROYED)
        return ERR_OK;
    ++*l->n;
    hex_encode(f->x, sizeof f->x, x);
    for (size_t i = 0; i < l->rows.n; i++) {
        const struct key_row *k = &l->rows.row[i];

        if (strcmp(k->info.label, f->label) != 0)
            continue;
        if (strcmp(k->value, x) == 0)
            return ERR_OK;
        named = true;
    }
    return err_set(e, &cli_fault[CLI_KEY_LOST], "token", NULL, 0, "key '%s' of fleet %u%s", f->label, f->fleet,
                   named ? ": another key has its name, or it was cut" : "");
}

void doctor_look_for_fleets(const struct doctor *d, struct hsm *server, struct doctor_key *out, unsigned *n)
{
    struct look l = { .n = n };
    struct registry *r = NULL;

    *n = 0;
    if (registry_open(&r, d->app->config->registry, REGISTRY_READ, &out->e) != ERR_OK)
        return; /* told where that is looked at */
    out->looked = true;
    if ((out->rc = key_rows_read(&l.rows, server, ROLE_SERVER, &out->e)) == ERR_OK)
        out->rc = registry_fleet_key_list(r, 0, compare, &l, &out->e);
    key_rows_free(&l.rows);
    registry_close(r);
}

void doctor_fleets(struct doctor *d, const struct doctor_key *keys, unsigned n)
{
    char detail[64];

    (void)snprintf(detail, sizeof detail, "%u, all in the server token", n);
    if (keys->looked && (keys->rc != ERR_OK || n != 0))
        doctor_tell(d, NULL, "fleet keys", keys->rc == ERR_OK ? CHECK_OK : CHECK_FAIL, detail, &keys->e);
}
