#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "cli/fault.h"
#include "cli/options.h"
#include "cli/product.h"
#include "cli/product_keys.h"
#include "cli/product_policy.h"
#include "cli/token.h"
#include "flash/chips/chips.h"
#include "protocol/scheme.h"
#include "station/slots.h"

/* Constants of the firmware's build: docs/protocol.md, frames. */
enum { SID_LEN = 2, CTR_LEN = 1, LOCK_LEVELS = 3 };

/* What each readout protection level keeps from whom: docs/protocol.md, "Honest limits". */
static const char *const lock_text[LOCK_LEVELS] = {
    "RDP level 0: nothing is protected: who opens the device reads its OTP and flash, and can write its flash",
    "RDP level 1: a debugger can't read the flash; OTP is not protected: going back to level 0 erases only the flash",
    "RDP level 2: a debugger can read neither flash nor OTP, for ever: no rework either; the slot needs a console",
};
/* RM0090 ch. 3, table of access against protection level; docs/firmware.md. */
static const char f4_text[] =
    "on an STM32F407 above RDP level 0 nobody can program OTP any more, its own firmware neither: it can't "
    "record a loss of its counters or its retirement there";
static const char psk_text[] = "a pre-shared key is secret only at RDP level 2; below it, who opens the device reads it";
static const char injected_text[] =
    "the line draws each device's key and holds it until the burn is read back: who had the line's token and registry "
    "then, or has a copy of both, can speak for the device";
/* By scheme: what in OTP only level 2 keeps secret. */
static const char *const secret_text[SCHEME_MAX + 1] = {
    [3] = "the seed of the device's own key is secret only at RDP level 2; below it, who opens the device can speak for it",
    [4] =
        "the device's key is secret only at RDP level 2; below it, who opens the device reads and forges all it ever sends",
    [5] =
        "the device's key is secret only at RDP level 2; below it, who opens the device reads and forges all it ever sends",
    [8] = "the seed of the device's own key is secret only at RDP level 2; below it, who opens the device can speak for it",
};

static enum err_code check_name(const char *name, struct err *e)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    if (len == 0 || len >= REG_NAME || name[len] != '\0')
        return err_set(e, &cli_fault[CLI_PRODUCT_NAME], "parse", NULL, 0, "'%s'", name);
    return ERR_OK;
}

static enum err_code unknown(enum cli_fault_id id, const char *word, const struct suggest *s, struct err *e)
{
    const char *best = suggest_best(s);

    return err_set(e, &cli_fault[id], "parse", NULL, 0, "'%s'%s%s%s", word, best != NULL ? ", did you mean '" : "",
                   best != NULL ? best : "", best != NULL ? "'?" : "");
}

static enum err_code take_chip(const char *name, struct product *p, struct err *e)
{
    const struct chip_desc *d = chip_desc_find(name);
    struct suggest s;

    if (d != NULL) {
        (void)snprintf(p->chip, sizeof p->chip, "%s", d->name);
        return ERR_OK;
    }
    suggest_init(&s, name);
    for (size_t i = 0; i < chip_descs_n; i++)
        suggest_offer(&s, chip_descs[i]->name);
    return unknown(CLI_UNKNOWN_CHIP, name, &s, e);
}

static enum err_code take_scheme(const struct app *app, struct product *p, struct err *e)
{
    const char *name = app->opt[OPT_SCHEME];
    const struct scheme *scheme = scheme_by_form(name, &p->suite);
    struct suggest s;

    if (scheme != NULL && scheme_spoken(scheme->id, p->suite)) {
        p->scheme = scheme->id;
        return product_policy(app, scheme, p, e);
    }
    if (scheme != NULL)
        return err_set(e, &cli_fault[CLI_SCHEME_NOT_READY], "parse", NULL, 0, "'%s'", name);
    suggest_init(&s, name);
    for (uint8_t id = 1; id <= SCHEME_MAX; id++)
        for (uint8_t suite = SUITE_P256_CCM; suite <= SUITE_RSA; suite++)
            suggest_offer(&s, scheme_form(id, suite));
    return unknown(CLI_UNKNOWN_SCHEME, name, &s, e);
}

