#include "firmware-stub/clock.h"

#include "firmware-stub/stm32.h"

static volatile uint32_t ms;

void SysTick_Handler(void);
void SysTick_Handler(void)
{
    ms += CLOCK_TICK_MS;
}

void clock_start(uint32_t hclk_hz)
{
    SYST_RVR = hclk_hz / 1000 * CLOCK_TICK_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* processor clock, interrupt, on */
}

uint32_t clock_ms(void)
{
    return ms;
}

void clock_sleep(void)
{
    __asm__ volatile("wfi" ::: "memory");
}
