#include "cli/line.h"

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

static enum err_code open_firmware(const struct line *l, const struct product *p, struct fw_image **out, struct err *e)
{
    char path[FIRMWARE_PATH_MAX];
    const struct chip_desc *desc = chip_desc_find(p->chip);
    enum err_code rc;

    if (desc == NULL)
        return err_set(e, &cli_fault[CLI_UNKNOWN_CHIP], "product", NULL, 0, "product '%s': '%s'", p->name, p->chip);
    rc = firmware_path(l->app->config, p->scheme, p->chip, path, e);
    return rc == ERR_OK ? fw_image_open(out, path, desc, e) : rc;
}

struct plug { /* whom to ask for power */
    const struct slot *slot;
    const struct product *product;
};

static void progress(void *io, enum station_step step)
{
    const struct plug *plug = io;

    if (step == STEP_CONSOLE)
        slot_ask_for_power(plug->slot, plug->product);
}

enum err_code line_provision(struct line *l, const struct slot *slot, struct chip *chip, const char *product, bool burn,
                             struct provision_result *result, struct err *e)
{
    struct product p;
    struct fw_image *firmware = NULL;
    enum err_code rc = registry_product_get(l->app->registry, product, &p, e);

    *result = (struct provision_result){ .verdict = VERDICT_REFUSED, .code = "" };
    if (rc == ERR_OK)
        rc = open_firmware(l, &p, &firmware, e);
    if (rc != ERR_OK) {
        result->code = e->fault->name;
        return rc;
    }
    struct plug plug = { slot, &p };
    struct station s = { .id = l->app->config->station,
                         .registry = l->app->registry,
                         .line = l->line,
                         .product = &p,
                         .chip = chip,
                         .firmware = firmware,
                         .crypto = &l->crypto,
                         .prove = verifier_prove,
                         .prove_io = l->verifier,
                         .progress = progress,
                         .progress_io = &plug };
    slot_console(slot, &s);
    rc = station_provision(&s, burn, result, e);
    fw_image_close(firmware);
    return rc;
}
