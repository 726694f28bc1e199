/* firmware-stub/stm32.h - registers that STM32L476 and STM32F407 have alike, and how to wait for them.
 * Source: RM0351 ch. 27 and RM0090 ch. 24 (RNG); ARMv7-M ARM B3.2 (SCB), B3.3 (SysTick), B3.4 (NVIC). */
#ifndef FIRMWARE_STUB_STM32_H
#define FIRMWARE_STUB_STM32_H

#include <stdbool.h>
#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(addr))
#define BIT(n) (UINT32_C(1) << (n))

#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER(n) REG(0xE000E100 + 4 * (n))
#define SCB_AIRCR REG(0xE000ED0C)
#define SCB_CFSR REG(0xE000ED28)

#define RNG_CR REG(0x50060800)
#define RNG_SR REG(0x50060804)
#define RNG_DR REG(0x50060808)

/* USART status: SR (F4) and ISR (L4) */
#define USART_RXNE BIT(5)
#define USART_TXE BIT(7)

enum { USART2_IRQN = 38, EXTERNAL_IRQS = USART2_IRQN + 1 };

/* Until (reg & mask) == want; false after about a tenth of a second at 100 MHz.  Flash operations need no more: the core
 * stalls while they last. */
static inline bool stm32_wait(const volatile uint32_t *reg, uint32_t mask, uint32_t want)
{
    for (uint32_t n = 0; n < 2000000; n++)
        if ((*reg & mask) == want)
            return true;
    return false;
}

/* RDP level of an option byte: 0xAA and 0xCC stand for 0 and 2, all else is 1. */
static inline uint8_t stm32_rdp(uint8_t option)
{
    return option == 0xAA ? 0 : option == 0xCC ? 2 : 1;
}

static inline void stm32_barrier(void)
{
    __asm__ volatile("dsb\n isb" ::: "memory");
}

#endif
