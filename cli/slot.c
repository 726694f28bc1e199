#include "cli/slot.h"

#include <stdio.h>

#include "cli/interrupt.h"
#include "flash/fault.h"
#include "flash/openocd/openocd.h"

enum err_code slot_open(struct chip **out, const struct config *c, const struct slot *s, struct err *e)
{
    struct openocd_slot o = { .name = s->name,
                              .desc = s->chip,
                              .adapter = s->adapter,
                              .openocd = c->openocd,
                              .start_ms = c->timeout_ms,
                              .call_ms = c->timeout_ms };
    struct chip *chip;
    enum err_code rc = config_check_adapter(c, s, e);

    if (rc == ERR_OK)
        rc = openocd_open(&chip, &o, e);
    if (rc == ERR_OK)
        rc = interrupt_guard(out, chip, e);
    return rc;
}

enum err_code slot_probe(struct app *app, struct chip_identity *id, struct err *e)
{
    enum err_code rc = slot_open(&app->chip, app->config, app->slot, e);

    return rc != ERR_OK ? rc : chip_probe(app->chip, id, e);
}

enum err_code slot_need_open_part(const struct app *app, const struct chip_identity *id, const char *op, struct err *e)
{
    if (id->rdp == 0)
        return ERR_OK;
    return err_set(e, &flash_fault[FLASH_READ_PROTECTED], op, NULL, 0, "slot '%s'", app->slot->name);
}

static bool stopped(void *io)
{
    (void)io;
    return interrupt_requested();
}

void slot_console(const struct slot *s, struct station *station)
{
    station->console = s->console;
    station->console_ms = 1000 * s->console_seconds;
    station->stopped = stopped;
}

void slot_ask_for_power(const struct slot *s, const struct product *p)
{
    if (s->console != NULL && p->lock > 0)
        fprintf(stderr, "slot %s: power-cycle the board now\n", s->name);
}
