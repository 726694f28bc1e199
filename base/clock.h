/* base/clock.h - the two clocks of the house.  Threads: any. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC: for durations and time limits. */
uint64_t clock_mono_ns(void);

/* Sleep for ms milliseconds, to the end also when signals arrive. */
void clock_sleep_ms(unsigned ms);

#endif
