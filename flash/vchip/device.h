/* flash/vchip/device.h - what every peripheral of the simulated part looks like to the bus: a window of 32-bit registers.
 * Boundary: periph.h decodes addresses and clock gates above; each device (rcc, usart, rng, iwdg) is one file below.
 * Memory: a device is an object of its own; its first use is device_ops.reset.  Threads: the board's. */
#ifndef VCHIP_DEVICE_H
#define VCHIP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

enum reset_cause { RESET_POWER, RESET_PIN, RESET_SOFTWARE, RESET_WATCHDOG, RESET_OPTIONS };

struct device_port {                                     /* what devices need from the board */
    uint64_t (*now_ns)(void *io);                        /* watchdog time */
    void (*irq)(void *io, unsigned irqn, bool asserted); /* interrupt line into the NVIC */
    void *io;
};

struct device_ops {
    void (*reset)(void *dev, enum reset_cause cause);
    uint32_t (*read)(void *dev, uint32_t offset); /* word-aligned offset into the window */
    /* value and mask are in register lanes: a byte access has one byte of mask. */
    void (*write)(void *dev, uint32_t offset, uint32_t value, uint32_t mask);
};

#endif
