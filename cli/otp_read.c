#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/options.h"
#include "cli/slot.h"
#include "cli/ui/report.h"
#include "flash/fault.h"

enum { ROW = 16 /* bytes of a dump */ };

struct dump {
    uint32_t first, n; /* cells */
    uint8_t bytes[CHIP_OTP_MAX];
    enum otp_cell_state state[CHIP_OTP_MAX];
};

static enum err_code parse_range(const struct app *app, struct dump *d, struct err *e)
{
    const struct chip_desc *desc = app->slot->chip;
    unsigned long at = 0, len;
    enum err_code rc = ERR_OK;

    if (app->opt[OPT_AT] != NULL)
        rc = options_number(app, OPT_AT, desc->otp.size - 1, &at, e);
    len = desc->otp.size - at;
    if (rc == ERR_OK && app->opt[OPT_LEN] != NULL)
        rc = options_number(app, OPT_LEN, desc->otp.size - at, &len, e);
    if (rc != ERR_OK)
        return rc;
    if (at % desc->otp.cell != 0 || len % desc->otp.cell != 0 || len == 0)
        return err_set(e, &flash_fault[FLASH_OTP_RANGE], "otp read", NULL, 0,
                       "slot '%s': %lu bytes at %lu, where cells have %" PRIu32, app->slot->name, len, at, desc->otp.cell);
    d->first = (uint32_t)at / desc->otp.cell;
    d->n = (uint32_t)len / desc->otp.cell;
    return ERR_OK;
}

static void show_text(const struct dump *d, uint32_t cell)
{
    for (uint32_t i = 0; i < d->n * cell; i++) {
        if (i % ROW == 0)
            printf("%s0x%03" PRIx32 ":", i > 0 ? "\n" : "", d->first * cell + i);
        if (d->state[i / cell] == OTP_CELL_READ)
            printf(" %02x", d->bytes[i]);
        else
            fputs(" !!", stdout);
    }
    putchar('\n');
}

static enum err_code show_json(const struct app *app, const struct dump *d, uint32_t cell, struct err *e)
{
    json_t *cells = json_array();
    char hex[2 * CHIP_OTP_MAX + 1];

    for (uint32_t i = 0; i < d->n; i++) {
        hex_encode(d->bytes + i * cell, cell, hex);
        if (json_array_append_new(cells, d->state[i] == OTP_CELL_READ ? json_string(hex) : json_null()) != 0) {
            json_decref(cells);
            cells = NULL;
            break;
        }
    }
    return report_object(json_pack("{s:s, s:s, s:i, s:i, s:o}", "slot", app->slot->name, "chip", app->slot->chip->name,
                                   "offset", (int)(d->first * cell), "cell", (int)cell, "cells", cells),
                         e);
}

static enum err_code run(struct app *app, struct err *e)
{
    uint32_t cell = app->slot->chip->otp.cell;
    struct chip_identity id;
    struct dump d;
    enum err_code rc = parse_range(app, &d, e);

    if (rc == ERR_OK)
        rc = slot_probe(app, &id, e);
    if (rc == ERR_OK)
        rc = slot_need_open_part(app, &id, "otp read", e);
    if (rc == ERR_OK)
        rc = chip_otp_read(app->chip, d.first, d.n, d.bytes, d.state, e);
    if (rc == ERR_OK && app->json)
        rc = show_json(app, &d, cell, e);
    else if (rc == ERR_OK)
        show_text(&d, cell);
    explicit_bzero(&d, sizeof d);
    return rc;
}

static const struct cmd_opt options[] = {
    { "slot", "NAME", OPT_SLOT, 0, true, "the slot, as in fuseline.conf", false },
    { "at", "OFFSET", OPT_AT, 0, false, "first byte, in the OTP area (default 0)", false },
    { "len", "BYTES", OPT_LEN, 0, false, "how many bytes (default: to the end)", false },
    { 0 },
};

extern const struct cmd cmd_otp_read;
const struct cmd cmd_otp_read = {
    "otp read",
    "--slot NAME [--at OFFSET] [--len BYTES]",
    "print the bytes of the OTP area",
    "Whole cells only.  Unreadable cells are printed as !!, in JSON as null.\n"
    "A provisioned part's OTP holds secrets: mind where the output goes.\n",
    options,
    CMD_SLOT,
    run,
};
