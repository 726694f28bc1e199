#include "cli/rotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/epoch.h"
#include "cli/fault.h"
#include "cli/keys.h"
#include "db/fault.h"
#include "hsm/fleet.h"
#include "hsm/hpke_host.h"
#include "protocol/kem.h"
#include "protocol/rotate.h"
#include "protocol/scheme.h"

/* ---- which epoch ---- */

struct used { /* the highest epoch of a fleet that the log speaks of */
    char prefix[24];
    unsigned long max;
};

/* Labels stand in the log as whole strings; one inside another text has its quote escaped. */
static enum err_code look_for_labels(void *io, const struct event_row *ev, struct err *e)
{
    struct used *u = io;
    char *end;

    (void)e;
    for (const char *at = ev->canonical; (at = strstr(at, u->prefix)) != NULL;) {
        const bool whole = at == ev->canonical || at[-1] != '\\';

        at += strlen(u->prefix);
        unsigned long n = strtoul(at, &end, 10);
        if (whole && *end == '"' && n <= UINT8_MAX && n > u->max)
            u->max = n;
    }
    return ERR_OK;
}

/* A key that no row of the registry has: made, and cut before it was recorded.  One whose end began is none. */
static enum err_code is_unrecorded(const struct app *app, enum hsm_key_kind kind, const struct key_row *k, uint8_t next,
                                   uint8_t epoch, bool *is, struct err *e)
{
    struct key_history past;
    enum err_code rc = ERR_OK;

    *is = epoch >= next && (k->info.state == HSM_KEY_CUT || (k->info.state == HSM_KEY_WHOLE && k->info.kind == kind));
    if (*is && (rc = key_history(app, k->info.label, "", &past, e)) == ERR_OK)
        *is = !past.ending && !past.retired;
    return rc;
}

/* The lowest key that waits to be recorded; else one above all that registry, log and token have ever named. */
static enum err_code choose(struct rotation *r, const struct app *app, const struct key_rows *rows, struct err *e)
{
    struct used u = { .max = 0 };
    unsigned long found = 0;
    uint8_t next = 0;
    enum err_code rc = registry_fleet_epoch_next(app->registry, r->product.fleet, &next, e);

    (void)snprintf(u.prefix, sizeof u.prefix, "\"fleet/%u/", r->product.fleet);
    if (rc == ERR_OK)
        rc = registry_events(app->registry, 0, look_for_labels, &u, e);
    for (size_t i = 0; i < rows->n && rc == ERR_OK; i++) {
        uint16_t fleet;
        uint8_t epoch;
        bool is = false;

        if (!epoch_of_label(rows->row[i].info.label, &fleet, &epoch) || fleet != r->product.fleet)
            continue;
        if (strncmp(rows->row[i].info.label, "fleet/", 6) == 0)
            rc = is_unrecorded(app, hsm_fleet_of(r->product.suite)->kind, &rows->row[i], next, epoch, &is, e);
        if (is && (found == 0 || epoch < found))
            found = epoch;
        if (epoch > u.max)
            u.max = epoch;
    }
    if (rc != ERR_OK)
        return rc;
    const unsigned long epoch = found != 0 ? found : u.max + 1 > next ? u.max + 1 : next;
    if (epoch > UINT8_MAX)
        return err_set(e, &db_fault[DB_EPOCHS_USED_UP], "rotate", NULL, 0, "fleet %u", r->product.fleet);
    r->is_there = found != 0;
    r->epoch = (uint8_t)epoch;
    (void)snprintf(r->label, sizeof r->label, "fleet/%u/%u", r->product.fleet, r->epoch);
    return ERR_OK;
}

/* ---- may it ---- */

static enum err_code check_product(const struct rotation *r, struct err *e)
{
    const struct product *p = &r->product;
    const struct scheme *s = scheme_by_id(p->scheme);

    if (p->suite == SUITE_RSA)
        return err_set(e, &cli_fault[CLI_NO_ROTATION], "rotate", NULL, 0,
                       "fleet %u: scheme %s: its RSA key's digest is burned into each device", p->fleet,
                       scheme_form(p->scheme, p->suite));
    if (s == NULL || !s->epoch || hsm_fleet_of(p->suite)->name == NULL)
        return err_set(e, &cli_fault[CLI_NO_ROTATION], "rotate", NULL, 0, "fleet %u: scheme %s, suite %u", p->fleet,
                       s != NULL ? s->name : "?", p->suite);
    if (r->backup ? !p->has_backup_ra || p->scheme != 2 : !p->has_ra)
        return err_set(e, &cli_fault[CLI_NO_AUTHORITY], "rotate", NULL, 0, "fleet %u: scheme %s%s", p->fleet, s->name,
                       r->backup ? ", backup authority" : "");
    return ERR_OK;
}

enum err_code rotation_look(struct rotation *r, const struct app *app, uint16_t fleet, bool backup, uint8_t only,
                            struct hsm *server, struct err *e)
{
    struct key_rows rows = { .n = 0 };
    enum err_code rc;

