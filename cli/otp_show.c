#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/config.h"
#include "cli/fault.h"
#include "cli/prepare.h"
#include "cli/slot.h"
#include "cli/ui/report.h"
#include "hsm/hpke_host.h"
#include "protocol/frame.h"
#include "protocol/otp_cells.h"
#include "protocol/otp_image.h"

struct view { /* wiped: an image may hold a secret */
    uint8_t bytes[CHIP_OTP_MAX];
    const char *from;
    bool retired;
    bool decoded; /* image is filled */
    struct otp_image image;
    enum otp_result result;
};

/* ---- where the bytes come from ---- */

static enum err_code read_file(const char *path, struct view *v, struct err *e)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = 1;

    if (fd < 0)
        return err_errno(e, &cli_fault[CLI_INPUT_MISSING], "open", "%s", path);
    while (len < sizeof v->bytes && got != 0 && (got > 0 || errno == EINTR))
        if ((got = read(fd, v->bytes + len, sizeof v->bytes - len)) > 0)
            len += (size_t)got;
    int error = errno;
    if (fd != STDIN_FILENO)
        (void)close(fd); /* nothing was written */
    errno = error;
    if (got < 0)
        return err_errno(e, &cli_fault[CLI_INPUT_READ], "read", "%s", path);
    if (len < OTP_IMAGE_LEN)
        return err_set(e, &cli_fault[CLI_INPUT_SHORT], "read", NULL, 0, "%s: %zu bytes", path, len);
    v->from = path;
    return ERR_OK;
}

static bool is_retired(const struct chip_desc *d, const uint8_t *otp, const enum otp_cell_state *state)
{
    const struct otp_cells *cells = d->controller == FLASH_STM32L4 ? &otp_cells_l4 : &otp_cells_f407;
    uint16_t at = otp_cell_offset(cells, CELL_RETIRED);

    for (unsigned i = 0; i < cells->width; i++)
        if (otp[at + i] != 0xFF || state[(at + i) / d->otp.cell] != OTP_CELL_READ)
            return true;
    return false;
}

static enum err_code read_slot(struct app *app, struct view *v, struct err *e)
{
    enum otp_cell_state state[CHIP_OTP_MAX];
    struct chip_identity id;
    enum err_code rc = prepare(app, CMD_SLOT, e);

    if (rc == ERR_OK)
        rc = slot_probe(app, &id, e);
    if (rc == ERR_OK)
        rc = slot_need_open_part(app, &id, "otp show", e);
    if (rc != ERR_OK)
        return rc;
    const struct chip_desc *d = app->slot->chip;
    rc = chip_otp_read(app->chip, 0, d->otp.size / d->otp.cell, v->bytes, state, e);
    if (rc != ERR_OK)
        return rc;
    for (uint32_t cell = 0; cell < OTP_IMAGE_LEN / d->otp.cell; cell++)
        if (state[cell] != OTP_CELL_READ)
            return err_set(e, &cli_fault[CLI_OTP_TORN], "otp show", NULL, 0, "slot '%s', cell %" PRIu32, app->slot->name,
                           cell);
    v->retired = is_retired(d, v->bytes, state);
    v->from = app->slot->name;
    return ERR_OK;
}

static enum err_code read_image(struct app *app, struct view *v, struct err *e)
{
    const char *file = app->opt[OPT_FILE], *slot = app->opt[OPT_SLOT];

    if ((file != NULL) == (slot != NULL))
        return err_set(e, &cli_fault[CLI_SHOW_CHOICE], "parse", NULL, 0, "%s",
                       file != NULL ? "both are given" : "none is given");
    return file != NULL ? read_file(file, v, e) : read_slot(app, v, e);
}

/* All boot checks, as the device makes them; the fields also of an image that fails the later ones. */
static enum err_code check(struct view *v, struct err *e)
{
    struct crypto c;
    struct hpke_host *host = hpke_host_open(&c);

    if (host == NULL)
        return err_set(e, &cli_fault[CLI_CRYPTO], "EVP", NULL, 0, "OpenSSL");
    v->result = otp_image_check(&c, v->bytes, v->retired, NULL);
    v->decoded = otp_image_decode(v->bytes, &v->image) == OTP_OK;
    hpke_host_close(host);
    return ERR_OK;
}

/* ---- how it looks ---- */

struct slot_text {
    const char *role;
    char value[2 * SLOT_LEN + 1]; /* "present" for what may be secret, "" if unused */
};

