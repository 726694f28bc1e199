/* cli/slot.h - from a slot's configuration to its chip: the one place that knows which programmer that is. */
#ifndef CLI_SLOT_H
#define CLI_SLOT_H

#include "cli/cmd.h"
#include "cli/config.h"
#include "flash/chip.h"
#include "station/station.h"

/* Open the slot's chip, guarded against interruption.  Touches no board: chip_probe does.  c and s outlive the chip.
 * ERR_CONFIG  the adapter file is missing or unusable */
enum err_code slot_open(struct chip **out, const struct config *c, const struct slot *s, struct err *e)
    __attribute__((warn_unused_result));

/* Open app->slot into app->chip, which main closes, and probe it. */
enum err_code slot_probe(struct app *app, struct chip_identity *id, struct err *e) __attribute__((warn_unused_result));

/* What `fuseline chip show` and friends say of one chip on RDP level 1: ERR_RIGHTS unless id->rdp is 0. */
enum err_code slot_need_open_part(const struct app *app, const struct chip_identity *id, const char *op, struct err *e)
    __attribute__((warn_unused_result));

/* Of the station's fields those of the slot's console: its path, how long to wait there, and how a signal ends the wait. */
void slot_console(const struct slot *s, struct station *station);

/* To be called at STEP_CONSOLE: tells whoever is at the plug, a script too, on standard error.  A firmware that a debugger
 * has shut in starts at a power cycle only; at lock level 0 the station starts it itself. */
void slot_ask_for_power(const struct slot *s, const struct product *p);

#endif
