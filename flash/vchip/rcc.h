/* flash/vchip/rcc.h - reset and clock control: oscillators that are ready when switched on, clock switch, reset flags,
 * peripheral clock gates.  The frequency that software configures is the one SysTick runs on.
 * Source: RM0351 rev 9 ch. 6 (L4), RM0090 rev 19 ch. 7 (F4). */
#ifndef VCHIP_RCC_H
#define VCHIP_RCC_H

#include "flash/chips/chips.h"
#include "flash/vchip/device.h"

struct rcc;

extern const struct device_ops rcc_ops;

struct rcc *rcc_new(enum flash_controller family);
void rcc_free(struct rcc *r);

uint32_t rcc_hclk_hz(const struct rcc *r);
/* Is the clock of the peripheral behind this enable bit on? */
bool rcc_gate(const struct rcc *r, uint32_t enable_register, unsigned bit);
/* Does the RNG have its 48 MHz clock?  Without it the RNG reports a clock error. */
bool rcc_clk48(const struct rcc *r);

#endif
