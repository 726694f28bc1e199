/* tests/flash/vchip/systick_test.c - the Cortex-M4 and time: SysTick, sleep, and what wakes it.
 * Programs are Thumb opcodes with their assembly beside them; time is one core cycle per instruction, and what sleep adds.
 */
#include "tests/flash/vchip/core_machine.h"

static void assert_ram(struct machine *m, uint32_t off, uint32_t want)
{
    assert_int_equal(machine_ram(m, off), want);
}

static void boot(struct machine *m, const uint16_t *code, size_t bytes)
{
    machine_load(m, code, bytes);
    core_reset(m->core, true);
}

#define BOOT(m, code) boot(m, code, sizeof code)

static void run_until_bkpt(struct machine *m)
{
    machine_debug(m);
    for (unsigned i = 0; i < 1000 && core_state(m->core) != CORE_HALTED; i++)
        (void)core_run(m->core, 1000);
    assert_int_equal(core_state(m->core), CORE_HALTED);
}

static const uint16_t systick_count[] = {
    /* loop-0x12: */
    0x4808,         /* ldr r0, [pc, #32] */
    0xf240, 0x31e7, /* movw r1, #999 */
    0x6041,         /* str r1, [r0, #4] */
    0x2100,         /* movs r1, #0 */
    0x6081,         /* str r1, [r0, #8] */
    0x2107,         /* movs r1, #7 */
    0x6001,         /* str r1, [r0, #0] */
    0x2500,         /* movs r5, #0 */
    /* loop: */
    0x3501, /* adds r5, #1 */
    0xe7fd, /* b.n loop */
    /* handler: */
    0xf04f, 0x5200, /* mov.w r2, #536870912 */
    0x6813,         /* ldr r3, [r2, #0] */
    0x3301,         /* adds r3, #1 */
    0x6013,         /* str r3, [r2, #0] */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0xe010, 0xe000, /* .word 0xe000e010 */
};
enum { systick_count_loop = 0x12, systick_count_handler = 0x16 }; /* byte offsets */

static void test_systick_interrupts_come_once_a_period(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SYSTICK, systick_count_handler);
    BOOT(m, systick_count);
    for (unsigned i = 0; i < 1000; i++)
        (void)core_run(m->core, 100);
    assert_in_range(machine_ram(m, 0), 99, 100); /* 100 000 cycles, 1000 a period */
}

static void test_systick_value_counts_down_and_countflag_clears_when_read(void **state)
{
    struct machine *m = *state;
    uint32_t v = 0;
    BOOT(m, systick_count);
    machine_poke(m, 0xe000e014, 1599);
    machine_poke(m, 0xe000e018, 5);
    assert_int_equal(machine_peek(m, 0xe000e018), 0);
    machine_poke(m, 0xe000e010, 5); /* no interrupt */
    m->slept_ns += 50000;           /* 800 cycles of 16 MHz; the first one reloads */
    assert_int_equal(machine_peek(m, 0xe000e018), 1600 - 800);
    assert_int_equal(machine_peek(m, 0xe000e010), 5);
    m->slept_ns += 50000;
    assert_int_equal(machine_peek(m, 0xe000e018), 0);
    m->slept_ns += 100625; /* a period of 1600 cycles and 10 more */
    assert_int_equal(machine_peek(m, 0xe000e018), 1600 - 10);
    m->slept_ns += 1000000007; /* 1 s and 112 ps: many periods */
    assert_int_equal(machine_peek(m, 0xe000e010), 0x10005);
    assert_int_equal(core_ppb_read(m->core, BUS_CPU_FLASH, 0xe000e010, 4, &v), BUS_OK);
    assert_int_equal(v, 0x10005);
    assert_int_equal(machine_peek(m, 0xe000e010), 5);
}

static const uint16_t sleeper[] = {
    /* loop-0x14: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x4808,         /* ldr r0, [pc, #32] */
    0xf643, 0x617f, /* movw r1, #15999 */
    0x6041,         /* str r1, [r0, #4] */
    0x2100,         /* movs r1, #0 */
    0x6081,         /* str r1, [r0, #8] */
    0x2107,         /* movs r1, #7 */
    0x6001,         /* str r1, [r0, #0] */
    /* loop: */
    0xbf30, /* wfi */
    0x6863, /* ldr r3, [r4, #4] */
    0x3301, /* adds r3, #1 */
    0x6063, /* str r3, [r4, #4] */
    0xe7fa, /* b.n loop */
    /* handler: */
    0x6822,         /* ldr r2, [r4, #0] */
    0x3201,         /* adds r2, #1 */
    0x6022,         /* str r2, [r4, #0] */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0xe010, 0xe000, /* .word 0xe000e010 */
};
enum { sleeper_loop = 0x14, sleeper_handler = 0x1e }; /* byte offsets */

