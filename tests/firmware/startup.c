/* Vector table and C start-up.  Handlers that a program does not define end in Default_Handler. */
#include "board.h"

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_start[], bss_end[];
int main(void);
void Reset_Handler(void);
void Default_Handler(void);

void Reset_Handler(void)
{
    SCB_CPACR |= 0xFu << 20; /* CP10, CP11: full access, before any function saves an FPU register */
    __asm__ volatile("dsb\n isb");
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    (void)main();
    for (;;)
        __asm__ volatile("wfi");
}

void Default_Handler(void)
{
    for (;;)
        __asm__ volatile("wfi");
}

#define DEFAULT __attribute__((weak, alias("Default_Handler")))
void NMI_Handler(void) DEFAULT;
void HardFault_Handler(void) DEFAULT;
void MemManage_Handler(void) DEFAULT;
void BusFault_Handler(void) DEFAULT;
void UsageFault_Handler(void) DEFAULT;
void SVC_Handler(void) DEFAULT;
void DebugMon_Handler(void) DEFAULT;
void PendSV_Handler(void) DEFAULT;
void SysTick_Handler(void) DEFAULT;
void EXTI0_IRQHandler(void) DEFAULT;
void USART2_IRQHandler(void) DEFAULT;

typedef void handler(void);

static const struct {
    const uint32_t *sp;
    handler *system[15];
    handler *external[EXTERNAL_IRQS];
} vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    { Reset_Handler, NMI_Handler, HardFault_Handler, MemManage_Handler, BusFault_Handler, UsageFault_Handler, 0, 0, 0, 0,
      SVC_Handler, DebugMon_Handler, 0, PendSV_Handler, SysTick_Handler },
    { [EXTI0_IRQN] = EXTI0_IRQHandler, [USART2_IRQN] = USART2_IRQHandler },
};