/* Of schemes whose devices sign with a key of their own, where the line may draw it instead of the chip. */
static enum err_code take_key(const struct app *app, struct product *p, struct err *e)
{
    const char *word = app->opt[OPT_KEY];

    if (word == NULL)
        return ERR_OK;
    if (strcmp(word, "chip") != 0 && strcmp(word, "injected") != 0)
        return err_set(e, &cli_fault[CLI_PRODUCT_OPTION], "parse", NULL, 0, "--key '%s': chip or injected", word);
    p->injected = word[0] == 'i';
    if (!slots_may_inject(p->scheme))
        return err_set(e, &cli_fault[CLI_PRODUCT_OPTION], "parse", NULL, 0, "--key with '%s'", app->opt[OPT_SCHEME]);
    return ERR_OK;
}

/* A decimal or 0x number in 1..2^32-1 up to `end`; 0: none. */
static uint32_t serial_number(const char *text, char end, const char **next)
{
    bool hex = strncmp(text, "0x", 2) == 0;
    const char *digits = text + (hex ? 2 : 0);
    size_t len = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
    unsigned long value = len > 0 && len <= 10 ? strtoul(digits, NULL, hex ? 16 : 10) : 0;

    *next = digits + len + (digits[len] != '\0');
    return digits[len] == end && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static enum err_code take_serials(const char *text, struct product *p, struct err *e)
{
    const char *next;

    if (text == NULL)
        return ERR_OK;
    p->serial_first = serial_number(text, '-', &next);
    if (p->serial_first != 0)
        p->serial_last = serial_number(next, '\0', &next);
    if (p->serial_first == 0 || p->serial_last < p->serial_first)
        return err_set(e, &cli_fault[CLI_SERIAL_RANGE], "parse", NULL, 0, "'%s'", text);
    return ERR_OK;
}

/* Asks only whom it can: somebody at a terminal who did not say. */
static enum err_code ask_lock(char answer[static 8], struct err *e)
{
    fputs("fuseline: what shall the parts be locked to, after the proof?\n", stderr);
    for (int level = 0; level < LOCK_LEVELS; level++)
        fprintf(stderr, "  %d  %s\n", level, lock_text[level]);
    fputs("level 0, 1 or 2: ", stderr);
    if (fgets(answer, 8, stdin) == NULL)
        answer[0] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    if (answer[0] == '\0')
        return err_set(e, &cli_fault[CLI_LOCK_LEVEL], "read", NULL, 0, "no answer");
    return ERR_OK;
}

static enum err_code take_lock(const struct app *app, struct product *p, struct err *e)
{
    const char *text = app->opt[OPT_LOCK];
    char answer[8];
    enum err_code rc = ERR_OK;

    if (text == NULL && !app->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        rc = ask_lock(answer, e);
        text = answer;
    }
    if (rc != ERR_OK || text == NULL)
        return rc;
    if (text[0] < '0' || text[0] > '2' || text[1] != '\0')
        return err_set(e, &cli_fault[CLI_LOCK_LEVEL], "parse", NULL, 0, "'%s'", text);
    p->lock = (uint8_t)(text[0] - '0');
    return ERR_OK;
}

static enum err_code parse(const struct app *app, struct product *p, struct err *e)
{
    unsigned long model = 0;
    enum err_code rc;

    *p = (struct product){ .sid_len = SID_LEN, .ctr_len = CTR_LEN };
    if ((rc = check_name(app->opt[OPT_OPERAND], e)) != ERR_OK || (rc = take_chip(app->opt[OPT_CHIP], p, e)) != ERR_OK ||
        (rc = take_scheme(app, p, e)) != ERR_OK || (rc = take_key(app, p, e)) != ERR_OK ||
        (rc = take_serials(app->opt[OPT_SERIALS], p, e)) != ERR_OK ||
        (app->opt[OPT_MODEL] != NULL && (rc = options_number(app, OPT_MODEL, UINT16_MAX, &model, e)) != ERR_OK))
        return rc;
    (void)snprintf(p->name, sizeof p->name, "%s", app->opt[OPT_OPERAND]);
    p->model = (uint16_t)model;
    return ERR_OK;
}

/* What was not asked for is no difference. */
static bool same(const struct app *app, const struct product *have, const struct product *want)
{
    return strcmp(have->chip, want->chip) == 0 && have->scheme == want->scheme && have->suite == want->suite &&
           have->policy == want->policy && have->injected == want->injected &&
           (app->opt[OPT_LOCK] == NULL || have->lock == want->lock) &&
           (app->opt[OPT_MODEL] == NULL || have->model == want->model) &&
           (want->serial_first == 0 || (have->serial_first == want->serial_first && have->serial_last == want->serial_last));
}

/* The row and its fleet's first key: both or none. */
static enum err_code add_with_keys(struct app *app, struct product_keys *keys, struct product *p, struct err *e)
{
    enum err_code rc = registry_batch_begin(app->registry, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = registry_product_add(app->registry, p, e)) == ERR_OK)
        rc = product_keys_add(keys, app, p, e);
    if (rc == ERR_OK)
        return registry_batch_commit(app->registry, e);
    registry_batch_drop(app->registry);
    return rc;
}

