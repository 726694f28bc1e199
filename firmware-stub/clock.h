/* firmware-stub/clock.h - milliseconds since start, by SysTick; the core sleeps in between. */
#ifndef FIRMWARE_STUB_CLOCK_H
#define FIRMWARE_STUB_CLOCK_H

#include <stdint.h>

enum { CLOCK_TICK_MS = 5 }; /* how late the mailbox is seen at most */

void clock_start(uint32_t hclk_hz);

/* Wraps after 49 days: compare by difference. */
uint32_t clock_ms(void);

/* Until the next interrupt. */
void clock_sleep(void);

#endif
