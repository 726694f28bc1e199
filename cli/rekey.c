/* cli/rekey.c - the next generation of a device's key (scheme 5) is announced: the device follows at its next start or
 * first frame, which is when the server can tell it.  A generation that waits is never replaced: db/generation.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fault.h"
#include "cli/options.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/generation.h"
#include "protocol/scheme.h"

enum { DERIVED = 5, BATCH = 64 /* devices of one transaction */ };

struct target {
    uint64_t serial;
    char product[REG_NAME];
    struct generations gen;
    bool one_way; /* it will never hear it */
    const char *result;
};

struct work {
    struct app *app;
    struct hsm *server;
    struct target *target;
    size_t n, deaf;
    bool one_way;        /* the product that was looked at last */
    enum err_code worst; /* of devices that were told one by one */
};

/* ---- who ---- */

static enum err_code add(void *io, const struct device *d, struct err *e)
{
    struct work *w = io;
    struct target *grown = realloc(w->target, (w->n + 1) * sizeof *grown);

    if (grown == NULL)
        return err_set(e, &cli_fault[CLI_NO_MEMORY], "realloc", NULL, 0, "%zu devices", w->n);
    w->target = grown;
    grown[w->n] = (struct target){ .serial = d->serial, .one_way = w->one_way, .result = "plan" };
    (void)snprintf(grown[w->n].product, sizeof grown[w->n].product, "%s", d->product);
    w->n++;
    w->deaf += w->one_way;
    return ERR_OK;
}

static enum err_code check_product(struct work *w, const char *name, struct err *e)
{
    struct product p;
    enum err_code rc = registry_product_get(w->app->registry, name, &p, e);

    if (rc == ERR_OK && p.scheme != DERIVED)
        rc = err_set(e, &cli_fault[CLI_NO_REKEY], "rekey", NULL, 0, "product '%s'", name);
    w->one_way = (p.policy & POLICY_ONE_WAY) != 0;
    return rc;
}

static enum err_code add_word(struct work *w, const char *word, struct err *e)
{
    uint64_t serial;
    struct device d;
    enum err_code rc = options_serial(word, &serial, e);

    if (rc != ERR_OK || (rc = registry_device(w->app->registry, serial, &d, e)) != ERR_OK ||
        (rc = check_product(w, d.product, e)) != ERR_OK)
        return rc;
    if (d.state != DEV_DONE)
        return err_set(e, &cli_fault[CLI_REKEY_STATE], "rekey", NULL, 0, "device %s is %s", word,
                       device_state_name(d.state));
    return add(w, &d, e);
}

/* All of them are looked at before one is touched. */
static enum err_code find(struct work *w, struct err *e)
{
    const struct app *app = w->app;
    const char *product = app->opt[OPT_PRODUCT];
    enum err_code rc = ERR_OK;

    if ((app->operands == 0) == (product == NULL))
        return err_set(e, &cli_fault[CLI_REKEY_CHOICE], "parse", NULL, 0, "%s",
                       product == NULL ? "no serial and no --product" : "serials and --product");
    if (product != NULL && (rc = check_product(w, product, e)) == ERR_OK)
        return registry_devices(app->registry, product, DEV_DONE, add, w, e);
    for (size_t i = 0; i < app->operands && rc == ERR_OK; i++)
        rc = add_word(w, app->operand[i], e);
    return rc;
}

/* ---- doing it ---- */

static enum err_code begin(struct work *w, struct target *t, struct err *e)
{
    uint8_t salt[REG_SALT];
    enum err_code rc = registry_gen(w->app->registry, t->serial, &t->gen, e);

    if (rc != ERR_OK || w->app->opt[OPT_BURN] == NULL)
        return rc;
    t->result = "pending";
    if (t->gen.has_pending)
        return ERR_OK;
    if ((rc = hsm_random(w->server, salt, sizeof salt, e)) != ERR_OK)
        return rc;
    t->result = "begun";
    return registry_rekey_begin(w->app->registry, t->serial, salt, &t->gen, e);
}

static enum err_code show(const struct app *app, const struct target *t, struct err *e)
{
    const int next = t->gen.gen + 1;

