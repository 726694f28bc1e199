/* Vector table and C start-up.  ARMv7-M ARM B1.5.3. */
#include "firmware-stub/startup.h"

#include <stddef.h>

#include "firmware-stub/fault.h"
#include "firmware-stub/stm32.h"

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[];

void Reset_Handler(void);
void Fault_Handler(void);
void fault_at(const uint32_t *frame)
    __attribute__((used)); /* called from assembly, which link-time optimisation does not read */
void NMI_Handler(void);
void SysTick_Handler(void);
void USART2_IRQHandler(void);

void Reset_Handler(void)
{
    uint32_t *sp = __builtin_frame_address(0);
    for (uint32_t *p = stack_limit; p < sp - 16; p++) /* this function's own frame lies above */
        *p = STACK_PAINT;
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    /* cppcheck-suppress comparePointers ; both are the linker's, of one section */
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    (void)main();
    fault_die(DEVICE_FAULT, 0); /* main does not return */
}

void fault_at(const uint32_t *frame)
{
    fault_die(DEVICE_FAULT, frame[6]); /* stacked return address */
}

/* All faults escalate to HardFault.  A stack pointer outside RAM would fault again at the first push: reset it first. */
__attribute__((naked)) void Fault_Handler(void)
{
    __asm__ volatile("mrs r0, msp\n"
                     "ldr r1, =stack_top\n"
                     "ldr r2, =stack_limit\n"
                     "cmp r0, r2\n"
                     "it lo\n"
                     "movlo r0, r2\n"
                     "msr msp, r1\n"
                     "b fault_at\n");
}

/* A chip that has a reason for one defines its own. */
__attribute__((weak, alias("Fault_Handler"))) void NMI_Handler(void);

typedef void handler(void);

static const struct {
    const uint32_t *sp;
    handler *system[15];
    handler *external[EXTERNAL_IRQS];
} vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    { Reset_Handler, NMI_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, NULL, NULL, NULL, NULL,
      Fault_Handler, Fault_Handler, NULL, Fault_Handler, SysTick_Handler },
    { [USART2_IRQN] = USART2_IRQHandler },
};
