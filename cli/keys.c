#include "cli/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/fleet.h"

const char *key_kind_name(enum hsm_key_kind kind)
{
    static const char *const names[HSM_KEY_KINDS + 1] = {
        [HSM_KEK] = "kek",
        [HSM_MASTER] = "master",
        [HSM_SIGNER] = "signer",
        [HSM_KEK_SECRET] = "kek-secret",
        [HSM_LOG_SIGNER] = "log-signer",
        [HSM_RA] = "ra",
        [HSM_FLEET] = "fleet",
        [HSM_FLEET_X25519] = "fleet-x25519",
        [HSM_RSA] = "rsa",
        [HSM_TLS] = "tls",
        [HSM_KEY_KINDS] = "unknown",
    };

    return names[kind];
}

void key_value(const struct hsm_key_info *info, char hex[KEY_VALUE])
{
    if (info->state != HSM_KEY_WHOLE)
        hex[0] = '\0';
    else if (info->pk_len == 65)
        hex_encode(info->pk + 1, 32, hex); /* x: a device knows no more of it */
    else if (info->pk_len > 0)
        hex_encode(info->pk, info->pk_len, hex);
    else
        hex_encode(info->kcv, sizeof info->kcv, hex);
}

/* ---- rows ---- */

struct adding {
    struct key_rows *rows;
    enum role role;
};

static enum err_code add(void *io, const struct hsm_key_info *k, struct err *e)
{
    struct adding *a = io;
    struct key_row *grown = realloc(a->rows->row, (a->rows->n + 1) * sizeof *grown);

    if (grown == NULL)
        return err_set(e, &cli_fault[CLI_NO_MEMORY], "realloc", NULL, 0, "%zu keys", a->rows->n);
    a->rows->row = grown;
    struct key_row *row = &grown[a->rows->n++];
    *row = (struct key_row){ .role = a->role, .info = *k };
    key_value(k, row->value);
    return ERR_OK;
}

static int by_role_and_label(const void *x, const void *y)
{
    const struct key_row *a = x, *b = y;

    return a->role != b->role ? (int)a->role - (int)b->role : strcmp(a->info.label, b->info.label);
}

enum err_code key_rows_read(struct key_rows *rows, struct hsm *h, enum role role, struct err *e)
{
    struct adding a = { rows, role };
    enum err_code rc = hsm_keys(h, add, &a, e);

    if (rows->n > 0)
        qsort(rows->row, rows->n, sizeof *rows->row, by_role_and_label);
    return rc;
}

enum err_code key_rows_add(struct key_rows *rows, const struct app *app, enum role role, bool main, struct err *e)
{
    struct hsm *h = NULL;
    enum err_code rc = token_open(app, role, main, &h, e);

    if (rc == ERR_OK)
        rc = key_rows_read(rows, h, role, e);
    hsm_close(h);
    return rc;
}

/* "LABEL":"VALUE", as canonical bytes have it. */
static bool speaks_of(const struct event_row *ev, const char *event, const char *pair)
{
    char kind[64];

    (void)snprintf(kind, sizeof kind, "\"event\":\"%s\"", event);
    return strstr(ev->canonical, kind) != NULL && strstr(ev->canonical, pair) != NULL;
}

static enum err_code date(void *io, const struct event_row *ev, struct err *e)
{
    struct key_rows *rows = io;
    char pair[HSM_LABEL + KEY_VALUE + 8];

    (void)e;
    if (strstr(ev->canonical, "\"event\":\"keys.made\"") == NULL)
        return ERR_OK;
    for (size_t i = 0; i < rows->n; i++) {
        struct key_row *k = &rows->row[i];
        const char *at = strstr(ev->canonical, "\"at\":\"");

        (void)snprintf(pair, sizeof pair, "\"%s\":\"%s\"", k->info.label, k->value);
        if (k->value[0] != '\0' && k->made[0] == '\0' && at != NULL && strstr(ev->canonical, pair) != NULL)
            (void)snprintf(k->made, sizeof k->made, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
    }
    return ERR_OK;
}

/* By label and value: a key that merely has the name is not the recorded one. */
static enum err_code name_epoch(void *io, const struct fleet_key *f, struct err *e)
{
    struct key_rows *rows = io;
    char x[KEY_VALUE];

    (void)e;
    hex_encode(f->x, sizeof f->x, x);
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->row[i].info.label, f->label) == 0 && strcmp(rows->row[i].value, x) == 0)
            rows->row[i].epoch = fleet_key_state_name(f->state);
    return ERR_OK;
}

enum err_code key_rows_date(struct key_rows *rows, const struct app *app, struct err *e)
{
    enum err_code rc = registry_events(app->registry, 0, date, rows, e);

    return rc == ERR_OK ? registry_fleet_key_list(app->registry, 0, name_epoch, rows, e) : rc;
}

void key_rows_free(struct key_rows *rows)
{
    free(rows->row);
    *rows = (struct key_rows){ .n = 0 };
}

json_t *key_json(const struct key_row *k)
{
    static const char *const states[] = { "whole", "cut", "foreign" };
    const struct hsm_key_info *i = &k->info;
    char kcv[7];
    const bool whole = i->state == HSM_KEY_WHOLE;

    hex_encode(i->kcv, sizeof i->kcv, kcv);
    return json_pack("{s:o, s:s, s:s, s:s, s:s?, s:s?, s:b, s:s?, s:s?}", "label", report_string(i->label), "role",
                     config_role_name(k->role), "kind", key_kind_name(i->kind), "state", states[i->state], "kcv",
                     whole ? kcv : NULL, "public", whole && i->pk_len > 0 ? k->value : NULL, "copied", i->copied, "made",
                     k->made[0] != '\0' ? k->made : NULL, "epoch", k->epoch);
}

enum err_code key_take_role(const struct app *app, enum role *role, bool *given, struct err *e)
{
    const char *name = app->opt[OPT_ROLE];

    *given = name != NULL;
    for (*role = 0; name != NULL && *role < ROLES; (*role)++)
        if (strcmp(name, config_role_name(*role)) == 0)
            return ERR_OK;
    return name == NULL ? ERR_OK
                        : err_set(e, &cli_fault[CLI_ROLE], "parse", NULL, 0, "'%s'; known: line, server, log, vault", name);
}

/* ---- the log ---- */

struct search {
    struct key_history *out;
    char made[HSM_LABEL + KEY_VALUE + 8], any[HSM_LABEL + 8], label[HSM_LABEL + 16];
};

static enum err_code look(void *io, const struct event_row *ev, struct err *e)
{
    struct search *s = io;

    (void)e;
    s->out->made = s->out->made || speaks_of(ev, "keys.made", s->made);
    s->out->held = s->out->held || speaks_of(ev, "keys.made", s->any);
    if (speaks_of(ev, "key.retiring", s->label))
        s->out->ending = true;
    if (speaks_of(ev, "key.retired", s->label)) {
        s->out->ending = s->out->held = false;
        s->out->retired = true;
    }
    return ERR_OK;
}

enum err_code key_history(const struct app *app, const char *label, const char *value, struct key_history *out,
                          struct err *e)
{
    struct search s = { .out = out };

    *out = (struct key_history){ .made = false };
    (void)snprintf(s.made, sizeof s.made, "\"%.32s\":\"%.64s\"", label, value);
    (void)snprintf(s.any, sizeof s.any, "\"%.32s\":\"", label);
    (void)snprintf(s.label, sizeof s.label, "\"label\":\"%.32s\"", label);
    return registry_events(app->registry, 0, look, &s, e);
}