    if (app->json) {
        char serial[17];

        (void)snprintf(serial, sizeof serial, "%016" PRIx64, t->serial);
        return report_object(json_pack("{s:s, s:s, s:b, s:i, s:o, s:s}", "serial", serial, "product", t->product, "one_way",
                                       t->one_way, "generation", t->gen.gen, "pending",
                                       t->gen.has_pending ? json_integer(next) : json_null(), "result", t->result),
                             e);
    }
    printf("%016" PRIx64 "  %-8s generation %u -> %d\n", t->serial, t->result, t->gen.gen, next);
    return ERR_OK;
}

/* One that has used its generations up must not keep the others from theirs: told, and the rest goes on. */
static enum err_code begin_or_tell(struct work *w, struct target *t, struct err *e)
{
    enum err_code rc = begin(w, t, e);

    if (rc != ERR_NO)
        return rc;
    report_text(stderr, e);
    t->result = NULL;
    w->worst = rc;
    return w->app->json ? report_object(json_pack("{s:o}", "error", report_json(e)), e) : ERR_OK;
}

static enum err_code rekey(struct work *w, size_t from, size_t to, struct err *e)
{
    const bool burn = w->app->opt[OPT_BURN] != NULL;
    enum err_code rc = burn ? registry_batch_begin(w->app->registry, e) : ERR_OK;

    if (rc != ERR_OK)
        return rc;
    for (size_t i = from; i < to && rc == ERR_OK; i++)
        rc = begin_or_tell(w, &w->target[i], e);
    if (burn && rc == ERR_OK)
        rc = registry_batch_commit(w->app->registry, e);
    else if (burn)
        registry_batch_drop(w->app->registry);
    for (size_t i = from; i < to && rc == ERR_OK; i++) /* shown once it is on disk */
        if (w->target[i].result != NULL)
            rc = show(w->app, &w->target[i], e);
    return rc;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct work w = { .app = app };
    enum err_code rc = find(&w, e);

    if (rc == ERR_OK && app->opt[OPT_BURN] != NULL && w.n > 0)
        rc = token_open(app, ROLE_SERVER, true, &w.server, e);
    for (size_t at = 0; at < w.n && rc == ERR_OK; at += BATCH)
        rc = rekey(&w, at, at + BATCH < w.n ? at + BATCH : w.n, e);
    hsm_close(w.server);
    free(w.target);
    if (rc != ERR_OK)
        return rc;
    (void)fflush(stdout); /* what it is first, then what it means; main looks at ferror */
    if (!app->json && w.deaf > 0)
        fprintf(stderr, "fuseline: %zu of them are one-way: they will never hear it, and the server offers it to none\n",
                w.deaf);
    if (!app->json)
        fputs(app->opt[OPT_BURN] != NULL ? "fuseline: each device follows when it is heard next: see `fuseline status`\n"
                                         : "fuseline: nothing is announced: give --burn to do it\n",
              stderr);
    if (w.worst != ERR_OK)
        *e = (struct err){ .code = w.worst }; /* told one by one */
    return w.worst;
}

static const struct cmd_opt options[] = {
    { "SERIAL", NULL, OPT_OPERAND, 0, false, "16 hexadecimal digits each, up to 32 of them", true },
    { "product", "NAME", OPT_PRODUCT, 0, false, "all its devices that are DONE", false },
    { "burn", NULL, OPT_BURN, 0, false, "really announce it: a generation is used up", false },
    PIN_SOURCE_OPT("server"),
    { 0 },
};

extern const struct cmd cmd_rekey;
const struct cmd cmd_rekey = {
    "rekey",
    "(SERIAL... | --product NAME) [--burn] [--pin-source SOURCE]",
    "announce the next generation of a derived device's key",
    "Of scheme `derived` alone: each device gets a fresh salt from the server token, and with it keys that nobody who read\n"
    "the former ones can follow.  The old generation ends with the first good frame of the new one.  One that waits already\n"
    "stays as it is, however often it is asked for.\n",
    options,
    CMD_RECORDS,
    run,
};