static enum err_code add(struct app *app, struct product *p, struct err *e)
{
    struct product_keys keys;
    enum err_code rc = take_lock(app, p, e);

    if (rc != ERR_OK)
        return rc;
    if ((rc = product_keys_find(&keys, app, p, e)) == ERR_OK && (rc = product_keys_prepare(&keys, app, p, e)) == ERR_OK)
        rc = add_with_keys(app, &keys, p, e);
    product_keys_close(&keys);
    return rc;
}

static enum err_code add_or_find(struct app *app, struct product *p, bool *made, struct err *e)
{
    struct product have;
    enum err_code rc = registry_product_get(app->registry, p->name, &have, e);

    *made = rc == ERR_NOINPUT;
    if (rc == ERR_OK && !same(app, &have, p))
        return err_set(e, &cli_fault[CLI_PRODUCT_OTHER], "product add", NULL, 0, "'%s'", p->name);
    if (rc == ERR_OK)
        *p = have;
    return *made ? add(app, p, e) : rc;
}

static bool otp_closes(const struct product *p)
{
    const struct chip_desc *d = chip_desc_find(p->chip);

    return p->lock > 0 && d != NULL && d->controller == FLASH_STM32F4;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct product p;
    bool made;
    enum err_code rc = parse(app, &p, e);

    if (rc == ERR_OK && app->opt[OPT_LOCK] != NULL)
        rc = take_lock(app, &p, e);
    if (rc == ERR_OK)
        rc = add_or_find(app, &p, &made, e);
    if (rc != ERR_OK)
        return rc;
    if (app->json)
        return product_json(&p, made ? "added" : "kept", lock_text[p.lock], e);
    product_text(&p);
    (void)fflush(stdout); /* what it is first, then what it means; main looks at ferror */
    fprintf(stderr, "fuseline: %s\nfuseline: %s\n",
            made ? "added" : "nothing to do: the product is there, with these values", lock_text[p.lock]);
    if (otp_closes(&p))
        fprintf(stderr, "fuseline: %s\n", f4_text);
    if ((p.policy & POLICY_PSK) != 0)
        fprintf(stderr, "fuseline: %s\n", psk_text);
    if (p.injected)
        fprintf(stderr, "fuseline: %s\n", injected_text);
    if (secret_text[p.scheme] != NULL && p.lock < 2)
        fprintf(stderr, "fuseline: %s\n", secret_text[p.scheme]);
    return ERR_OK;
}

static const struct cmd_opt options[] = {
    { "NAME", NULL, OPT_OPERAND, 0, true, "the product's name: 1 to 32 letters, digits, -, _ and .", false },
    { "chip", "CHIP", OPT_CHIP, 0, true, "a name of `fuseline chip list`", false },
    { "scheme", "SCHEME", OPT_SCHEME, 0, true, "how its devices share trust: see below", false },
    { "psk", NULL, OPT_PSK, 0, false, "burn a secret too, so that frames prove their sender", false },
    { "sign-all", "yes|no", OPT_SIGN_ALL, 0, false, "identity, signup: sign every frame (default yes)", false },
    { "field-sign-up", NULL, OPT_FIELD_SIGN_UP, 0, false, "signup: the first frame may bring the device's key", false },
    { "key", "chip|injected", OPT_KEY, 0, false, "identity: who makes the device's key (default chip)", false },
    { "compact", NULL, OPT_COMPACT, 0, false, "shorter first frames, with tags of 8 bytes: see below", false },
    { "two-way", NULL, OPT_TWO_WAY, 0, false, "its devices can be answered (default: they send only)", false },
    { "lock", "LEVEL", OPT_LOCK, 0, false, "readout protection after the proof: 0, 1 or 2 (default 0)", false },
    { "model", "N", OPT_MODEL, 0, false, "0..65535, in each image (default 0)", false },
    { "serials", "FIRST-LAST", OPT_SERIALS, 0, false, "low 4 bytes of its serials (default: a free range)", false },
    PIN_SOURCE_OPT("server"),
    { 0 },
};

