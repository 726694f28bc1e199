#include "cli/ceremony.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/token.h"
#include "db/registry.h"

/* The first of the keys that line and server share; the others follow it. */
enum { SHARED = CEREMONY_KEK, SHARED_KEYS = CEREMONY_KEYS - SHARED };

static void begin(struct ceremony *c, uint16_t station)
{
    static const char both[] = "line and server";

    memset(c, 0, sizeof *c);
    c->master = master_of(station);
    c->key[CEREMONY_CHECKPOINT] = (struct ceremony_key){ .name = log_signer, .where = "log" };
    c->key[CEREMONY_KEK] = (struct ceremony_key){ .name = keks[0], .where = both };
    c->key[CEREMONY_KEK_SECRET] = (struct ceremony_key){ .name = keks[1], .where = both };
    c->key[CEREMONY_MASTER] = (struct ceremony_key){ .name = { HSM_MASTER, c->master.label }, .where = both };
}

static enum err_code ensure(struct ceremony_key *k, struct hsm *h, struct err *e)
{
    struct hsm_key *key = NULL;
    enum err_code rc = hsm_key_ensure(h, k->name.kind, k->name.label, &key, &k->made, e);

    if (rc == ERR_OK)
        rc = hsm_key_kcv(key, k->kcv, e);
    k->there = rc == ERR_OK;
    hsm_key_free(key);
    return rc;
}

/* ---- line and server ---- */

static enum err_code copy_shared(const struct ceremony *c, const char *workspace, struct hsm *line, struct hsm *server,
                                 struct err *e)
{
    static const struct hsm_pin_source by_uri = { .kind = HSM_PIN_URI, .fd = -1 };
    struct hsm_key_name names[SHARED_KEYS];
    char *uri = malloc(TOKEN_URI_MAX);
    enum err_code rc;

    if (uri == NULL)
        return err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", workspace);
    for (int i = 0; i < SHARED_KEYS; i++)
        names[i] = c->key[SHARED + i].name;
    rc = hsm_softhsm_so_uri(workspace, config_role_name(ROLE_LINE), uri, TOKEN_URI_MAX, e);
    if (rc == ERR_OK)
        rc = hsm_keys_copy(line, uri, &by_uri, server, names, SHARED_KEYS, e);
    free(uri);
    return rc;
}

static enum err_code make_shared(struct ceremony *c, const struct app *app, struct err *e)
{
    struct hsm *line = NULL, *server = NULL;
    enum err_code rc = token_open(app, ROLE_LINE, false, &line, e);

    if (rc == ERR_OK)
        rc = token_open(app, ROLE_SERVER, false, &server, e);
    for (int i = SHARED; i < CEREMONY_KEYS && rc == ERR_OK; i++)
        rc = ensure(&c->key[i], line, e);
    if (rc == ERR_OK)
        rc = copy_shared(c, app->dir, line, server, e);
    hsm_close(server);
    hsm_close(line);
    return rc;
}

/* ---- log ---- */

static enum err_code make_signer(struct ceremony_key *k, const struct app *app, struct err *e)
{
    struct hsm *log = NULL;
    enum err_code rc = token_open(app, ROLE_LOG, false, &log, e);

    if (rc == ERR_OK && (rc = ensure(k, log, e)) == ERR_OK)
        rc = signer_find(log, k->kcv, k->pk, e);
    hsm_close(log);
    return rc;
}

enum err_code ceremony_run(struct ceremony *c, const struct app *app, const bool embedded[ROLES], struct err *e)
{
    enum err_code rc = ERR_OK;

    begin(c, app->config->station);
    if (embedded[ROLE_LINE] && embedded[ROLE_SERVER])
        rc = make_shared(c, app, e);
    if (embedded[ROLE_LOG] && rc == ERR_OK)
        rc = make_signer(&c->key[CEREMONY_CHECKPOINT], app, e);
    if (rc == ERR_OK && (c->key[SHARED].there || c->key[CEREMONY_CHECKPOINT].there))
        rc = hsm_softhsm_keep(app->dir, "", e); /* of all tokens, also when an earlier init was cut in front of this */
    return rc;
}

/* ---- the log's record of them ---- */

void ceremony_value(const struct ceremony *c, int key, char hex[65])
{
    const struct ceremony_key *k = &c->key[key];

    if (key == CEREMONY_CHECKPOINT)
        hex_encode(k->pk, sizeof k->pk, hex);
    else
        hex_encode(k->kcv, sizeof k->kcv, hex);
}

struct search {
    char text[CEREMONY_KEYS][HSM_LABEL + 72]; /* "LABEL":"VALUE", as canonical bytes have it */
    bool found[CEREMONY_KEYS];
};

static enum err_code look_for(void *io, const struct event_row *ev, struct err *e)
{
    struct search *s = io;

    (void)e;
    for (int i = 0; i < CEREMONY_KEYS && strstr(ev->canonical, "\"event\":\"keys.made\"") != NULL; i++)
        s->found[i] = s->found[i] || strstr(ev->canonical, s->text[i]) != NULL;
    return ERR_OK;
}

/* Each once, however often init was cut before it came to this, and whichever version made the others. */
enum err_code ceremony_log(const struct ceremony *c, const struct app *app, struct err *e)
{
    const char *details[2 * CEREMONY_KEYS + 1] = { NULL };
    char value[CEREMONY_KEYS][65];
    struct search s = { .found = { false } };
    size_t n = 0;
    enum err_code rc;

    for (int i = 0; i < CEREMONY_KEYS; i++) {
        ceremony_value(c, i, value[i]);
        (void)snprintf(s.text[i], sizeof s.text[i], "\"%.32s\":\"%.64s\"", c->key[i].name.label, value[i]);
    }
    if ((rc = registry_events(app->registry, 0, look_for, &s, e)) != ERR_OK)
        return rc;
    for (int i = 0; i < CEREMONY_KEYS; i++)
        if (c->key[i].there && !s.found[i]) {
            details[n++] = c->key[i].name.label;
            details[n++] = value[i];
        }
    return n > 0 ? registry_event(app->registry, "keys.made", details, e) : ERR_OK;
}
