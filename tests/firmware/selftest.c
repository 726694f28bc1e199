/* Firmware that tries what a core and its peripherals must be able to do, and says which of it worked: by USART2, and in
 * selftest_result, where a debugger finds it. */
#include <stdbool.h>

#include "board.h"

enum feature {
    DATA,       /* .data has its initial value */
    BSS,        /* .bss is zero */
    SVC_MSP,    /* SVC from the main stack */
    SVC_PSP,    /* SVC from the process stack */
    SYSTICK,    /* ticks come */
    PENDSV,     /* PendSV, pended by software */
    IRQ,        /* an external interrupt, pended by software */
    IRQ_MASKED, /* PRIMASK holds it back, and lets it in afterwards */
    WFI,        /* sleeps until the tick */
    UDF,        /* undefined instruction: HardFault, and on behind it */
    BUS_LOAD,   /* load from nowhere: HardFault, and on behind it */
    BUS_STORE,
    FPU,       /* arithmetic */
    FPU_STACK, /* FPU registers survive an exception that uses them */
    RNG,       /* words, not all the same */
    USART_IRQ, /* sending by TXE interrupt */
    FEATURES
};

struct result {
    uint32_t verdict; /* 0x600DC0DE all passed, 0xBADC0DE5 not, anything else: not at the end yet */
    uint32_t passed;  /* bit = enum feature */
    uint32_t wanted;
};

struct result selftest_result __attribute__((section(".result")));

static volatile uint32_t data_word = 0x12345678, bss_word;
static volatile uint32_t svc_count, ticks, pendsv_count, irq_count;
static volatile uint32_t fault_count, fault_cfsr, fault_hfsr;

static void passed(enum feature f, bool ok)
{
    if (ok)
        selftest_result.passed |= 1u << f;
}

/* ---- exceptions ---- */

void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);
void EXTI0_IRQHandler(void);
void USART2_IRQHandler(void);
void HardFault_Handler(void);
void hard_fault(uint32_t *frame);

void SVC_Handler(void)
{
    svc_count++;
}

void PendSV_Handler(void)
{
    float x = (float)pendsv_count * 3.25f; /* uses the FPU's registers, so that they have to be stacked */

    __asm__ volatile("vmov s0, %0\n vmov s31, %0" : : "r"((uint32_t)x) : "s0", "s31");
    pendsv_count++;
}

void SysTick_Handler(void)
{
    ticks++;
}

void EXTI0_IRQHandler(void)
{
    irq_count++;
}

/* Step over the instruction that has faulted: 32 bits wide if its first halfword says so (ARMv7-M ARM A5.1). */
void hard_fault(uint32_t *frame)
{
    const uint16_t *pc = (const uint16_t *)frame[6];

    frame[6] += (*pc & 0xF800) >= 0xE800 ? 4 : 2;
    fault_count++;
    fault_cfsr = SCB_CFSR;
    fault_hfsr = SCB_HFSR;
    SCB_CFSR = fault_cfsr; /* write 1 to clear */
    SCB_HFSR = fault_hfsr;
}

__attribute__((naked)) void HardFault_Handler(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b hard_fault\n");
}

/* ---- the tests ---- */

static uint32_t process_stack[64] __attribute__((aligned(8)));

/* Call f (r0) on the process stack that ends at top (r1), and come back to the main one. */
void on_psp(void (*f)(void), uint32_t *top);
__attribute__((naked, noinline)) void on_psp(__attribute__((unused)) void (*f)(void), __attribute__((unused)) uint32_t *top)
{
    __asm__ volatile("push {r4, lr}\n"
                     "mrs r4, control\n"
                     "msr psp, r1\n"
                     "orr r2, r4, #2\n"
                     "msr control, r2\n"
                     "isb\n"
                     "blx r0\n"
                     "msr control, r4\n"
                     "isb\n"
                     "pop {r4, pc}\n");
}

static void call_svc(void)
{
    __asm__ volatile("svc #0" ::: "memory");
}

static void test_svc(void)
{
    call_svc();
    passed(SVC_MSP, svc_count == 1);
    on_psp(call_svc, process_stack + 64);
    passed(SVC_PSP, svc_count == 2);
}

static void test_interrupts(void)
{
    SCB_ICSR = 1u << 28; /* PENDSVSET */
    __asm__ volatile("dsb\n isb");
    passed(PENDSV, pendsv_count == 1);

    NVIC_ISER(0) = 1u << EXTI0_IRQN;
    NVIC_ISPR(0) = 1u << EXTI0_IRQN;
    __asm__ volatile("dsb\n isb");
    passed(IRQ, irq_count == 1);

    __asm__ volatile("cpsid i" ::: "memory");
    NVIC_ISPR(0) = 1u << EXTI0_IRQN;
    __asm__ volatile("dsb\n isb");
    bool held = irq_count == 1;
    __asm__ volatile("cpsie i\n isb" ::: "memory");
    passed(IRQ_MASKED, held && irq_count == 2);
}