    *r = (struct rotation){ .backup = backup };
    if ((rc = registry_product_by_fleet(app->registry, fleet, &r->product, e)) != ERR_OK ||
        (rc = check_product(r, e)) != ERR_OK ||
        (rc = registry_fleet_key_active(app->registry, fleet, &r->from, e)) != ERR_OK)
        return rc;
    if (r->from.signer > backup) /* before a key is made: the registry would refuse it afterwards */
        return err_set(e, &db_fault[DB_RA_REVOKED], "rotate", NULL, 0, "fleet %u", fleet);
    r->is_done = only != 0 && r->from.epoch == only && r->from.has_rotate && r->from.signer == backup;
    if (r->is_done) {
        r->to = r->from;
        r->epoch = only;
        (void)snprintf(r->label, sizeof r->label, "%s", r->from.label);
        return ERR_OK;
    }
    if ((rc = key_rows_read(&rows, server, ROLE_SERVER, e)) == ERR_OK)
        rc = choose(r, app, &rows, e);
    key_rows_free(&rows);
    if (rc == ERR_OK && only != 0 && only != r->epoch)
        rc = err_set(e, &cli_fault[CLI_EPOCH_NOT_NEXT], "rotate", NULL, 0, "fleet %u: its next epoch is %u, not %u", fleet,
                     r->epoch, only);
    return rc;
}

enum err_code rotation_authority(const struct rotation *r, struct hsm *vault, struct hsm_key **ra, struct err *e)
{
    const char *label = r->backup ? "ra-backup" : "ra";
    struct hsm_key *k = NULL;
    uint8_t pk[65];
    enum err_code rc = hsm_key_find(vault, HSM_RA, label, &k, e);

    if (rc == ERR_OK && (rc = hsm_public(k, pk, e)) == ERR_OK &&
        memcmp(pk + 1, r->backup ? r->product.backup_ra_x : r->product.ra_x, P256_LEN) != 0)
        rc = err_set(e, &cli_fault[CLI_RA_OTHER], "rotate", NULL, 0, "token '%s': key '%s', fleet %u",
                     hsm_token_label(vault), label, r->product.fleet);
    if (rc == ERR_OK)
        *ra = k;
    else
        hsm_key_free(k);
    return rc;
}

/* ---- making it ---- */

/* The kept copy at once: a key that a cut login loses could not be made again. */
static enum err_code make_key(struct rotation *r, const struct app *app, struct hsm *server, struct err *e)
{
    struct hsm_key *k = NULL;
    const struct hsm_fleet *fleet = hsm_fleet_of(r->product.suite);
    enum err_code rc = hsm_key_ensure(server, fleet->kind, r->label, &k, NULL, e);

    if (rc == ERR_OK && (rc = hsm_softhsm_keep(app->config->dir, "", e)) == ERR_OK)
        rc = fleet->name(k, r->to.x, e);
    hsm_key_free(k);
    return rc;
}

static enum err_code unverified(const struct rotation *r, struct err *e)
{
    return err_set(e, &cli_fault[CLI_ROTATE_UNVERIFIED], "rotate", NULL, 0, "fleet %u, epoch %u", r->product.fleet,
                   r->epoch);
}

/* What is stored is what every device would take: verified under the product's own x, as a device verifies it. */
static enum err_code sign(struct rotation *r, const struct crypto *c, struct hsm_key *ra, struct err *e)
{
    const struct product *p = &r->product;
    const struct profile profile = profile_make(p->scheme, p->suite, p->fleet, p->policy, p->sid_len, p->ctr_len);
    const struct rotate_mark mark = { r->backup, r->epoch };
    struct rotate_mark got;
    uint8_t digest[SHA256_LEN], sig[ECDSA_LEN], pk[P256_PK_LEN];
    enum err_code rc;

    if (rotate_digest(c, &profile, mark, r->to.x, digest) != SEALED_OK)
        return unverified(r, e);
    if ((rc = hsm_sign(ra, digest, sig, e)) != ERR_OK)
        return rc;
    rotate_put(mark, r->to.x, sig, r->to.rotate);
    if (rotate_verify(c, &profile, r->backup ? p->backup_ra_x : p->ra_x, r->to.rotate, ROTATE_LEN, &got, pk) != SEALED_OK ||
        got.v != mark.v || got.epoch != mark.epoch || memcmp(pk + kem_of(p->suite)->name, r->to.x, P256_LEN) != 0)
        return unverified(r, e);
    r->to.has_rotate = true;
    r->to.signer = mark.v;
    return ERR_OK;
}

static enum err_code add(struct rotation *r, const struct app *app, struct err *e)
{
    char x[65];
    const char *details[] = { r->label, x, NULL };
    struct key_history past;
    enum err_code rc;

    hex_encode(r->to.x, sizeof r->to.x, x);
    if ((rc = key_history(app, r->label, x, &past, e)) != ERR_OK ||
        (!past.made && (rc = registry_event(app->registry, "keys.made", details, e)) != ERR_OK))
        return rc;
    return registry_fleet_key_add(app->registry, &r->to, e);
}

static enum err_code record(struct rotation *r, const struct app *app, struct err *e)
{
    enum err_code rc = registry_batch_begin(app->registry, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = add(r, app, e)) == ERR_OK)
        return registry_batch_commit(app->registry, e);
    registry_batch_drop(app->registry);
    return rc;
}

enum err_code rotation_make(struct rotation *r, const struct app *app, struct hsm *server, struct hsm_key *ra,
                            const char *deadline, struct err *e)
{
    struct crypto c;
    struct hpke_host *host = hpke_host_open(&c);
    enum err_code rc;

    if (host == NULL)
        return err_set(e, &cli_fault[CLI_CRYPTO], "EVP", NULL, 0, "OpenSSL");
    r->to = (struct fleet_key){ .fleet = r->product.fleet, .epoch = r->epoch, .suite = r->product.suite };
    (void)snprintf(r->to.label, sizeof r->to.label, "%s", r->label);
    (void)snprintf(r->to.deadline, sizeof r->to.deadline, "%s", deadline);
    if ((rc = make_key(r, app, server, e)) == ERR_OK && (rc = sign(r, &c, ra, e)) == ERR_OK)
        rc = record(r, app, e);
    hpke_host_close(host);
    return rc;
}