static void test_wfi_sleeps_until_systick_is_due(void **state)
{
    struct machine *m = *state;
    uint64_t begin;
    machine_vector(m, EXC_SYSTICK, sleeper_handler);
    BOOT(m, sleeper);
    begin = machine_now(m);
    for (unsigned i = 1; i <= 5; i++) {
        uint64_t due;
        assert_int_equal(core_run(m->core, 1000), CORE_SLEEPING);
        assert_true((machine_peek(m, DHCSR) & S_SLEEP) != 0);
        assert_ram(m, 4, i - 1);
        due = core_wake_ns(m->core);
        assert_in_range(due - begin, i * 1000000ull, i * 1000000ull + 1000); /* 16000 cycles of 16 MHz are 1 ms */
        m->slept_ns += due - machine_now(m) - 1;
        assert_int_equal(core_run(m->core, 1000), CORE_SLEEPING); /* a nanosecond too early */
        assert_ram(m, 0, i - 1);
        m->slept_ns += 1;
    }
}

static void test_a_sleeping_core_with_no_timer_waits_for_ever_and_wakes_by_a_line(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_IRQ0 + 1, sleeper_handler);
    BOOT(m, sleeper);
    assert_int_equal(core_run(m->core, 1000), CORE_SLEEPING);
    machine_poke(m, 0xe000e010, 0);
    assert_true(core_wake_ns(m->core) == UINT64_MAX);
    machine_poke(m, 0xe000e100, 2);
    core_irq(m->core, 1, true);
    assert_true(core_wake_ns(m->core) <= machine_now(m));
    core_irq(m->core, 1, false);
    assert_int_equal(core_run(m->core, 1000), CORE_SLEEPING);
    assert_ram(m, 0, 1);
    assert_ram(m, 4, 1);
}

static const uint16_t masked_wfi[] = {
    /* .text: */
    0xb672, /* cpsid i */
    0xbf30, /* wfi */
    0x2707, /* movs r7, #7 */
    0xbe00, /* bkpt 0x0000 */
};

static void test_wfi_under_primask_wakes_without_taking_the_interrupt(void **state)
{
    struct machine *m = *state;
    BOOT(m, masked_wfi);
    assert_int_equal(core_run(m->core, 1000), CORE_SLEEPING);
    machine_poke(m, 0xe000e100, 2);
    core_irq(m->core, 1, true);
    run_until_bkpt(m);
    assert_int_equal(cpu_get(m->cpu, CPU_R0 + 7), 7);
    assert_int_equal(cpu_get(m->cpu, CPU_XPSR) & 0x1ff, 0);
}

static const uint16_t exit_sleep[] = {
    /* handler-0xe: */
    0x4805,         /* ldr r0, [pc, #20] */
    0x2102,         /* movs r1, #2 */
    0x6001,         /* str r1, [r0, #0] */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0xdf00,         /* svc 0 */
    0xbe00,         /* bkpt 0x0000 */
    /* handler: */
    0x6822,         /* ldr r2, [r4, #0] */
    0x3201,         /* adds r2, #1 */
    0x6022,         /* str r2, [r4, #0] */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0xed10, 0xe000, /* .word 0xe000ed10 */
};
enum { exit_sleep_handler = 0xe }; /* byte offsets */

static void test_sleeponexit_sleeps_when_the_last_handler_returns(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, exit_sleep_handler);
    BOOT(m, exit_sleep);
    assert_int_equal(core_run(m->core, 1000), CORE_SLEEPING);
    assert_ram(m, 0, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_systick_interrupts_come_once_a_period),
        T(test_systick_value_counts_down_and_countflag_clears_when_read),
        T(test_wfi_sleeps_until_systick_is_due),
        T(test_a_sleeping_core_with_no_timer_waits_for_ever_and_wakes_by_a_line),
        T(test_wfi_under_primask_wakes_without_taking_the_interrupt),
        T(test_sleeponexit_sleeps_when_the_last_handler_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
