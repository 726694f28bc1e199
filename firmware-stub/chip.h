/* firmware-stub/chip.h - what differs between the chips: clocks, USART2, flash and OTP.  One chip is linked: stm32NAME.c
 * with its memory map stm32NAME.ld; the RNG (rng.c) and the console's bytes (usart.c) are the same on both.
 * Boundary: the firmware above, registers below, by ST's names.  All waits are bounded.
 * Source: RM0351 (STM32L476), RM0090 (STM32F407), ARMv7-M ARM (DDI 0403E). */
#ifndef FIRMWARE_STUB_CHIP_H
#define FIRMWARE_STUB_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/counter.h"
#include "protocol/otp_cells.h"

/* What is where. */
extern const uint32_t chip_otp;                    /* address of OTP offset 0 */
extern const struct otp_cells *const chip_cells;   /* run-time cells */
extern const uint32_t chip_records[COUNTER_PAGES]; /* two erase units that hold the boot records and nothing else */
extern const unsigned chip_record_slots;           /* records used of each */
extern const uint32_t chip_rotate[2];              /* two more, for the stored ROTATE frames A and B */

/* Clocks, pins and USART2.  Returns HCLK in Hz; a PLL that does not start leaves the part on its reset clock. */
uint32_t chip_start(void);

/* Copy from flash or OTP; addr is a multiple of 8.  False: some of it can't be read (double ECC error), *out is garbage. */
bool chip_read(uint32_t addr, void *out, size_t len);

/* Program flash or OTP: addr and len multiples of chip_cells->width.  The core stalls meanwhile.  False: the controller
 * refused some of it; the rest was programmed all the same.  Whether it holds is for the caller's read-back to say. */
bool chip_program(uint32_t addr, const void *bytes, size_t len);

/* Erase the page or sector that starts at addr: 22 ms (L4); 0.25 s (F4), 0.6 and 1 s for the ROTATE slots.  The core stalls
 * meanwhile: bytes that come over USART2 are lost. */
bool chip_erase(uint32_t addr);

/* Readout protection level 0, 1 or 2, as the flash controller loaded it at power-on. */
uint8_t chip_rdp(void);

/* USART2: status and data registers; RXNE, TC and TXE are the same bits on both. */
struct chip_usart {
    volatile uint32_t *sr, *rdr, *tdr;
};
extern const struct chip_usart chip_usart;

/* Random bytes, tested: health flags, and no word like the one before.  False: three starts all failed. */
bool rng_read(void *io, void *out, size_t len);

#endif
