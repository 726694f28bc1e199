#include "db/generation.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "db/fault.h"
#include "db/registry_impl.h"

static enum err_code from_row(struct sql_row *row, const char *serial, struct generations *g, struct err *e)
{
    size_t salt_len, pending_len;
    const void *salt = sql_blob(row, 1, &salt_len), *pending = sql_blob(row, 2, &pending_len);

    if (salt_len != REG_SALT || (pending_len != 0 && pending_len != REG_SALT))
        return err_set(e, &db_fault[DB_CORRUPT], "generation", NULL, 0, "device %s", serial);
    g->gen = (uint8_t)sql_int(row, 0);
    memcpy(g->salt, salt, REG_SALT);
    g->has_pending = pending_len != 0;
    if (g->has_pending)
        memcpy(g->pending_salt, pending, REG_SALT);
    return ERR_OK;
}

enum err_code registry_gen(struct registry *r, uint64_t serial, struct generations *g, struct err *e)
{
    struct sql_row *row;
    char text[17];
    bool found;

    serial_text(serial, text);
    enum err_code rc =
        sql_query(r->sql, &row, e, "SELECT gen, salt, pending_salt FROM generation WHERE serial = ?", "t", text);
    if (rc != ERR_OK)
        return rc;
    *g = (struct generations){ .gen = 0 };
    if ((rc = sql_next(row, &found, e)) == ERR_OK && found)
        rc = from_row(row, text, g, e);
    sql_done(row);
    return rc;
}

static enum err_code append(struct registry *r, const char *kind, const char *serial, uint8_t gen, const uint8_t *salt,
                            struct err *e)
{
    char number[8], hex[2 * REG_SALT + 1];

    (void)snprintf(number, sizeof number, "%u", gen);
    hex_encode(salt, REG_SALT, hex);
    return event_append(r, kind, (const char *const[]){ "serial", serial, "gen", number, "salt", hex, NULL }, e);
}

static enum err_code begin(struct registry *r, uint64_t serial, const uint8_t *salt, struct generations *g, struct err *e)
{
    struct device d;
    char text[17];
    enum err_code rc;

    serial_text(serial, text);
    if ((rc = registry_device(r, serial, &d, e)) != ERR_OK || (rc = registry_gen(r, serial, g, e)) != ERR_OK ||
        g->has_pending)
        return rc;
    if (g->gen == UINT8_MAX)
        return err_set(e, &db_fault[DB_GENERATIONS_USED_UP], "rekey", NULL, 0, "device %s", text);
    memcpy(g->pending_salt, salt, REG_SALT);
    g->has_pending = true;
    rc = sql_run(r->sql, NULL, e,
                 "INSERT INTO generation (serial, gen, salt, pending, pending_salt) VALUES (?, ?, ?, ?, ?)"
                 " ON CONFLICT (serial) DO UPDATE SET pending = excluded.pending, pending_salt = excluded.pending_salt",
                 "tibib", text, (int64_t)g->gen, g->salt, (size_t)REG_SALT, (int64_t)g->gen + 1, salt, (size_t)REG_SALT);
    return rc != ERR_OK ? rc : append(r, "device.rekey", text, (uint8_t)(g->gen + 1), salt, e);
}

enum err_code registry_rekey_begin(struct registry *r, uint64_t serial, const uint8_t salt[REG_SALT], struct generations *g,
                                   struct err *e)
{
    struct generations now;
    enum err_code rc = registry_begin(r, e);

    if (rc == ERR_OK && (rc = registry_end(r, begin(r, serial, salt, &now, e), e)) == ERR_OK)
        *g = now;
    return rc;
}

enum err_code generation_heard(struct registry *r, uint64_t serial, uint8_t gen, bool *ended, struct err *e)
{
    struct generations g;
    char text[17];
    enum err_code rc = registry_gen(r, serial, &g, e);

    if (rc != ERR_OK)
        return rc;
    *ended = gen < g.gen;
    if (gen <= g.gen)
        return ERR_OK;
    serial_text(serial, text);
    if (!g.has_pending || gen != g.gen + 1)
        return err_set(e, &db_fault[DB_GENERATION_OTHER], "generation", NULL, 0, "device %s, generation %u", text, gen);
    rc = sql_run(r->sql, NULL, e,
                 "UPDATE generation SET gen = pending, salt = pending_salt, pending = NULL, pending_salt = NULL"
                 " WHERE serial = ?",
                 "t", text);
    return rc != ERR_OK ? rc : append(r, "device.rekeyed", text, gen, g.pending_salt, e);
}

static enum err_code confirm(struct registry *r, uint64_t serial, uint8_t gen, struct err *e)
{
    bool ended = false;
    enum err_code rc = generation_heard(r, serial, gen, &ended, e);

    if (rc == ERR_OK && ended)
        rc = err_set(e, &db_fault[DB_GENERATION_OTHER], "generation", NULL, 0, "device %016llx, generation %u",
                     (unsigned long long)serial, gen);
    return rc;
}

enum err_code registry_gen_confirmed(struct registry *r, uint64_t serial, uint8_t gen, struct err *e)
{
    enum err_code rc = registry_begin(r, e);

    return rc != ERR_OK ? rc : registry_end(r, confirm(r, serial, gen, e), e);
}
