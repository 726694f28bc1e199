#include "db/fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

#define COLUMNS "fleet, epoch, suite, state, signer, label, deadline, created, x, rsa_n, rsa_e, rotate"

static const char *const names[FLEET_KEY_STATES] = { [FLEET_KEY_ACTIVE] = "ACTIVE",
                                                     [FLEET_KEY_PREVIOUS] = "PREVIOUS",
                                                     [FLEET_KEY_RETIRED] = "RETIRED",
                                                     [FLEET_KEY_DESTROYED] = "DESTROYED" };

static const struct {
    enum fleet_key_state from, to;
    const char *event;
} steps[] = {
    { FLEET_KEY_ACTIVE, FLEET_KEY_RETIRED, "fleet.key-retired" },
    { FLEET_KEY_PREVIOUS, FLEET_KEY_RETIRED, "fleet.key-retired" },
    { FLEET_KEY_RETIRED, FLEET_KEY_PREVIOUS, "fleet.key-restored" },
    { FLEET_KEY_RETIRED, FLEET_KEY_DESTROYED, "fleet.key-destroyed" },
};

const char *fleet_key_state_name(enum fleet_key_state s)
{
    return names[s];
}

/* ---- rows ---- */

/* A column of exactly len bytes, or of none; *has says which. */
static bool take(struct sql_row *row, int col, uint8_t *out, size_t len, bool *has)
{
    size_t got;
    const void *blob = sql_blob(row, col, &got);

    *has = got != 0;
    if (got == len)
        memcpy(out, blob, len);
    return got == 0 || got == len;
}

static enum err_code from_row(struct sql_row *row, struct fleet_key *k, struct err *e)
{
    struct fleet_key out = { .fleet = (uint16_t)sql_int(row, 0),
                             .epoch = (uint8_t)sql_int(row, 1),
                             .suite = (uint8_t)sql_int(row, 2),
                             .state = FLEET_KEY_STATES,
                             .signer = (uint8_t)sql_int(row, 4) };
    bool has_x, has_e;

    for (int s = 0; s < FLEET_KEY_STATES; s++)
        if (strcmp(names[s], sql_text(row, 3)) == 0)
            out.state = (enum fleet_key_state)s;
    if (out.state == FLEET_KEY_STATES || !take(row, 8, out.x, sizeof out.x, &has_x) || !has_x ||
        !take(row, 9, out.rsa_n, sizeof out.rsa_n, &out.has_rsa) || !take(row, 10, out.rsa_e, sizeof out.rsa_e, &has_e) ||
        has_e != out.has_rsa || !take(row, 11, out.rotate, sizeof out.rotate, &out.has_rotate))
        return err_set(e, &db_fault[DB_CORRUPT], "fleet key", NULL, 0, "fleet %u, epoch %u", out.fleet, out.epoch);
    (void)snprintf(out.label, sizeof out.label, "%s", sql_text(row, 5));
    (void)snprintf(out.deadline, sizeof out.deadline, "%s", sql_text(row, 6));
    (void)snprintf(out.created, sizeof out.created, "%s", sql_text(row, 7));
    *k = out;
    return ERR_OK;
}

static enum err_code only_row(struct sql_row *row, struct fleet_key *k, bool *found, struct err *e)
{
    enum err_code rc = sql_next(row, found, e);

    if (rc == ERR_OK && *found)
        rc = from_row(row, k, e);
    sql_done(row);
    return rc;
}

static enum err_code find_active(struct registry *r, uint16_t fleet, struct fleet_key *k, bool *found, struct err *e)
{
    struct sql_row *row;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM fleet_key WHERE fleet = ? AND state = 'ACTIVE'",
                                 "i", (int64_t)fleet);

    return rc != ERR_OK ? rc : only_row(row, k, found, e);
}

static enum err_code unknown(uint16_t fleet, unsigned epoch, struct err *e)
{
    return err_set(e, &db_fault[DB_FLEET_KEY_UNKNOWN], "fleet key", NULL, 0, epoch != 0 ? "fleet %u, epoch %u" : "fleet %u",
                   fleet, epoch);
}

enum err_code registry_fleet_key_get(struct registry *r, uint16_t fleet, uint8_t epoch, struct fleet_key *k, struct err *e)
{
    struct sql_row *row;
    bool found = false;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM fleet_key WHERE fleet = ? AND epoch = ?", "ii",
                                 (int64_t)fleet, (int64_t)epoch);

    if (rc == ERR_OK)
        rc = only_row(row, k, &found, e);
    return rc == ERR_OK && !found ? unknown(fleet, epoch, e) : rc;
}