/* Of a scheme that nobody knows, every slot may be a secret. */
static void describe(const struct view *v, unsigned i, struct slot_text *t)
{
    static const char *const role[] = { [SLOT_UNUSED] = "unused",
                                        [SLOT_POINT] = "public key",
                                        [SLOT_SEAL] = "public key",
                                        [SLOT_DIGEST] = "digest",
                                        [SLOT_SECRET] = "secret",
                                        [SLOT_CHIP_MADE] = "chip-made",
                                        [SLOT_CHIP_DIGEST] = "chip-made digest" };
    const struct scheme *s = scheme_by_id(v->image.scheme);
    enum slot_role is = s != NULL ? (enum slot_role)s->slot[i] : SLOT_SECRET;
    bool blank = true;

    for (size_t b = 0; b < SLOT_LEN; b++)
        blank = blank && v->image.slot[i][b] == 0xFF;
    t->role = role[blank ? SLOT_UNUSED : is];
    t->value[0] = '\0';
    if (blank)
        return;
    if (is == SLOT_POINT || is == SLOT_SEAL || is == SLOT_DIGEST || is == SLOT_CHIP_DIGEST)
        hex_encode(v->image.slot[i], SLOT_LEN, t->value);
    else
        (void)snprintf(t->value, sizeof t->value, "present");
}

static const char *scheme_name(const struct view *v)
{
    const char *name = scheme_form(v->image.scheme, v->image.suite);

    return name != NULL ? name : "unknown";
}

static bool is_compact(const struct otp_image *im)
{
    return frame_is_compact(im->scheme, im->suite, im->policy);
}

static json_t *json_image(const struct view *v)
{
    const struct otp_image *im = &v->image;
    json_t *slots = json_array();
    char serial[2 * OTP_SERIAL_LEN + 1];
    struct slot_text t;

    for (unsigned i = 0; i < SLOTS; i++) {
        describe(v, i, &t);
        if (json_array_append_new(
                slots, json_pack("{s:s, s:s?}", "role", t.role, "value", t.value[0] != '\0' ? t.value : NULL)) != 0) {
            json_decref(slots);
            return NULL;
        }
    }
    hex_encode(im->serial, sizeof im->serial, serial);
    return json_pack("{s:s, s:i, s:s, s:i, s:i, s:i, s:b, s:i, s:i, s:i, s:i, s:o}", "scheme", scheme_name(v), "suite",
                     im->suite, "serial", serial, "fleet", im->fleet, "model", im->model, "policy", im->policy, "compact",
                     is_compact(im), "epoch", im->epoch, "generation", im->gen, "day", im->day, "station", im->station,
                     "slots", slots);
}

static void text_image(const struct view *v)
{
    const struct otp_image *im = &v->image;
    char serial[2 * OTP_SERIAL_LEN + 1];
    struct slot_text t;

    hex_encode(im->serial, sizeof im->serial, serial);
    printf(
        "serial    %s\nscheme    %s, suite %u\nfleet     %u\nmodel     %u\npolicy    0x%04x%s\nepoch     %u\ngeneration %u\n"
        "day       %u since 2020-01-01\nstation   %u\n",
        serial, scheme_name(v), im->suite, im->fleet, im->model, im->policy, is_compact(im) ? ", compact first frames" : "",
        im->epoch, im->gen, im->day, im->station);
    for (unsigned i = 0; i < SLOTS; i++) {
        describe(v, i, &t);
        printf("S%u        %s%s%s\n", i, t.role, t.value[0] != '\0' ? ", " : "", t.value);
    }
}

static enum err_code show(const struct app *app, const struct view *v, struct err *e)
{
    if (app->json)
        return report_object(json_pack("{s:o, s:b, s:s, s:o}", "from", report_string(v->from), "valid", v->result == OTP_OK,
                                       "check", v->result == OTP_OK ? "ok" : otp_result_name(v->result), "image",
                                       v->decoded ? json_image(v) : json_null()),
                             e);
    printf("image     %s: %s\n", v->from, v->result == OTP_OK ? "valid" : otp_result_name(v->result));
    if (v->decoded)
        text_image(v);
    return ERR_OK;
}

static enum err_code run(struct app *app, struct err *e)
{
    struct view v = { .from = "" };
    enum err_code rc = read_image(app, &v, e);

    if (rc == ERR_OK)
        rc = check(&v, e);
    if (rc == ERR_OK)
        rc = show(app, &v, e);
    if (rc == ERR_OK && v.result != OTP_OK)
        rc = err_set(e, &cli_fault[CLI_OTP_IMAGE], "otp show", NULL, 0, "%s: %s", v.from, otp_result_name(v.result));
    explicit_bzero(&v, sizeof v);
    return rc;
}

static const struct cmd_opt options[] = {
    { "file", "FILE", OPT_FILE, 0, false, "an OTP area or image as raw bytes; - is standard input", false },
    { "slot", "NAME", OPT_SLOT, 0, false, "the board in this slot", false },
    { 0 },
};

extern const struct cmd cmd_otp_show;
const struct cmd cmd_otp_show = {
    "otp show",
    "(--file FILE | --slot NAME)",
    "show the identity in an OTP area, and whether it is valid",
    "Makes the checks that the device makes at each boot.  Secrets are never printed, only that they are there.\n"
    "Exits 1 if there is no valid image.  Resets and halts the board in the slot; writes nothing.\n",
    options,
    0,
    run,
};
