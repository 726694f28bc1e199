#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "cli/cmd.h"
#include "cli/fault.h"
#include "cli/lifetime.h"
#include "cli/options.h"
#include "cli/ui/report.h"
#include "db/registry.h"

static void name_device(const struct device *d, char serial[static 17], char uid[static 2 * REG_UID + 1])
{
    (void)snprintf(serial, 17, "%016" PRIx64, d->serial);
    hex_encode(d->uid, sizeof d->uid, uid);
}

/* NULL: no memory. */
static json_t *json_device(const struct device *d)
{
    char serial[17], uid[2 * REG_UID + 1];

    name_device(d, serial, uid);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s?, s:s, s:s}", "serial", serial, "uid", uid, "product", d->product,
                     "state", device_state_name(d->state), "station", d->station, "day", d->day, "reason",
                     d->reason[0] != '\0' ? d->reason : NULL, "created", d->created, "updated", d->updated);
}

/* ---- list ---- */

static enum err_code show_line(void *io, const struct device *d, struct err *e)
{
    const struct app *app = io;
    char serial[17], uid[2 * REG_UID + 1];

    if (app->json)
        return report_object(json_device(d), e);
    name_device(d, serial, uid);
    printf("%s  %s  %-20s %-11s  %s%s%s\n", serial, uid, d->product, device_state_name(d->state), d->updated,
           d->reason[0] != '\0' ? "  " : "", d->reason);
    return ERR_OK;
}

static enum err_code take_state(const char *name, enum device_state *out, struct err *e)
{
    char known[160] = "";

    for (*out = 0; *out < DEV_STATES; (*out)++) {
        size_t len = strlen(known);

        if (name == NULL || strcasecmp(name, device_state_name(*out)) == 0)
            break;
        (void)snprintf(known + len, sizeof known - len, "%s%s", len > 0 ? ", " : "", device_state_name(*out));
    }
    if (name == NULL)
        *out = DEV_STATES;
    else if (*out == DEV_STATES)
        return err_set(e, &cli_fault[CLI_DEVICE_STATE], "parse", NULL, 0, "'%s'; known: %s", name, known);
    return ERR_OK;
}

static enum err_code run_list(struct app *app, struct err *e)
{
    struct product p;
    enum device_state state;
    enum err_code rc = take_state(app->opt[OPT_STATE], &state, e);

    if (rc == ERR_OK && app->opt[OPT_PRODUCT] != NULL) /* no device, because there is no such product, is another answer */
        rc = registry_product_get(app->registry, app->opt[OPT_PRODUCT], &p, e);
    if (rc != ERR_OK)
        return rc;
    if (!app->json)
        puts("SERIAL            UID                       PRODUCT              STATE        UPDATED");
    return registry_devices(app->registry, app->opt[OPT_PRODUCT], state, show_line, app, e);
}

/* ---- show ---- */

struct view {
    struct device d;
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n;
    struct lifetime life;
};

static void hex(const uint8_t *bytes, size_t len, char *out, bool is_there)
{
    if (is_there)
        hex_encode(bytes, len, out);
    else
        (void)snprintf(out, 2, "-");
}