enum err_code registry_fleet_key_active(struct registry *r, uint16_t fleet, struct fleet_key *k, struct err *e)
{
    bool found = false;
    enum err_code rc = find_active(r, fleet, k, &found, e);

    return rc == ERR_OK && !found ? unknown(fleet, 0, e) : rc;
}

enum err_code registry_fleet_rotate(struct registry *r, uint16_t fleet, struct fleet_key *k, bool *found, struct err *e)
{
    enum err_code rc = find_active(r, fleet, k, found, e);

    if (rc == ERR_OK && *found)
        *found = k->has_rotate;
    return rc;
}

static enum err_code each_row(struct sql_row *row, registry_fleet_key_each *each, void *io, struct err *e)
{
    bool more;
    enum err_code rc;

    while ((rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct fleet_key k;
        if ((rc = from_row(row, &k, e)) != ERR_OK || (rc = each(io, &k, e)) != ERR_OK)
            break;
    }
    sql_done(row);
    return rc;
}

enum err_code registry_fleet_key_list(struct registry *r, uint16_t fleet, registry_fleet_key_each *each, void *io,
                                      struct err *e)
{
    struct sql_row *row;
    enum err_code rc =
        sql_query(r->sql, &row, e, "SELECT " COLUMNS " FROM fleet_key WHERE ? = 0 OR fleet = ? ORDER BY fleet, epoch", "ii",
                  (int64_t)fleet, (int64_t)fleet);

    return rc != ERR_OK ? rc : each_row(row, each, io, e);
}

enum err_code registry_fleet_key_usable(struct registry *r, uint8_t epoch, uint8_t suite, registry_fleet_key_each *each,
                                        void *io, struct err *e)
{
    struct sql_row *row;
    enum err_code rc = sql_query(r->sql, &row, e,
                                 "SELECT " COLUMNS " FROM fleet_key WHERE state IN ('ACTIVE', 'PREVIOUS')"
                                 " AND (? = 0 OR epoch = ?) AND (? = 0 OR suite = ?) ORDER BY fleet, epoch",
                                 "iiii", (int64_t)epoch, (int64_t)epoch, (int64_t)suite, (int64_t)suite);

    return rc != ERR_OK ? rc : each_row(row, each, io, e);
}

/* ---- a new key ---- */

enum err_code registry_fleet_epoch_next(struct registry *r, uint16_t fleet, uint8_t *epoch, struct err *e)
{
    int64_t next = 1;
    enum err_code rc = sql_int_of(r->sql, &next, e, "SELECT coalesce(max(epoch), 0) + 1 FROM fleet_key WHERE fleet = ?", "i",
                                  (int64_t)fleet);

    if (rc == ERR_OK && next > UINT8_MAX)
        rc = err_set(e, &db_fault[DB_EPOCHS_USED_UP], "fleet key", NULL, 0, "fleet %u", fleet);
    if (rc == ERR_OK)
        *epoch = (uint8_t)next;
    return rc;
}

/* What a device would refuse is refused here: (v, epoch) must rise, in that order; and epochs alone too, whoever signs. */
static enum err_code check_new(struct registry *r, struct fleet_key *k, struct err *e)
{
    int64_t signer = 0;
    uint8_t next = 0;
    enum err_code rc;

    if ((rc = registry_fleet_epoch_next(r, k->fleet, &next, e)) != ERR_OK ||
        (rc = sql_int_of(r->sql, &signer, e, "SELECT coalesce(max(signer), 0) FROM fleet_key WHERE fleet = ?", "i",
                         (int64_t)k->fleet)) != ERR_OK)
        return rc;
    if (k->signer < signer)
        return err_set(e, &db_fault[DB_RA_REVOKED], "fleet key", NULL, 0, "fleet %u", k->fleet);
    if (k->epoch == 0)
        k->epoch = next;
    if (k->epoch < next)
        return err_set(e, &db_fault[DB_EPOCH_USED], "fleet key", NULL, 0, "fleet %u, epoch %u", k->fleet, k->epoch);
    return ERR_OK;
}

static enum err_code insert(struct registry *r, struct fleet_key *k, struct err *e)
{
    bool unique;

