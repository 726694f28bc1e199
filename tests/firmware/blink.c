/* The smallest firmware that does something: toggles PA5.  Padded with FF to exactly 128 bytes, for write tests. */
#include "board.h"

extern uint32_t stack_top[];
void Reset_Handler(void);

static const struct {
    const uint32_t *sp;
    void (*reset)(void);
} vectors __attribute__((section(".vectors"), used)) = { stack_top, Reset_Handler };

void Reset_Handler(void)
{
#if defined STM32L476
    RCC_AHB2ENR = 1;
#else
    RCC_AHB1ENR = 1;
#endif
    GPIOA_MODER = 1u << 10;
    for (;;) {
        GPIOA_ODR ^= 1u << 5;
        for (volatile uint32_t n = 0; n < 1000; n++)
            ;
    }
}