extern const struct cmd cmd_product_add;
const struct cmd cmd_product_add = {
    "product add",
    "NAME --chip CHIP --scheme SCHEME [--psk] [--sign-all yes|no] [--field-sign-up] [--key chip|injected] [--compact] [--two-way] [--lock LEVEL] "
    "[--model N] [--serials FIRST-LAST] [--pin-source SOURCE]",
    "add a product: what its devices are, and which serials they get",
    "A product never changes; adding it again with the same values does nothing.\n"
    "Schemes, and what must be there before:\n"
    "  sealed        a key pair for each device; nothing\n"
    "  sealed-fleet  one key pair for the fleet, which can be rotated; `key new --ra` and `key new --backup-ra`\n"
    "  identity      the fleet's key pair, and a key of its own that each chip makes and signs with; `key new --ra`\n"
    "  secret        a secret key for each device, stored wrapped; nothing\n"
    "  derived       the same, derived from the line's master and stored nowhere; the master, which `init` makes\n"
    "  session       the fleet's key pair; its frames name no device; `key new --ra`\n"
    "  session-rsa   the same with RSA-4096, whose key goes into the firmware and is never rotated; `key new --ra`\n"
    "  signup        as identity, and each first frame carries that key; `key new --ra`\n"
    "A fleet's first key, of epoch 1, is made here, in the server token; RSA takes some seconds.\n"
    "sealed-fleet-x25519, identity-x25519, session-x25519 and signup-x25519 seal to an X25519 key, where the server's module\n"
    "has such keys (SoftHSM2 does); signatures stay P-256, and frames as long as they are.  No other scheme has that form:\n"
    "sealed wraps the key of each device, which no X25519 key can be, and secret and derived seal to none.\n"
    "Without --two-way nobody answers its devices: each sends its first frame twice, for one may be lost, and --two-way\n"
    "is what a product needs whose keys shall change in the field, by `rotate` or `rekey`.\n"
    "With --key injected the line's HSM draws the key of each device, and the station burns it: where a chip's own random\n"
    "numbers are not to be trusted with it.  The price: station and registry (wrapped) hold it until the burn is read back;\n"
    "then it is destroyed, and the log says so.  Copies of the registry made meanwhile are out of reach.\n"
    "With --compact a first frame is 12 bytes shorter (session: 8): it has the low 4 bytes of the serial instead of 8, and a\n"
    "tag of 8 bytes instead of 16, as every later frame has.  Of 2^64 forged first frames one is expected to be taken for\n"
    "a true one, instead of one of 2^128; such tries are seen as refusals.  With a pre-shared key nothing else keeps out\n"
    "forgeries; identity and signup are signed besides; the others prove no sender in either form.\n"
    "secret, derived and unsigned later frames (--sign-all no) have no compact form.\n"
    "Lock levels, and what they protect from who holds the device in his hands:\n"
    "  0  nothing: OTP and flash can be read, the flash can be written\n"
    "  1  the flash can't be read; OTP is not protected: going back to level 0 erases the flash and keeps OTP\n"
    "  2  flash and OTP can't be read, for ever; no rework either.  Needs a slot with a console\n"
    "On an STM32F407, levels 1 and 2 end all programming of OTP: the device can't record its retirement there any more.\n"
    "A pre-shared key (--psk), and the keys of identity, secret, derived and signup, are secret only at level 2.\n"
    "Without --lock, it asks if it can, and takes 0 if it can't.\n",
    options,
    CMD_RECORDS,
    run,
};
