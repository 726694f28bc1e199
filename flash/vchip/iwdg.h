/* flash/vchip/iwdg.h - independent watchdog: 32 kHz, started by software, stopped by reset only.
 * Source: RM0351 rev 9 ch. 36, RM0090 rev 19 ch. 21. */
#ifndef VCHIP_IWDG_H
#define VCHIP_IWDG_H

#include "flash/vchip/device.h"

struct iwdg;

extern const struct device_ops iwdg_ops;

struct iwdg *iwdg_new(const struct device_port *port);
void iwdg_free(struct iwdg *w);

/* The time at which it will bite; UINT64_MAX when it is not running. */
uint64_t iwdg_deadline_ns(const struct iwdg *w);
/* The core is halted and DBGMCU says that the watchdog waits: start its period anew. */
void iwdg_freeze(struct iwdg *w);

#endif