    k->state = FLEET_KEY_ACTIVE;
    registry_now(r, k->created);
    enum err_code rc = sql_insert(
        r->sql, &unique, e, "INSERT INTO fleet_key (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "iiititttbbbb", (int64_t)k->fleet, (int64_t)k->epoch, (int64_t)k->suite, names[k->state], (int64_t)k->signer,
        k->label, k->deadline, k->created, k->x, sizeof k->x, k->has_rsa ? k->rsa_n : NULL, sizeof k->rsa_n,
        k->has_rsa ? k->rsa_e : NULL, sizeof k->rsa_e, k->has_rotate ? k->rotate : NULL, sizeof k->rotate);

    if (rc == ERR_OK && !unique)
        rc = err_set(e, &db_fault[DB_FLEET_KEY_KNOWN], "fleet key", NULL, 0, "fleet %u, epoch %u", k->fleet, k->epoch);
    return rc;
}

static enum err_code append(struct registry *r, const struct fleet_key *k, struct err *e)
{
    char fleet[8], epoch[8], x[65], signer[2] = { (char)('0' + k->signer), '\0' };
    const char *details[13] = { "fleet", fleet, "epoch", epoch, "x", x };
    size_t n = 6;

    (void)snprintf(fleet, sizeof fleet, "%u", k->fleet);
    (void)snprintf(epoch, sizeof epoch, "%u", k->epoch);
    hex_encode(k->x, sizeof k->x, x);
    if (k->has_rotate) {
        details[n++] = "signer";
        details[n++] = signer;
    }
    if (k->deadline[0] != '\0') {
        details[n++] = "deadline";
        details[n++] = k->deadline;
    }
    return event_append(r, "fleet.key-added", details, e);
}

static enum err_code add(struct registry *r, struct fleet_key *k, struct err *e)
{
    struct product p;
    enum err_code rc;

    if ((rc = registry_product_by_fleet(r, k->fleet, &p, e)) != ERR_OK || (rc = check_new(r, k, e)) != ERR_OK ||
        (rc = sql_run(r->sql, NULL, e, "UPDATE fleet_key SET state = 'PREVIOUS' WHERE fleet = ? AND state = 'ACTIVE'", "i",
                      (int64_t)k->fleet)) != ERR_OK ||
        (rc = insert(r, k, e)) != ERR_OK)
        return rc;
    return append(r, k, e);
}

enum err_code registry_fleet_key_add(struct registry *r, struct fleet_key *k, struct err *e)
{
    struct fleet_key made = *k;
    enum err_code rc = registry_begin(r, e);

    if (rc == ERR_OK && (rc = registry_end(r, add(r, &made, e), e)) == ERR_OK)
        *k = made;
    return rc;
}

/* ---- its life ---- */

static enum err_code move(struct registry *r, uint16_t fleet, uint8_t epoch, size_t step, const char *reason, struct err *e)
{
    char fleet_text[8], epoch_text[8];
    long changed = 0;
    enum err_code rc =
        sql_run(r->sql, &changed, e, "UPDATE fleet_key SET state = ? WHERE fleet = ? AND epoch = ? AND state = ?", "tiit",
                names[steps[step].to], (int64_t)fleet, (int64_t)epoch, names[steps[step].from]);

    if (rc == ERR_OK && changed != 1)
        rc = err_set(e, &db_fault[DB_FLEET_KEY_STATE], "fleet key", NULL, 0, "fleet %u, epoch %u is not %s", fleet, epoch,
                     names[steps[step].from]);
    if (rc != ERR_OK)
        return rc;
    (void)snprintf(fleet_text, sizeof fleet_text, "%u", fleet);
    (void)snprintf(epoch_text, sizeof epoch_text, "%u", epoch);
    return event_append(
        r, steps[step].event,
        (const char *const[]){ "fleet", fleet_text, "epoch", epoch_text, "reason", reason != NULL ? reason : "", NULL }, e);
}

enum err_code registry_fleet_key_state(struct registry *r, uint16_t fleet, uint8_t epoch, enum fleet_key_state from,
                                       enum fleet_key_state to, const char *reason, struct err *e)
{
    enum err_code rc;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].from == from && steps[i].to == to) {
            rc = registry_begin(r, e);
            return rc != ERR_OK ? rc : registry_end(r, move(r, fleet, epoch, i, reason, e), e);
        }
    return err_set(e, &db_fault[DB_FLEET_KEY_STATE], "fleet key", NULL, 0, "fleet %u, epoch %u: %s to %s is no step", fleet,
                   epoch, names[from], names[to]);
}
