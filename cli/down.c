/* cli/down.c - application data for a device is queued: it waits wrapped, and `serve` sends it when the device is heard. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/input.h"
#include "cli/opener.h"
#include "cli/options.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/down.h"
#include "hsm/fault.h"
#include "protocol/otp_image.h"

_Static_assert((int)MESSAGE_MAX <= (int)CHIP_OTP_MAX, "struct input has room for a message");

enum { SEALED = 1, SEALED_FLEET = 2, SESSION = 6, SESSIONS_DEFAULT = 3 };

struct order {
    const struct app *app;
    struct device device;
    struct product product;
    unsigned long sessions;
    uint64_t id;
};

/* ---- may it be told anything? ---- */

static enum err_code find(struct order *o, struct err *e)
{
    struct registry *r = o->app->registry;
    const char *word = o->app->opt[OPT_OPERAND];
    uint64_t serial;
    enum err_code rc = options_serial(word, &serial, e);

    if (rc != ERR_OK || (rc = registry_device(r, serial, &o->device, e)) != ERR_OK ||
        (rc = registry_product_get(r, o->device.product, &o->product, e)) != ERR_OK)
        return rc;
    if ((o->product.policy & POLICY_ONE_WAY) != 0 || o->product.scheme == SESSION)
        return err_set(e, &cli_fault[CLI_NO_DOWN], "down", NULL, 0, "device %s of product '%s', %s", word, o->product.name,
                       o->product.scheme == SESSION ? "whose frames name no device" : "which is one-way");
    if (o->device.state != DEV_DONE)
        return err_set(e, &cli_fault[CLI_DOWN_STATE], "down", NULL, 0, "device %s is %s", word,
                       device_state_name(o->device.state));
    return ERR_OK;
}

static enum err_code take_sessions(struct order *o, struct err *e)
{
    o->sessions = SESSIONS_DEFAULT;
    if (o->app->opt[OPT_SESSIONS] == NULL)
        return ERR_OK;
    enum err_code rc = options_number(o->app, OPT_SESSIONS, DOWN_SESSIONS_MAX, &o->sessions, e);
    return rc == ERR_OK && o->sessions == 0
               ? err_set(e, &cli_fault[CLI_BAD_NUMBER], "parse", NULL, 0, "'0' is not in 1..%d", DOWN_SESSIONS_MAX)
               : rc;
}

/* ---- the key that it waits under ---- */

static enum err_code make_key(struct order *o, struct hsm *server, struct err *e)
{
    uint8_t kcv[3];
    char value[2 * sizeof kcv + 1];
    bool made = false;
    struct hsm_key *key = NULL;
    enum err_code rc = hsm_key_ensure(server, HSM_MASTER, verifier_down_key, &key, &made, e);

    if (rc == ERR_OK && made && (rc = hsm_key_kcv(key, kcv, e)) == ERR_OK &&
        (rc = hsm_softhsm_keep(o->app->config->dir, "", e)) == ERR_OK) {
        hex_encode(kcv, sizeof kcv, value);
        rc = registry_event(o->app->registry, "keys.made", (const char *const[]){ verifier_down_key, value, NULL }, e);
    }
    hsm_key_free(key);
    return rc;
}

/* Made with the first message.  Within a transaction: two that come at once must not make two keys of one name, and
 * the later of them finds the key, made and told of. */
static enum err_code ensure_key(struct order *o, struct hsm *server, struct err *e)
{
    struct hsm_key *key = NULL;
    struct registry *r = o->app->registry;
    enum err_code rc = hsm_key_find(server, HSM_MASTER, verifier_down_key, &key, e);

    hsm_key_free(key);
    if (rc == ERR_OK || e->fault != &hsm_fault[HSM_KEY_MISSING])
        return rc;
    if ((rc = registry_batch_begin(r, e)) != ERR_OK)
        return rc;
    if ((rc = make_key(o, server, e)) == ERR_OK)
        return registry_batch_commit(r, e);
    registry_batch_drop(r);
    return rc;
}

/* ---- */

static enum err_code queue(struct order *o, const struct input *in, struct err *e)
{
    struct opener opener = { .registry = NULL };
    enum err_code rc = opener_open(&opener, o->app, o->app->registry, e);

    if (rc == ERR_OK && (rc = ensure_key(o, opener.server, e)) == ERR_OK)
        rc = verifier_message_queue(opener.verifier, o->device.serial, in->bytes, in->len, (unsigned)o->sessions, &o->id, e);
    opener_close(&opener);
    return rc;
}

static enum err_code show(const struct order *o, size_t len, struct err *e)
{
    char serial[17];

    (void)snprintf(serial, sizeof serial, "%016" PRIx64, o->device.serial);
    if (o->app->json)
        return report_object(json_pack("{s:I, s:s, s:s, s:I, s:I}", "id", (json_int_t)o->id, "serial", serial, "product",
                                       o->product.name, "bytes", (json_int_t)len, "sessions", (json_int_t)o->sessions),
                             e);
    printf("message %" PRIu64 " waits for %s: %zu bytes\n", o->id, serial, len);
    (void)fflush(stdout); /* what it is first, then what it means; main looks at ferror */
    fputs("fuseline: it goes down when `fuseline serve` hears the device next: see `fuseline down list`\n", stderr);
    if (o->product.scheme == SEALED_FLEET || (o->product.scheme == SEALED && (o->product.policy & POLICY_PSK) == 0))
        fputs("fuseline: in this scheme anyone who knows the device's public key can ask for it in its name\n", stderr);
    return ERR_OK;
}

static enum err_code run_send(struct app *app, struct err *e)
{
    struct order o = { .app = app };
    struct input in = { .len = 0 };
    enum err_code rc;

    if ((rc = take_sessions(&o, e)) == ERR_OK && (rc = find(&o, e)) == ERR_OK &&
        (rc = input_file(app->opt[OPT_FILE], MESSAGE_MAX, &in, e)) == ERR_OK && (rc = queue(&o, &in, e)) == ERR_OK)
        rc = show(&o, in.len, e);
    explicit_bzero(&in, sizeof in);
    return rc;
}

static const struct cmd_opt options[] = {
    { "SERIAL", NULL, OPT_OPERAND, 0, true, "16 hexadecimal digits", false },
    { "file", "FILE", OPT_FILE, 0, true, "1 to 512 bytes, as the device shall get them; - is stdin", false },
    { "sessions", "N", OPT_SESSIONS, 0, false, "send it in so many sessions, 1..255 (default 3); 1: never twice", false },
    PIN_SOURCE_OPT("server"),
    { 0 },
};

extern const struct cmd cmd_down_send;
const struct cmd cmd_down_send = {
    "down send",
    "SERIAL --file FILE [--sessions N] [--pin-source SOURCE]",
    "queue application data for a device",
    "It waits in the registry, wrapped under a key of the server token (`down`, made with the first message), and goes\n"
    "down with the answer to a frame of the device that `serve` opened.  No device says that it took it: see docs/server.md\n"
    "for when it is sent again, and when it is done.  The device must be DONE and two-way, and its frames name it.\n",
    options,
    CMD_RECORDS,
    run_send,
};
