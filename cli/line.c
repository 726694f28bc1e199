#include "cli/line.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/fault.h"
#include "cli/firmware.h"
#include "cli/kek.h"
#include "cli/slot.h"
#include "cli/token.h"

static enum err_code same_keks(const struct line *l, struct err *e)
{
    uint8_t ours[KEKS][3], theirs[KEKS][3];
    enum err_code rc;

    if ((rc = keks_find(l->line, ours, e)) != ERR_OK || (rc = keks_find(l->server, theirs, e)) != ERR_OK)
        return rc;
    return keks_compare(ours, theirs, e);
}

/* The server's side is opened before the burn as well: a proof that nobody can open would end with a burned board. */
enum err_code line_open(struct line *l, struct app *app, bool tokens, struct err *e)
{
    enum err_code rc = ERR_OK;

    *l = (struct line){ .app = app };
    if ((l->host = hpke_host_open(&l->crypto)) == NULL)
        return err_set(e, &cli_fault[CLI_CRYPTO], "EVP", NULL, 0, "OpenSSL");
    if (!tokens)
        return ERR_OK;
    if ((rc = token_open(app, ROLE_LINE, true, &l->line, e)) != ERR_OK ||
        (rc = token_open(app, ROLE_SERVER, false, &l->server, e)) != ERR_OK || (rc = same_keks(l, e)) != ERR_OK)
        return rc;
    return verifier_open(&l->verifier, app->registry, l->server, &l->crypto, e);
}

void line_close(struct line *l)
{
    verifier_close(l->verifier);
    hsm_close(l->server);
    hsm_close(l->line);
    hpke_host_close(l->host);
}

enum err_code line_make_open(struct line_make *m, struct app *app, const char *product, struct err *e)
{
    char path[FIRMWARE_PATH_MAX];
    const struct chip_desc *desc;
    enum err_code rc;

    *m = (struct line_make){ .firmware = NULL };
    if ((rc = registry_product_get(app->registry, product, &m->product, e)) != ERR_OK)
        return rc;
    if ((desc = chip_desc_find(m->product.chip)) == NULL)
        return err_set(e, &cli_fault[CLI_UNKNOWN_CHIP], "product", NULL, 0, "product '%s': '%s'", product, m->product.chip);
    rc = firmware_path(app->config, m->product.scheme, m->product.suite, m->product.chip, path, e);
    return rc == ERR_OK ? fw_image_open(&m->firmware, path, desc, e) : rc;
}

void line_make_close(struct line_make *m)
{
    fw_image_close(m->firmware);
}

struct screen {
    const struct app *app;
    const struct slot *slot;
    const struct product *product;
    bool drawn;
};

static void wipe(struct screen *s)
{
    if (s->drawn)
        fputs("\r\033[K", stderr);
    s->drawn = false;
}

static void progress(void *io, enum station_step step)
{
    struct screen *s = io;

    if (step == STEP_CONSOLE) {
        wipe(s);
        slot_ask_for_power(s->slot, s->product);
    }
    if (s->app->json || !isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[Kslot %s: %s ...", s->slot->name, station_step_name(step));
    s->drawn = true;
}

enum err_code line_work(struct line *l, const struct slot *slot, struct chip *chip, const struct line_make *m, bool burn,
                        struct provision_result *result, struct err *e)
{
    struct screen screen = { .app = l->app, .slot = slot, .product = &m->product };
    struct station s = { .id = l->app->config->station,
                         .registry = l->app->registry,
                         .line = l->line,
                         .product = &m->product,
                         .chip = chip,
                         .firmware = m->firmware,
                         .crypto = &l->crypto,
                         .prove = verifier_prove,
                         .prove_io = l->verifier,
                         .progress = progress,
                         .progress_io = &screen };
    enum err_code rc;

    slot_console(slot, &s);
    rc = station_provision(&s, burn, result, e);
    wipe(&screen);
    return rc;
}

enum err_code line_provision(struct line *l, const struct slot *slot, struct chip *chip, const char *product, bool burn,
                             struct provision_result *result, struct err *e)
{
    struct line_make m;
    enum err_code rc = line_make_open(&m, l->app, product, e);

    if (rc == ERR_OK)
        rc = line_work(l, slot, chip, &m, burn, result, e);
    else
        *result = (struct provision_result){ .verdict = VERDICT_REFUSED, .code = e->fault->name };
    line_make_close(&m);
    return rc;
}