static void test_systick(void)
{
    SYST_RVR = HCLK_HZ / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* processor clock, interrupt, on */
    for (uint32_t i = 0; i < 100000000 && ticks < 3; i++)
        ;
    passed(SYSTICK, ticks >= 3);
    uint32_t before = ticks;
    __asm__ volatile("wfi" ::: "memory");
    __asm__ volatile("isb");
    passed(WFI, ticks > before);
    SYST_CSR = 0;
}

static void test_faults(void)
{
    enum { UNDEFINSTR = 1 << 16, PRECISERR = 1 << 9, FORCED = 1 << 30 };
    static const uint32_t nowhere = 0x60000000; /* no memory controller behind it */

    __asm__ volatile("udf #0" ::: "memory");
    passed(UDF, fault_count == 1 && (fault_cfsr & UNDEFINSTR) != 0 && (fault_hfsr & FORCED) != 0);
    (void)REG(nowhere);
    passed(BUS_LOAD, fault_count == 2 && (fault_cfsr & PRECISERR) != 0 && (fault_hfsr & FORCED) != 0);
    REG(nowhere) = 1;
    __asm__ volatile("dsb"); /* a store may fault late (IMPRECISERR): only that it does counts */
    passed(BUS_STORE, fault_count == 3 && (fault_hfsr & FORCED) != 0);
}

static void test_fpu(void)
{
    volatile float x = 1.5f, y = 2.25f;
    volatile float z = x * y + 0.125f; /* exact in binary */
    uint32_t s0, s31;

    passed(FPU, z == 3.5f && (uint32_t)(z * 1000.0f) == 3500);
    __asm__ volatile("vmov s0, %2\n vmov s31, %3\n"
                     "ldr r2, =0xE000ED04\n mov r3, #0x10000000\n str r3, [r2]\n dsb\n isb\n" /* PendSV now */
                     "vmov %0, s0\n vmov %1, s31\n"
                     : "=&r"(s0), "=&r"(s31)
                     : "r"(0x3F8CCCCD), "r"(0x40066666)
                     : "r2", "r3", "s0", "s31", "memory");
    passed(FPU_STACK, s0 == 0x3F8CCCCD && s31 == 0x40066666 && pendsv_count == 2);
}

static void test_rng(void)
{
    uint32_t word[4];

    RNG_CR = 1u << 2; /* RNGEN */
    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t n = 0; (RNG_SR & 1) == 0; n++)
            if (n == 100000)
                return;
        word[i] = RNG_DR;
    }
    passed(RNG, (RNG_SR & 0x66) == 0 && (word[0] != word[1] || word[1] != word[2] || word[2] != word[3]));
}

/* ---- USART2 ---- */

static const char *volatile sending;

void USART2_IRQHandler(void)
{
    if (*sending != '\0')
        USART2_TDR = (uint32_t)*sending++;
    else
        USART2_CR1 &= ~(uint32_t)USART_TXEIE;
}

static void usart_init(void)
{
    USART2_BRR = HCLK_HZ / 115200;
    USART2_CR1 = USART_UE | USART_TE | USART_RE;
    NVIC_ISER(USART2_IRQN / 32) = 1u << USART2_IRQN % 32;
}

static bool say(const char *text)
{
    sending = text;
    USART2_CR1 |= USART_TXEIE;
    for (uint32_t n = 0; n < 100000000; n++)
        if (*sending == '\0' && (USART2_SR & USART_TC) != 0)
            return true;
    return false;
}

static void say_hex(uint32_t v)
{
    static char text[] = "00000000";

    for (unsigned i = 0; i < 8; i++)
        text[i] = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
    (void)say(text);
}

int main(void)
{
    selftest_result = (struct result){ .wanted = (1u << FEATURES) - 1 };
    board_clocks();
    usart_init();

    passed(DATA, data_word == 0x12345678);
    passed(BSS, bss_word == 0);
    test_svc();
    test_interrupts();
    test_systick();
    test_faults();
    test_fpu();
    test_rng();
    passed(USART_IRQ, say("selftest " BOARD " "));

    bool all = selftest_result.passed == selftest_result.wanted;
    if (all) {
        (void)say("PASS\r\n");
    } else {
        (void)say("FAIL passed ");
        say_hex(selftest_result.passed);
        (void)say("\r\n");
    }
    selftest_result.verdict = all ? 0x600DC0DE : 0xBADC0DE5;
    return 0;
}
