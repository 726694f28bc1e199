/* tests/firmware/board.h - the registers that the test firmware uses, by ST's names.
 * Source: RM0351 (STM32L476), RM0090 (STM32F407), ARMv7-M ARM (DDI 0403E) B3.2. */
#ifndef TESTS_FIRMWARE_BOARD_H
#define TESTS_FIRMWARE_BOARD_H

#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(addr))

#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER(n) REG(0xE000E100 + 4 * (n))
#define NVIC_ICER(n) REG(0xE000E180 + 4 * (n))
#define NVIC_ISPR(n) REG(0xE000E200 + 4 * (n))
#define SCB_ICSR REG(0xE000ED04)
#define SCB_CFSR REG(0xE000ED28)
#define SCB_HFSR REG(0xE000ED2C)
#define SCB_BFAR REG(0xE000ED38)
#define SCB_CPACR REG(0xE000ED88)

#define RNG_CR REG(0x50060800)
#define RNG_SR REG(0x50060804)
#define RNG_DR REG(0x50060808)

#define USART2_BASE 0x40004400
enum { EXTI0_IRQN = 6, USART2_IRQN = 38, EXTERNAL_IRQS = 82 };
enum { USART_RE = 1 << 2, USART_TE = 1 << 3, USART_TC = 1 << 6, USART_TXE = 1 << 7, USART_TXEIE = 1 << 7 };

#if defined STM32L476
#define BOARD "stm32l476"
enum { HCLK_HZ = 4000000, USART_UE = 1 << 0 };
#define RCC_CCIPR REG(0x40021088)
#define RCC_AHB2ENR REG(0x4002104C)
#define RCC_APB1ENR REG(0x40021058)
#define GPIOA_MODER REG(0x48000000)
#define GPIOA_AFRL REG(0x48000020)
#define GPIOA_ODR REG(0x48000014)
#define USART2_CR1 REG(USART2_BASE + 0x00)
#define USART2_BRR REG(USART2_BASE + 0x0C)
#define USART2_SR REG(USART2_BASE + 0x1C) /* ISR */
#define USART2_TDR REG(USART2_BASE + 0x28)
#elif defined STM32F407
#define BOARD "stm32f407"
enum { HCLK_HZ = 16000000, USART_UE = 1 << 13 };
#define RCC_CR REG(0x40023800)
#define RCC_AHB1ENR REG(0x40023830)
#define RCC_AHB2ENR REG(0x40023834)
#define RCC_APB1ENR REG(0x40023840)
#define GPIOA_MODER REG(0x40020000)
#define GPIOA_AFRL REG(0x40020020)
#define GPIOA_ODR REG(0x40020014)
#define USART2_CR1 REG(USART2_BASE + 0x0C)
#define USART2_BRR REG(USART2_BASE + 0x08)
#define USART2_SR REG(USART2_BASE + 0x00)
#define USART2_TDR REG(USART2_BASE + 0x04) /* DR */
#else
#error "give -DSTM32L476 or -DSTM32F407"
#endif

/* Clock and pins (PA2, PA3) on: the part ignores a peripheral without its clock. */
static inline void board_clocks(void)
{
#if defined STM32L476
    RCC_AHB2ENR |= 1u << 0 | 1u << 18; /* GPIOA, RNG */
    RCC_CCIPR |= 3u << 26;             /* CLK48SEL: MSI */
#else
    RCC_AHB1ENR |= 1u << 0; /* GPIOA */
    RCC_AHB2ENR |= 1u << 6; /* RNG */
    RCC_CR |= 1u << 24;     /* PLL: its Q output is 48 MHz after reset */
    while ((RCC_CR & 1u << 25) == 0)
        ;
#endif
    RCC_APB1ENR |= 1u << 17; /* USART2 */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 4)) | 0xAu << 4;
    GPIOA_AFRL = (GPIOA_AFRL & ~(0xFFu << 8)) | 0x77u << 8;
}

#endif