static bool any(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

static json_t *json_keys(const struct view *v)
{
    json_t *keys = json_array();
    char x[65], digest[65], kcv[7];

    for (size_t i = 0; i < v->n; i++) {
        const struct wrapped_key *k = &v->key[i];

        hex_encode(k->public_x, sizeof k->public_x, x);
        hex_encode(k->digest, sizeof k->digest, digest);
        hex_encode(k->kek_kcv, sizeof k->kek_kcv, kcv);
        if (json_array_append_new(keys, json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s, s:I}", "role", k->role, "public_x",
                                                  any(k->public_x, sizeof k->public_x) ? x : NULL, "digest", digest, "kek",
                                                  k->kek, "kek_kcv", kcv, "profile", k->profile, "mechanism",
                                                  (json_int_t)k->mechanism)) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

static enum err_code show_json(const struct view *v, struct err *e)
{
    char image[2 * REG_IMAGE + 1], sha[65];
    bool whole = v->d.has_image && any(v->d.image_sha256, sizeof v->d.image_sha256);
    json_t *o = json_device(&v->d);

    hex(v->d.image, sizeof v->d.image, image, v->d.has_image);
    hex(v->d.image_sha256, sizeof v->d.image_sha256, sha, whole);
    json_t *more = json_pack("{s:s?, s:s?, s:o}", "image", v->d.has_image ? image : NULL, "image_sha256", whole ? sha : NULL,
                             "keys", json_keys(v));
    if (o == NULL || more == NULL || json_object_update(o, more) != 0) {
        json_decref(o);
        o = NULL;
    }
    json_decref(more);
    return report_object(lifetime_json(o, &v->life), e);
}

static void show_text(const struct view *v)
{
    char serial[17], uid[2 * REG_UID + 1], text[65];

    name_device(&v->d, serial, uid);
    printf("serial    %s\nUID       %s\nproduct   %s\nstate     %s%s%s\n", serial, uid, v->d.product,
           device_state_name(v->d.state), v->d.reason[0] != '\0' ? ": " : "", v->d.reason);
    printf("station   %u\nday       %u since 2020-01-01\ncreated   %s\nupdated   %s\n", v->d.station, v->d.day, v->d.created,
           v->d.updated);
    hex(v->d.image_sha256, sizeof v->d.image_sha256, text, v->d.has_image && any(v->d.image_sha256, 32));
    printf("image     %s%s\n", v->d.has_image ? "SHA-256 " : "none yet", v->d.has_image ? text : "");
    lifetime_text(&v->life, text, sizeof text);
    if (text[0] != '\0')
        printf("keys      %s\n", text);
    for (size_t i = 0; i < v->n; i++) {
        const struct wrapped_key *k = &v->key[i];

        hex(k->public_x, sizeof k->public_x, text, any(k->public_x, sizeof k->public_x));
        printf("key       %s, public x %s, wrapped under %s (check value %02x%02x%02x) by %s\n", k->role, text, k->kek,
               k->kek_kcv[0], k->kek_kcv[1], k->kek_kcv[2], k->profile);
    }
}

static enum err_code run_show(struct app *app, struct err *e)
{
    struct view v = { .n = 0 };
    uint64_t serial = 0;
    enum err_code rc = options_serial(app->opt[OPT_OPERAND], &serial, e);

    if (rc == ERR_OK)
        rc = registry_device(app->registry, serial, &v.d, e);
    if (rc == ERR_OK)
        rc = registry_keys(app->registry, serial, v.key, &v.n, e);
    if (rc == ERR_OK)
        rc = lifetime_of(app, &v.d, &v.life, e);
    if (rc != ERR_OK)
        return rc;
    if (app->json)
        return show_json(&v, e);
    show_text(&v);
    return ERR_OK;
}

static const struct cmd_opt list_options[] = {
    { "product", "NAME", OPT_PRODUCT, 0, false, "of this product only", false },
    { "state", "STATE", OPT_STATE, 0, false, "in this state only: DONE, QUARANTINED, ..", false },
    { 0 },
};
static const struct cmd_opt show_options[] = {
    { "SERIAL", NULL, OPT_OPERAND, 0, true, "16 hexadecimal digits", false },
    { 0 },
};

extern const struct cmd cmd_device_list, cmd_device_show;
const struct cmd cmd_device_list = {
    "device list", "[--product NAME] [--state STATE]", "list the devices and their states", NULL, list_options, CMD_READS,
    run_list,
};
const struct cmd cmd_device_show = {
    "device show",
    "SERIAL",
    "show what is recorded of one device",
    "Its keys are shown by their public half and the name of the key that wraps them; the wrapped keys themselves are not.\n",
    show_options,
    CMD_READS,
    run_show,
};
