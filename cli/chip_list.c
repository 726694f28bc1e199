#include <stdio.h>

#include "cli/cmd.h"
#include "cli/ui/report.h"
#include "flash/chips/chips.h"

static const char *lock_rule(const struct chip_desc *d)
{
    return d->otp.lock_base != 0 ? "a lock byte per block; bits go 1 to 0" : "each cell once; no lock";
}

static void text_line(const struct chip_desc *d)
{
    printf("%-12s %-15s %5u KiB  %4u B  %u B   ", d->name, d->title, d->flash.size / 1024, d->otp.size, d->otp.cell);
    if (d->otp.block != 0)
        printf("%2u B   ", d->otp.block);
    else
        printf("-      ");
    puts(lock_rule(d));
}

static enum err_code json_line(const struct chip_desc *d, struct err *e)
{
    return report_object(json_pack("{s:s, s:s, s:I, s:{s:I, s:i, s:i, s:o, s:s}, s:i, s:s}", "name", d->name, "title",
                                   d->title, "flash_bytes", (json_int_t)d->flash.size, "otp", "base",
                                   (json_int_t)d->otp.base, "bytes", (int)d->otp.size, "cell", (int)d->otp.cell, "block",
                                   d->otp.block != 0 ? json_integer((json_int_t)d->otp.block) : json_null(), "lock",
                                   d->otp.lock_base != 0 ? "block" : "none", "dev_id", (int)d->dbgmcu.dev_id, "source",
                                   d->source),
                         e);
}

static enum err_code run(struct app *app, struct err *e)
{
    enum err_code rc = ERR_OK;

    if (!app->json)
        puts("NAME         TITLE               FLASH     OTP  CELL  BLOCK  RULE");
    for (size_t i = 0; i < chip_descs_n && rc == ERR_OK; i++)
        if (app->json)
            rc = json_line(chip_descs[i], e);
        else
            text_line(chip_descs[i]);
    return rc;
}

static const struct cmd_opt options[] = { { 0 } };

extern const struct cmd cmd_chip_list;
const struct cmd cmd_chip_list = { "chip list", "", "list the chips that can be burned", NULL, options, 0, run };
