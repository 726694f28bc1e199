/* flash/vchip/usart.h - USART2: bytes go out as soon as they are written, and come in one at a time as the firmware takes
 * them.  No baud rate on the wire, but BRR, UE, TE and RE have to be set as on the part.  Pin multiplexing is not checked.
 * Source: RM0351 rev 9 ch. 40 (L4: ISR, RDR, TDR), RM0090 rev 19 ch. 30 (F4: SR, DR). */
#ifndef VCHIP_USART_H
#define VCHIP_USART_H

#include <stddef.h>

#include "flash/chips/chips.h"
#include "flash/vchip/device.h"

struct usart;

extern const struct device_ops usart_ops;

struct usart *usart_new(enum flash_controller family, unsigned irqn, const struct device_port *port);
void usart_free(struct usart *u);

/* Take what the firmware has sent: at most max bytes; returns how many. */
size_t usart_take(struct usart *u, uint8_t *bytes, size_t max);
/* May another byte come in?  False while the last one is unread. */
bool usart_wants(const struct usart *u);
/* A byte arrives on the line; a receiver that is off misses it. */
void usart_give(struct usart *u, uint8_t byte);

#endif
