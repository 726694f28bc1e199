#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/otp_map.h"
#include "cli/slot.h"
#include "cli/ui/report.h"

struct firmware {
    bool blank;
    uint32_t sp, reset; /* the first two words of the vector table */
};

struct view { /* all that is shown */
    const struct app *app;
    struct chip_identity id;
    char uid[2 * CHIP_UID_LEN + 1];
    bool open; /* RDP level 0: otp and fw are filled */
    struct otp_map otp;
    struct firmware fw;
};

static enum err_code firmware_read(struct chip *c, struct firmware *fw, struct err *e)
{
    uint32_t vector[2];
    enum err_code rc = chip_mem_read(c, c->desc->flash.base, vector, sizeof vector, e);

    if (rc == ERR_OK)
        *fw = (struct firmware){ vector[0] == UINT32_MAX && vector[1] == UINT32_MAX, vector[0], vector[1] };
    return rc;
}

static void show_otp(const struct otp_map *m)
{
    char row[OTP_ROW + 1];

    printf("OTP       %" PRIu32 " bytes in cells of %" PRIu32 ": %" PRIu32 " programmed, %" PRIu32 " blank, %" PRIu32
           " unreadable",
           m->desc->otp.size, m->desc->otp.cell, m->n_programmed, m->n_blank, m->n_unreadable);
    if (m->desc->otp.block != 0)
        printf(", %" PRIu32 " blocks locked", m->n_locked);
    putchar('\n');
    for (uint32_t at = 0; at < m->desc->otp.size; at += OTP_ROW) {
        otp_map_row(m, at, row);
        printf("  0x%03" PRIx32 "  %s%s\n", at, row, otp_map_locked(m, at) ? " L" : otp_map_lock_torn(m, at) ? " !" : "");
    }
}

static void show_text(const struct view *v)
{
    const struct chip_desc *d = v->app->slot->chip;

    printf("slot      %s\nchip      %s (%s)\n", v->app->slot->name, d->name, d->title);
    printf("IDCODE    0x%08" PRIx32 "\nDBGMCU    0x%08" PRIx32 " (device 0x%03" PRIx32 ", revision 0x%04" PRIx32 ")\n",
           v->id.idcode, v->id.dbgmcu, v->id.dbgmcu & 0xFFF, v->id.dbgmcu >> 16);
    printf("UID       %s\nflash     %" PRIu32 " KiB\nRDP       level %u\n", v->uid, v->id.flash_bytes / 1024, v->id.rdp);
    if (!v->open) {
        puts("OTP       protected\nfirmware  protected");
        return;
    }
    if (v->fw.blank)
        puts("firmware  blank");
    else
        printf("firmware  initial SP 0x%08" PRIx32 ", reset vector 0x%08" PRIx32 "\n", v->fw.sp, v->fw.reset);
    show_otp(&v->otp);
}

/* The numbers of the bits that are set; NULL: no memory. */
static json_t *json_bits(uint32_t bits)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < 32 && list != NULL; i++)
        if ((bits >> i & 1) != 0 && json_array_append_new(list, json_integer(i)) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

/* Rows as in the text map, locks by block; NULL: no memory, which json_pack passes on. */
static json_t *json_otp(const struct otp_map *m)
{
    json_t *rows = json_array();
    char row[OTP_ROW + 1];

    for (uint32_t at = 0; at < m->desc->otp.size; at += OTP_ROW) {
        otp_map_row(m, at, row);
        if (json_array_append_new(rows, json_string(row)) != 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o}", "bytes", (int)m->desc->otp.size, "cell",
                     (int)m->desc->otp.cell, "programmed", (int)m->n_programmed, "blank", (int)m->n_blank, "unreadable",
                     (int)m->n_unreadable, "locked_blocks", json_bits(m->locked), "torn_locks", json_bits(m->lock_torn),
                     "map", rows);
}

static json_t *json_firmware(const struct firmware *fw)
{
    if (fw->blank)
        return json_pack("{s:b}", "blank", 1);
    return json_pack("{s:b, s:I, s:I}", "blank", 0, "sp", (json_int_t)fw->sp, "reset", (json_int_t)fw->reset);
}

static enum err_code show_json(const struct view *v, struct err *e)
{
    return report_object(json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:i, s:o, s:o}", "slot", v->app->slot->name, "chip",
                                   v->app->slot->chip->name, "idcode", (json_int_t)v->id.idcode, "dbgmcu",
                                   (json_int_t)v->id.dbgmcu, "uid", v->uid, "flash_bytes", (json_int_t)v->id.flash_bytes,
                                   "rdp", (int)v->id.rdp, "firmware", v->open ? json_firmware(&v->fw) : json_null(), "otp",
                                   v->open ? json_otp(&v->otp) : json_null()),
                         e);
}

static enum err_code run(struct app *app, struct err *e)
{
    struct view v = { .app = app };
    enum err_code rc = slot_probe(app, &v.id, e);

    if (rc != ERR_OK)
        return rc;
    hex_encode(v.id.uid, sizeof v.id.uid, v.uid);
    v.open = v.id.rdp == 0;
    if (v.open)
        rc = otp_map_read(app->chip, &v.otp, e);
    if (v.open && rc == ERR_OK)
        rc = firmware_read(app->chip, &v.fw, e);
    if (rc == ERR_OK && app->json)
        rc = show_json(&v, e);
    else if (rc == ERR_OK)
        show_text(&v);
    if (rc == ERR_OK && !v.open)
        fputs("fuseline: the part is at RDP level 1: OTP and firmware are protected, only its identity can be read\n",
              stderr);
    return rc;
}

static const struct cmd_opt options[] = {
    { "slot", "NAME", OPT_SLOT, 0, true, "the slot, as in fuseline.conf", false },
    { 0 },
};

extern const struct cmd cmd_chip_show;
const struct cmd cmd_chip_show = {
    "chip show",
    "--slot NAME",
    "show the chip in a slot: identity, protection, firmware, OTP",
    "Resets and halts the part; writes nothing.  The map has a character per OTP cell, 32 bytes a row:\n"
    ". blank, # programmed, ! unreadable; L behind a locked block, ! behind a torn lock byte.\n"
    "At RDP level 1 the identity is shown, the rest is protected, and the exit status is 0.\n",
    options,
    CMD_SLOT,
    run,
};
