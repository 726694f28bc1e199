/* flash/vchip/periph.h - the peripherals of the simulated part: RCC, USART2, RNG, IWDG in full, GPIO, PWR, SYSCFG as plain
 * registers.  Which part has what where is one table in periph.c.
 * Boundary: addresses from the bus above; device.h files below.  As on the part, a peripheral whose clock is off in RCC
 * reads zero and ignores writes; an address where nothing is, is a bus fault.  Threads: the board's. */
#ifndef VCHIP_PERIPH_H
#define VCHIP_PERIPH_H

#include "flash/vchip/device.h"
#include "flash/vchip/rng.h"
#include "flash/vchip/silicon.h"
#include "flash/vchip/usart.h"

struct periph;

struct periph *periph_new(const struct chip_desc *desc, const struct device_port *port); /* NULL: out of memory */
void periph_free(struct periph *p);
void periph_reset(struct periph *p, enum reset_cause cause);

enum bus_status periph_read(struct periph *p, uint32_t addr, unsigned size, uint32_t *value);
enum bus_status periph_write(struct periph *p, uint32_t addr, unsigned size, uint32_t value);

uint32_t periph_hclk_hz(const struct periph *p);
struct usart *periph_usart(struct periph *p);
struct rng *periph_rng(struct periph *p);
struct iwdg *periph_iwdg(struct periph *p);

#endif
