#include "flash/vchip/usart.h"

#include <stdlib.h>
#include <string.h>

enum { NO_REGISTER = 0xFF, USART_WORDS = 0x2C / 4, TX_BUFFER = 1024 };
enum { /* the same in CR1 and in SR/ISR of both families */
       RE = 1u << 2,
       TE = 1u << 3,
       RXNE = 1u << 5,
       TC = 1u << 6,
       TXE = 1u << 7,
       TEACK = 1u << 21, /* L4 only */
       REACK = 1u << 22
};

struct layout {
    uint8_t cr1, brr, status, rdr, tdr, icr, rqr;
    uint32_t ue; /* CR1.UE */
    uint32_t acknowledge;
};

static const struct layout layouts[] = {
    [FLASH_STM32L4] = { 0x00, 0x0C, 0x1C, 0x24, 0x28, 0x20, 0x18, 1u << 0, TEACK | REACK },
    [FLASH_STM32F4] = { 0x0C, 0x08, 0x00, 0x04, 0x04, NO_REGISTER, NO_REGISTER, 1u << 13, 0 },
};

struct usart {
    const struct layout *at;
    struct device_port port;
    unsigned irqn;
    uint32_t reg[USART_WORDS]; /* those without side effects */
    bool received;             /* RXNE */
    bool complete;             /* TC */
    uint8_t rdr;
    uint8_t tx[TX_BUFFER];
    size_t n_tx;
};

struct usart *usart_new(enum flash_controller family, unsigned irqn, const struct device_port *port)
{
    struct usart *u = calloc(1, sizeof *u);

    if (u == NULL)
        return NULL;
    u->at = &layouts[family];
    u->irqn = irqn;
    u->port = *port;
    return u;
}

void usart_free(struct usart *u)
{
    free(u);
}

static uint32_t cr1(const struct usart *u)
{
    return u->reg[u->at->cr1 / 4];
}

static bool enabled(const struct usart *u, uint32_t direction)
{
    return (cr1(u) & u->at->ue) != 0 && (cr1(u) & direction) != 0 && u->reg[u->at->brr / 4] != 0;
}

static uint32_t status(const struct usart *u)
{
    uint32_t s = u->n_tx < TX_BUFFER ? TXE : 0;

    if (u->received)
        s |= RXNE;
    if (u->complete)
        s |= TC;
    if (enabled(u, TE))
        s |= TEACK & u->at->acknowledge;
    if (enabled(u, RE))
        s |= REACK & u->at->acknowledge;
    return s;
}

static void update_irq(struct usart *u)
{
    /* RXNEIE, TCIE and TXEIE have the bit numbers of the flags that they let through. */
    uint32_t wanted = status(u) & cr1(u) & (RXNE | TC | TXE);

    u->port.irq(u->port.io, u->irqn, (cr1(u) & u->at->ue) != 0 && wanted != 0);
}

static void usart_reset(void *dev, enum reset_cause cause)
{
    struct usart *u = dev;

    (void)cause;
    memset(u->reg, 0, sizeof u->reg);
    u->received = false;
    u->complete = true;
    update_irq(u);
}

static uint32_t usart_read(void *dev, uint32_t offset)
{
    struct usart *u = dev;

    if (offset / 4 >= USART_WORDS)
        return 0;
    if (offset == u->at->status)
        return status(u);
    if (offset == u->at->rdr) {
        u->received = false;
        update_irq(u);
        return u->rdr;
    }
    return u->reg[offset / 4];
}

static void send(struct usart *u, uint8_t byte)
{
    if (!enabled(u, TE) || u->n_tx == TX_BUFFER)
        return;
    u->tx[u->n_tx++] = byte;
    u->complete = true;
}

static void usart_write(void *dev, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct usart *u = dev;

    if (offset / 4 >= USART_WORDS)
        return;
    if (offset == u->at->tdr) {
        send(u, (uint8_t)value);
    } else if (offset == u->at->icr) {
        u->complete = u->complete && (value & TC) == 0;
    } else if (offset == u->at->status) {
        if (u->at->icr == NO_REGISTER) { /* F4: TC and RXNE are cleared by writing 0 */
            u->complete = u->complete && (value & TC) != 0;
            u->received = u->received && (value & RXNE) != 0;
        }
    } else if (offset == u->at->rqr) {
        u->received = u->received && (value & 1u << 3) == 0; /* RXFRQ */
    } else if (offset != u->at->rdr) {
        u->reg[offset / 4] = (u->reg[offset / 4] & ~mask) | (value & mask);
    }
    update_irq(u);
}

const struct device_ops usart_ops = { usart_reset, usart_read, usart_write };

size_t usart_take(struct usart *u, uint8_t *bytes, size_t max)
{
    size_t n = u->n_tx < max ? u->n_tx : max;

    if (n == 0)
        return 0;
    memcpy(bytes, u->tx, n);
    memmove(u->tx, u->tx + n, u->n_tx - n);
    u->n_tx -= n;
    update_irq(u);
    return n;
}

bool usart_wants(const struct usart *u)
{
    return !u->received;
}

void usart_give(struct usart *u, uint8_t byte)
{
    if (!enabled(u, RE))
        return;
    u->rdr = byte;
    u->received = true;
    update_irq(u);
}
