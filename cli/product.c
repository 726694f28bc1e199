#include "cli/product.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "cli/ui/report.h"
#include "protocol/frame.h"
#include "protocol/scheme.h"
#include "station/slots.h"

static const char *scheme_name(const struct product *p)
{
    const char *name = scheme_form(p->scheme, p->suite);

    return name != NULL ? name : "unknown";
}

static bool is_compact(const struct product *p)
{
    return frame_is_compact(p->scheme, p->suite, p->policy);
}

/* Of the key that its devices sign with; NULL: they have none. */
static const char *key_maker(const struct product *p)
{
    return p->injected ? "injected" : slots_device_signs(p) ? "chip" : NULL;
}

void product_text(const struct product *p)
{
    printf("product   %s\nchip      %s\nscheme    %s%s%s\n", p->name, p->chip, scheme_name(p),
           (p->policy & POLICY_PSK) != 0 ? ", with a pre-shared key" : "", is_compact(p) ? ", compact first frames" : "");
    printf("lock      RDP level %u\nfleet     %u\nmodel     %u\npolicy    0x%04x\nserials   %08" PRIx32 "-%08" PRIx32
           "\nadded     %s\n",
           p->lock, p->fleet, p->model, p->policy, p->serial_first, p->serial_last, p->created);
    if (p->epoch != 0)
        printf("epoch     %u, its devices' first fleet key: %s/%u/%u\n", p->epoch, p->suite == SUITE_RSA ? "rsa" : "fleet",
               p->fleet, p->epoch);
    if (p->injected)
        puts("key       injected: drawn by the line, not by the chip");
    if (p->master[0] != '\0')
        printf("master    master/%s\n", p->master);
}

/* Its form, and what its devices share, each NULL where the scheme has none. */
static bool json_keys(json_t *o, const struct product *p)
{
    char ra[65], backup[65];

    hex_encode(p->ra_x, sizeof p->ra_x, ra);
    hex_encode(p->backup_ra_x, sizeof p->backup_ra_x, backup);
    json_t *keys = json_pack("{s:b, s:s?, s:i, s:s?, s:s?, s:s?}", "compact", is_compact(p), "key", key_maker(p), "epoch",
                             p->epoch, "ra_x", p->has_ra ? ra : NULL, "backup_ra_x", p->has_backup_ra ? backup : NULL,
                             "master", p->master[0] != '\0' ? p->master : NULL);
    const bool ok = keys != NULL && json_object_update(o, keys) == 0;

    json_decref(keys);
    return ok;
}

enum err_code product_json(const struct product *p, const char *result, const char *lock_text, struct err *e)
{
    char first[9], last[9];

    (void)snprintf(first, sizeof first, "%08" PRIx32, p->serial_first);
    (void)snprintf(last, sizeof last, "%08" PRIx32, p->serial_last);
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:b, s:i, s:i, s:i, s:i, s:s, s:s, s:s}", "product", p->name, "chip",
                          p->chip, "scheme", scheme_name(p), "suite", p->suite, "psk", (p->policy & POLICY_PSK) != 0, "lock",
                          p->lock, "fleet", p->fleet, "model", p->model, "policy", p->policy, "serial_first", first,
                          "serial_last", last, "created", p->created);
    if (o != NULL && !json_keys(o, p)) {
        json_decref(o);
        o = NULL;
    }
    if (o != NULL && result != NULL &&
        (json_object_set_new(o, "result", json_string(result)) != 0 ||
         json_object_set_new(o, "lock_protects", json_string(lock_text)) != 0)) {
        json_decref(o);
        o = NULL;
    }
    return report_object(o, e);
}

static void line(const struct product *p)
{
    printf("%-20s %-10s %-12s %-3s  %-7s  %u     %5u  %5u  %08" PRIx32 "-%08" PRIx32 "\n", p->name, p->chip, scheme_name(p),
           (p->policy & POLICY_PSK) != 0 ? "yes" : "no", is_compact(p) ? "yes" : "no", p->lock, p->fleet, p->model,
           p->serial_first, p->serial_last);
}

static enum err_code show(void *io, const struct product *p, struct err *e)
{
    const struct app *app = io;

    if (app->json)
        return product_json(p, NULL, NULL, e);
    line(p);
    return ERR_OK;
}

static enum err_code run_list(struct app *app, struct err *e)
{
    if (!app->json)
        puts("NAME                 CHIP       SCHEME       PSK  COMPACT  LOCK  FLEET  MODEL  SERIALS");
    return registry_products(app->registry, show, app, e);
}

static enum err_code run_show(struct app *app, struct err *e)
{
    struct product p;
    enum err_code rc = registry_product_get(app->registry, app->opt[OPT_OPERAND], &p, e);

    if (rc != ERR_OK)
        return rc;
    if (app->json)
        return product_json(&p, NULL, NULL, e);
    product_text(&p);
    return ERR_OK;
}

static const struct cmd_opt list_options[] = { { 0 } };
static const struct cmd_opt show_options[] = {
    { "NAME", NULL, OPT_OPERAND, 0, true, "the product's name", false },
    { 0 },
};

extern const struct cmd cmd_product_list, cmd_product_show;
const struct cmd cmd_product_list = { "product list", "", "list the products", NULL, list_options, CMD_READS, run_list };
const struct cmd cmd_product_show = { "product show", "NAME", "show one product", NULL, show_options, CMD_READS, run_show };
